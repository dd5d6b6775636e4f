//! A processor that tries everything that reaches out of the sandbox, and writes to span attributes what it
//! found. It must find nothing.
#![cfg(target_family = "wasm")]

use exports::spanloom::plugin::processing;
use spanloom::plugin::{
    batches::Batch,
    clock,
    http::{self, Request},
    spans::{SpanBatch, Value},
    types::{ConfigError, Failure},
};

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package spanloom:guests;
        world guest {
            include spanloom:plugin/processor@0.1.0;
        }
    ",
    world: "spanloom:guests/guest",
    generate_all,
});

/// The secret that the host adds to requests. Each byte has one bit flipped, so that this copy in memory is
/// not found.
const SECRET: [u8; 18] = flipped(*b"hunter2-is-a-token");
const FLIP: u8 = 0x80;

struct Plugin;

export!(Plugin);

impl processing::Guest for Plugin {
    fn configure(config: String) -> Result<(), ConfigError> {
        // The config must not contain the secret of the grants either.
        assert!(!holds_secret(config.as_bytes()), "the config has the secret");
        Ok(())
    }

    fn process(batch: Batch) -> Result<Vec<Batch>, Failure> {
        let Batch::Spans(spans) = batch else { return Ok(vec![batch]) };
        let tell = |key: &str, found: String| {
            spans.set(0, key, &Value::Text(found)).expect("a span");
        };
        tell("snoop.http", ask(&spans));
        tell("snoop.arguments", format!("{:?}", wasip2::cli::environment::get_arguments()));
        tell("snoop.environment", format!("{:?}", wasip2::cli::environment::get_environment()));
        tell("snoop.folder", format!("{:?}", wasip2::cli::environment::initial_cwd()));
        tell("snoop.files", format!("{}", wasip2::filesystem::preopens::get_directories().len()));
        tell("snoop.input", format!("{:?}", wasip2::cli::stdin::get_stdin().blocking_read(100).ok()));
        tell("snoop.sockets", sockets());
        tell("snoop.clocks", clocks());
        tell("snoop.memory", format!("{} secrets", secrets()));
        Ok(vec![Batch::Spans(spans)])
    }
}

/// Asks the server at the URL in the first span's name. The answer stays in memory while the memory is
/// searched.
fn ask(spans: &SpanBatch) -> String {
    let url = spans.span(0).expect("a span").name;
    let request =
        Request { method: "POST".into(), url, headers: vec![], body: b"hello".into(), timeout_ms: None };
    match http::send(&request) {
        Ok(answer) => {
            format!("{} {} {:?}", answer.status, String::from_utf8_lossy(&answer.body), answer.headers)
        }
        Err(error) => format!("{error:?}"),
    }
}

/// Lists what works of TCP, UDP and names.
fn sockets() -> String {
    use wasip2::sockets::{instance_network, ip_name_lookup, network, tcp_create_socket, udp_create_socket};
    let network = instance_network::instance_network();
    let any = network::IpSocketAddress::Ipv4(network::Ipv4SocketAddress { port: 0, address: (0, 0, 0, 0) });
    let local =
        network::IpSocketAddress::Ipv4(network::Ipv4SocketAddress { port: 22, address: (127, 0, 0, 1) });
    let mut had = Vec::new();
    if let Ok(socket) = tcp_create_socket::create_tcp_socket(network::IpAddressFamily::Ipv4) {
        if socket.start_bind(&network, any).and_then(|()| socket.finish_bind()).is_ok() {
            had.push("tcp bind");
        }
        if socket.start_connect(&network, local).is_ok() {
            socket.subscribe().block();
            if socket.finish_connect().is_ok() {
                had.push("tcp connect");
            }
        }
    }
    if let Ok(socket) = udp_create_socket::create_udp_socket(network::IpAddressFamily::Ipv4) {
        if socket.start_bind(&network, any).and_then(|()| socket.finish_bind()).is_ok() {
            had.push("udp bind");
        }
    }
    if let Ok(names) = ip_name_lookup::resolve_addresses(&network, "localhost") {
        names.subscribe().block();
        if matches!(names.resolve_next_address(), Ok(Some(_))) {
            had.push("names");
        }
    }
    had.join(", ")
}

/// Lists the clocks that are finer than whole milliseconds.
fn clocks() -> String {
    let read: [(&str, fn() -> u64); 4] = [
        ("monotonic", clock::monotonic_nano),
        ("wall", clock::now_unix_nano),
        ("wasi monotonic", wasip2::clocks::monotonic_clock::now),
        ("wasi wall", || u64::from(wasip2::clocks::wall_clock::now().nanoseconds)),
    ];
    let is_fine = |read: fn() -> u64| (0..1000).any(|_| read() % 1_000_000 != 0);
    let fine: Vec<&str> = read.into_iter().filter(|(_, read)| is_fine(*read)).map(|(name, _)| name).collect();
    fine.join(", ")
}

/// Counts how often the secret is in this guest's memory.
fn secrets() -> usize {
    let len = core::arch::wasm32::memory_size(0) << 16;
    // SAFETY: all of a guest's memory may be read by it; nothing writes to it meanwhile.
    let memory = unsafe { core::slice::from_raw_parts(1 as *const u8, len - 1) };
    memory.windows(SECRET.len()).filter(|window| holds_secret(window)).count()
}

fn holds_secret(bytes: &[u8]) -> bool {
    bytes
        .windows(SECRET.len())
        .any(|window| window.iter().zip(&SECRET).all(|(byte, secret)| byte ^ FLIP == *secret))
}

const fn flipped(text: [u8; 18]) -> [u8; 18] {
    let (mut flipped, mut at) = (text, 0);
    while at < flipped.len() {
        flipped[at] ^= FLIP;
        at += 1;
    }
    flipped
}
