//! How a destination is reached: the forms of an endpoint, Unix sockets, and proxies of the environment. And how a
//! receiver is: by `transport`.

use std::path::Path;

use anyhow::Result;
use futures::join;
use tokio::net::{TcpStream, UnixStream};

use super::tls::Authority;
use crate::{
    configs, front,
    http1::{self, Request},
    observation::{Case, Observation},
    payload::{self, SPAN},
    side::{Binaries, Kind, SOCKET, Setup, Side},
    trial::{self, Trial},
};

const KEYS: &str = "timeout: 2s
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}";

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let authority = Authority::new("of the destination")?;
    let trials = endpoints().into_iter().chain(proxies(&authority)?);
    let headers = ["host", "proxy-authorization", "via"];
    let mut cases = trial::run(binaries, trials.collect(), &headers).await?;
    for (name, config) in transports() {
        let (collector, spanloom) =
            join!(received(Kind::Collector, binaries, &config), received(Kind::Spanloom, binaries, &config));
        cases.push(Case { name: format!("receiver-{name}"), collector: collector?, spanloom: spanloom? });
    }
    Ok(cases)
}

fn http(keys: &str) -> String {
    format!("otlp_http:\n    {KEYS}\n    {}", keys.replace('\n', "\n    "))
}

fn grpc(keys: &str) -> String {
    format!("otlp_grpc:\n    {KEYS}\n    {}", keys.replace('\n', "\n    "))
}

fn endpoints() -> Vec<Trial> {
    let trial = |protocol: &str, name: &str, exporter: String| Trial {
        name: format!("{protocol}-{name}"),
        setup: Setup {
            fronts: vec![front::Kind::Socket],
            ..Setup::of(&[configs::relay_with("", "", &exporter)])
        },
    };
    let of_grpc = GRPC_ENDPOINTS.iter().map(|(name, endpoint)| {
        trial("grpc", name, grpc(&format!("endpoint: \"{endpoint}\"\ntls: {{insecure: true}}")))
    });
    let of_http = HTTP_ENDPOINTS
        .iter()
        .map(|(name, endpoint)| trial("http", name, http(&format!("endpoint: \"{endpoint}\""))));
    of_grpc.chain(of_http).collect()
}

type Rows = &'static [(&'static str, &'static str)];

const GRPC_ENDPOINTS: Rows = &[
    ("plain", "${env:STUB}"),
    ("dns", "dns:///localhost:${env:STUB_PORT}"),
    ("dns-one-colon", "dns:localhost:${env:STUB_PORT}"),
    ("dns-address", "dns:///${env:STUB}"),
    ("dns-upper-case", "DNS:///localhost:${env:STUB_PORT}"),
    ("dns-authority-bad", "dns://nobody.test/localhost:${env:STUB_PORT}"),
    ("dns-no-port", "dns:///localhost"),
    ("dns-no-host", "dns:///"),
    ("dns-unknown", "dns:///no-such-host.invalid:4317"),
    ("passthrough", "passthrough:///${env:STUB}"),
    ("passthrough-one-colon", "passthrough:${env:STUB}"),
    ("passthrough-name", "passthrough:///localhost:${env:STUB_PORT}"),
    ("passthrough-authority", "passthrough://x/${env:STUB}"),
    ("passthrough-empty", "passthrough:///"),
    ("unix", "unix://${env:FOLDER}/stub.sock"),
    ("unix-one-colon", "unix:${env:FOLDER}/stub.sock"),
    ("unix-relative", "unix:stub.sock"),
    ("unix-relative-slashes", "unix://stub.sock"),
    ("unix-missing", "unix:///nowhere.sock"),
    ("unix-no-path", "unix://"),
    ("unix-abstract", "unix-abstract:nobody"),
    ("ipv4", "ipv4:${env:STUB}"),
    ("ipv4-two", "ipv4:${env:STUB},${env:STUB}"),
    ("ipv6", "ipv6:[::1]:${env:STUB_PORT}"),
    ("xds", "xds:///nobody"),
    ("scheme-unknown", "nobody:///${env:STUB}"),
    ("https", "https://${env:STUB}"),
    ("port-name", "127.0.0.1:http"),
    ("port-too-large", "127.0.0.1:99999"),
    ("no-host", ":${env:STUB_PORT}"),
    ("spaces", " ${env:STUB} "),
    ("empty", ""),
];

const HTTP_ENDPOINTS: Rows = &[
    ("dns", "dns:///localhost:${env:STUB_PORT}"),
    ("unix", "unix://${env:FOLDER}/stub.sock"),
    ("http-unix", "http+unix://stub.sock"),
    ("no-host", "http://:${env:STUB_PORT}"),
    ("no-host-path", "http://:${env:STUB_PORT}/base"),
    ("no-host-no-port", "http:///base"),
    ("ipv6", "http://[::1]:${env:STUB_PORT}"),
    ("zone", "http://[::1%25lo]:${env:STUB_PORT}"),
    ("fragment", "http://${env:STUB}/#x"),
    ("escaped-path", "http://${env:STUB}/a%20b"),
    ("space", "http://${env:STUB}/a b"),
    ("port-bad", "http://127.0.0.1:x"),
    ("scheme-unknown", "ftp://${env:STUB}"),
    ("empty", ""),
];

/// Exporters to a host that has no address, so that only a proxy reaches it.
fn proxies(authority: &Authority) -> Result<Vec<Trial>> {
    let fronts = vec![front::Kind::Tls(authority.server()?), front::Kind::Proxy];
    let trial = |(name, exporter, environment): &Proxied| Trial {
        name: format!("proxy-{name}"),
        setup: Setup {
            files: authority.files(),
            environment: environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            fronts: fronts.clone(),
            ..Setup::of(&[configs::relay_with("", "", &exporter_of(exporter))])
        },
    };
    Ok(PROXIED.iter().map(trial).collect())
}

/// Returns the exporter that a short name stands for.
fn exporter_of(name: &str) -> String {
    let tls = "tls: {ca_file: ca.pem}";
    match name {
        "http" => http("endpoint: \"http://collector.test:4318\""),
        "http-port-80" => http("endpoint: \"http://collector.test\""),
        "https" => http(&format!("endpoint: \"https://collector.test:{}\"\n{tls}", front::TLS_PORT)),
        "http-loopback" => http("endpoint: \"http://${env:STUB}\""),
        "http-localhost" => http("endpoint: \"http://localhost:${env:STUB_PORT}\""),
        "http-proxy-url" => {
            http("endpoint: \"http://collector.test:4318\"\nproxy_url: \"http://${env:PROXY}\"")
        }
        "http-proxy-url-bad" => http("endpoint: \"http://collector.test:4318\"\nproxy_url: \"http://[::1\""),
        "http-proxy-url-loopback" => {
            http("endpoint: \"http://${env:STUB}\"\nproxy_url: \"http://${env:PROXY}\"")
        }
        "grpc-tls" => grpc(&format!("endpoint: \"collector.test:{}\"\n{tls}", front::TLS_PORT)),
        endpoint => grpc(&format!("endpoint: \"{endpoint}\"\ntls: {{insecure: true}}")),
    }
}

/// A name, the exporter, and the variables.
type Proxied = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const NAMED: &str = "collector.test:4317";

const PROXIED: &[Proxied] = &[
    ("http-none", "http", &[]),
    ("http", "http", &[("HTTP_PROXY", "http://{PROXY}")]),
    ("http-lower-case", "http", &[("http_proxy", "http://{PROXY}")]),
    ("http-both-cases", "http", &[("http_proxy", "http://127.0.0.1:1"), ("HTTP_PROXY", "http://{PROXY}")]),
    ("http-port-80", "http-port-80", &[("HTTP_PROXY", "http://{PROXY}")]),
    ("http-no-scheme", "http", &[("HTTP_PROXY", "{PROXY}")]),
    ("http-slash", "http", &[("HTTP_PROXY", "http://{PROXY}/")]),
    ("http-empty", "http", &[("HTTP_PROXY", "")]),
    ("http-bad", "http", &[("HTTP_PROXY", "http://[::1")]),
    ("http-socks", "http", &[("HTTP_PROXY", "socks5://127.0.0.1:1")]),
    ("http-scheme-unknown", "http", &[("HTTP_PROXY", "ftp://{PROXY}")]),
    ("http-login", "http", &[("HTTP_PROXY", "http://user:p%40ss@{PROXY}")]),
    ("http-by-https", "http", &[("HTTPS_PROXY", "http://{PROXY}")]),
    ("http-by-all", "http", &[("ALL_PROXY", "http://{PROXY}")]),
    ("http-cgi", "http", &[("HTTP_PROXY", "http://{PROXY}"), ("REQUEST_METHOD", "GET")]),
    ("http-excepted", "http", &[("HTTP_PROXY", "http://{PROXY}"), ("NO_PROXY", "collector.test")]),
    ("http-excepted-lower-case", "http", &[("HTTP_PROXY", "http://{PROXY}"), ("no_proxy", "collector.test")]),
    ("http-excepted-domain", "http", &[("HTTP_PROXY", "http://{PROXY}"), ("NO_PROXY", "x, .test")]),
    ("http-excepted-suffix", "http", &[("HTTP_PROXY", "http://{PROXY}"), ("NO_PROXY", "test")]),
    ("http-excepted-port", "http", &[("HTTP_PROXY", "http://{PROXY}"), ("NO_PROXY", "collector.test:4318")]),
    (
        "http-excepted-other-port",
        "http",
        &[("HTTP_PROXY", "http://{PROXY}"), ("NO_PROXY", "collector.test:1")],
    ),
    ("http-excepted-all", "http", &[("HTTP_PROXY", "http://{PROXY}"), ("NO_PROXY", "*")]),
    ("http-excepted-wildcard", "http", &[("HTTP_PROXY", "http://{PROXY}"), ("NO_PROXY", "*.test")]),
    ("http-excepted-other", "http", &[("HTTP_PROXY", "http://{PROXY}"), ("NO_PROXY", "or.test,10.0.0.0/8")]),
    ("http-loopback", "http-loopback", &[("HTTP_PROXY", "http://{PROXY}")]),
    ("http-localhost", "http-localhost", &[("HTTP_PROXY", "http://{PROXY}")]),
    ("https", "https", &[("HTTPS_PROXY", "http://{PROXY}")]),
    ("https-lower-case", "https", &[("https_proxy", "http://{PROXY}")]),
    ("https-by-http", "https", &[("HTTP_PROXY", "http://{PROXY}")]),
    ("https-login", "https", &[("HTTPS_PROXY", "http://user:pw@{PROXY}")]),
    ("https-excepted", "https", &[("HTTPS_PROXY", "http://{PROXY}"), ("NO_PROXY", ".test")]),
    ("url", "http-proxy-url", &[]),
    ("url-over-variable", "http-proxy-url", &[("HTTP_PROXY", "http://127.0.0.1:1")]),
    ("url-excepted", "http-proxy-url", &[("NO_PROXY", "*")]),
    ("url-loopback", "http-proxy-url-loopback", &[]),
    ("url-bad", "http-proxy-url-bad", &[]),
    ("grpc-none", NAMED, &[]),
    ("grpc", NAMED, &[("HTTPS_PROXY", "http://{PROXY}")]),
    ("grpc-by-http", NAMED, &[("HTTP_PROXY", "http://{PROXY}")]),
    ("grpc-login", NAMED, &[("HTTPS_PROXY", "http://user:pw@{PROXY}")]),
    ("grpc-excepted", NAMED, &[("HTTPS_PROXY", "http://{PROXY}"), ("NO_PROXY", "collector.test")]),
    ("grpc-dns", "dns:///collector.test:4317", &[("HTTPS_PROXY", "http://{PROXY}")]),
    ("grpc-passthrough", "passthrough:///collector.test:4317", &[("HTTPS_PROXY", "http://{PROXY}")]),
    ("grpc-loopback", "${env:STUB}", &[("HTTPS_PROXY", "http://{PROXY}")]),
    ("grpc-localhost", "localhost:${env:STUB_PORT}", &[("HTTPS_PROXY", "http://{PROXY}")]),
    ("grpc-http-scheme", "http://collector.test:4317", &[("HTTPS_PROXY", "http://{PROXY}")]),
    ("grpc-bad", NAMED, &[("HTTPS_PROXY", "http://[::1")]),
    ("grpc-tls", "grpc-tls", &[("HTTPS_PROXY", "http://{PROXY}")]),
    ("grpc-tls-by-http", "grpc-tls", &[("HTTP_PROXY", "http://{PROXY}")]),
];

/// Receivers by the keys of their servers: of gRPC, and of HTTP.
fn transports() -> Vec<(&'static str, String)> {
    let tcp = ("endpoint: \"${env:GRPC}\"", "endpoint: \"${env:HTTP}\"");
    let socket = "endpoint: otlp.sock, transport: unix";
    let rows = [
        ("http-unix", tcp.0, socket),
        ("http-unix-absolute", tcp.0, "endpoint: \"${env:FOLDER}/otlp.sock\", transport: unix"),
        ("http-unix-no-folder", tcp.0, "endpoint: nowhere/otlp.sock, transport: unix"),
        ("http-tcp-socket", tcp.0, "endpoint: otlp.sock, transport: tcp"),
        ("http-tcp", tcp.0, "endpoint: \"${env:HTTP}\", transport: tcp"),
        ("http-tcp4", tcp.0, "endpoint: \"localhost:${env:HTTP_PORT}\", transport: tcp4"),
        ("http-tcp6", tcp.0, "endpoint: \"localhost:${env:HTTP_PORT}\", transport: tcp6"),
        ("http-upper-case", tcp.0, "endpoint: \"${env:HTTP}\", transport: TCP"),
        ("http-unknown", tcp.0, "endpoint: \"${env:HTTP}\", transport: nobody"),
        ("http-udp", tcp.0, "endpoint: \"${env:HTTP}\", transport: udp"),
        ("http-empty", tcp.0, "endpoint: \"${env:HTTP}\", transport: \"\""),
        ("grpc-unix", "endpoint: grpc.sock, transport: unix", tcp.1),
        ("grpc-tcp4", "endpoint: \"${env:GRPC}\", transport: tcp4", tcp.1),
        ("grpc-unknown", "endpoint: \"${env:GRPC}\", transport: nobody", tcp.1),
        ("grpc-udp", "endpoint: \"${env:GRPC}\", transport: udp", tcp.1),
        ("both-one-socket", socket, socket),
    ];
    let config = |grpc: &str, http: &str| {
        configs::relay()
            .replace(&format!("grpc: {{{}}}", tcp.0), &format!("grpc: {{{grpc}}}"))
            .replace(&format!("http: {{{}}}", tcp.1), &format!("http: {{{http}}}"))
    };
    rows.map(|(name, grpc, http)| (name, config(grpc, http))).to_vec()
}

/// Starts a side, and returns which of its doors are open.
async fn received(kind: Kind, binaries: &Binaries, config: &str) -> Result<Observation> {
    let mut side = match trial::started(kind, binaries, &Setup::of(&[config.to_owned()])).await? {
        Ok(side) => side,
        Err(seen) => return Ok(seen),
    };
    let folder = side.folder.path().to_owned();
    let request = Request::post("/v1/traces", "application/json", payload::span(SPAN)).bytes();
    let by_socket = match UnixStream::connect(folder.join(SOCKET)).await {
        Ok(stream) => trial::status(http1::exchange_on(stream, &request, false).await),
        Err(_) => "closed".to_owned(),
    };
    let by_tcp = match TcpStream::connect(side.at.http).await {
        Ok(stream) => trial::status(http1::exchange_on(stream, &request, false).await),
        Err(_) => "closed".to_owned(),
    };
    let grpc_by_socket = is_open(UnixStream::connect(folder.join("grpc.sock")).await.is_ok());
    let grpc_by_tcp = is_open(TcpStream::connect(side.at.grpc).await.is_ok());
    let mode = mode(&folder.join(SOCKET));
    side.stop().await;
    Ok(Observation::default()
        .with("start", "starts")
        .with("http by the socket", by_socket)
        .with("http by TCP", by_tcp)
        .with("grpc by the socket", grpc_by_socket)
        .with("grpc by TCP", grpc_by_tcp)
        .with("mode of the socket", mode)
        .with("sockets afterwards", sockets(&side)))
}

fn is_open(open: bool) -> &'static str {
    if open { "open" } else { "closed" }
}

fn mode(path: &Path) -> String {
    let metadata = std::fs::metadata(path);
    let mode = metadata.map(|file| std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777);
    mode.map_or_else(|_| "none".to_owned(), |mode| format!("{mode:o}"))
}

fn sockets(side: &Side) -> String {
    let left = [SOCKET, "grpc.sock"].into_iter().filter(|name| side.folder.path().join(name).exists());
    left.collect::<Vec<_>>().join(", ")
}
