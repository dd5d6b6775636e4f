//! Tests WASI with a guest (`guest.wat`), and the hook behind `wasi:http`.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use wasmtime::{
    Engine, Store,
    component::{Component, Linker},
};

use super::{
    output::{OnLine, Output},
    *,
};
use crate::plugin::{
    config::LimitsConfig,
    guest::{Shared, failure::Overrun, limits::Limits},
};

struct Probe {
    store: Store<Guest>,
    instance: wasmtime::component::Instance,
    printed: Heard,
}

type Heard = Arc<Mutex<Vec<(Output, String)>>>;

/// Records the printed lines.
fn ear() -> (OnLine, Heard) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = heard.clone();
    (Arc::new(move |output, line: &str| ear.lock().unwrap().push((output, line.to_owned()))), heard)
}

impl Probe {
    async fn start() -> Probe {
        let limits = Limits::from(&LimitsConfig::default());
        let shared = Shared::of_nobody("probe", "probe", &limits).unwrap();
        let mut guest = Guest::new(&shared);
        let (on_line, printed) = ear();
        guest.wasi = WasiState::new(
            WasiSettings { on_line, ..shared.wasi.clone() },
            &guest.deadline,
            &guest.last_words,
        );
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker).unwrap();
        let component = Component::new(&engine, wat::parse_str(include_str!("guest.wat")).unwrap()).unwrap();
        let mut store = Store::new(&engine, guest);
        let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
        Probe { store, instance, printed }
    }

    async fn call(&mut self, name: &str, within: Duration) -> wasmtime::Result<u64> {
        let deadline = self.store.data().deadline.clone();
        deadline.start(Instant::now(), within);
        let function = self.instance.get_typed_func::<(), (u64,)>(&mut self.store, name).unwrap();
        Ok(deadline.limit(pin!(function.call_async(&mut self.store, ()))).await?.0)
    }

    async fn ask(&mut self, name: &str) -> u64 {
        self.call(name, Duration::from_secs(10)).await.unwrap()
    }
}

#[tokio::test]
async fn nothing_is_behind_wasi() {
    const CLOSED: u64 = 256 + 1;
    const ACCESS_DENIED: u64 = 256 + 1;
    let mut probe = Probe::start().await;
    for (question, answer) in [
        ("environment", 0),
        ("arguments", 0),
        ("directory", 0),
        ("directories", 0),
        ("input", CLOSED),
        ("socket", ACCESS_DENIED),
    ] {
        assert_eq!(probe.ask(question).await, answer, "{question}");
    }
}

#[tokio::test]
async fn clocks_tell_whole_milliseconds() {
    let mut probe = Probe::start().await;
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(probe.ask("seconds").await.abs_diff(now_s) <= 2);
    assert_eq!(probe.ask("resolution").await, 1_000_000);
    let before = probe.ask("monotonic").await;
    probe.ask("sleep-a-millisecond").await;
    let after = probe.ask("monotonic").await;
    assert!(after > before, "{before} {after}");
    for nanos in [before, after, probe.ask("nanoseconds").await] {
        assert_eq!(nanos % 1_000_000, 0);
    }
}

#[tokio::test]
async fn what_is_printed_is_told_by_lines() {
    let mut probe = Probe::start().await;
    assert_eq!(probe.ask("print").await, 0);
    assert_eq!(*probe.printed.lock().unwrap(), [(Output::Stdout, "one".to_owned())]);
    drop(probe.store);
    assert_eq!(probe.printed.lock().unwrap().last().unwrap().1, "two");
}

/// A sleeping guest runs no code that an epoch could end.
#[tokio::test]
async fn sleeping_is_ended_with_the_calls_time() {
    let mut probe = Probe::start().await;
    let begun = Instant::now();
    let error = probe.call("sleep-an-hour", Duration::from_millis(30)).await.unwrap_err();
    assert!(error.is::<Overrun>(), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

mod http {
    use axum::{Router, body::Body, routing::any};
    use http_body_util::{BodyExt as _, Full, StreamBody};
    use serde_json::{Value, json};
    use wasmtime_wasi_http::{Error, WasiBody, WasiHttpHooks};

    use super::*;
    use crate::{
        config::Node,
        plugin::{
            guest::wasi::http::MAX_REQUESTS,
            outside::http::{HttpClient, HttpGrantConfig, HttpLimits, tests::serve},
        },
        telemetry::Telemetry,
    };

    fn hooks(grants: Value, limits: HttpLimits) -> (GrantedHttp, Heard) {
        let grants: Vec<HttpGrantConfig> = Node::from_json(grants).read().unwrap();
        let client = HttpClient::new("probe", &grants, limits, &Telemetry::new()).unwrap();
        let (on_line, heard) = ear();
        (GrantedHttp::new(Arc::new(client), on_line, Deadline::new()), heard)
    }

    fn post(url: &str, body: WasiBody) -> ::http::Request<WasiBody> {
        ::http::Request::post(url).header("host", "elsewhere").body(body).unwrap()
    }

    fn whole(bytes: &'static [u8]) -> WasiBody {
        Full::from(bytes).map_err(|never| match never {}).boxed_unsync()
    }

    async fn send(
        hooks: &mut GrantedHttp,
        request: ::http::Request<WasiBody>,
    ) -> Result<::http::Response<WasiBody>, Error> {
        let sending = hooks.send_request(request, None, Box::new(async { Ok(()) }));
        Box::into_pin(sending).await.map(|(response, _)| response)
    }

    async fn echo() -> String {
        serve(Router::new().fallback(any(async |body: Body| body))).await
    }

    #[tokio::test]
    async fn wasi_http_reaches_what_http_reaches() {
        let (granted, other) = (echo().await, echo().await);
        let (mut hooks, heard) = hooks(json!([granted]), HttpLimits::default());
        let response = send(&mut hooks, post(&granted, whole(b"said"))).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "said");
        let denied = send(&mut hooks, post(&other, whole(b"said"))).await;
        assert!(matches!(denied, Err(Error::HttpRequestDenied)));
        let (output, line) = heard.lock().unwrap().pop().unwrap();
        assert!(
            output == Output::Stderr && line.contains(&format!("grants: {{ http: [{other}] }}")),
            "{line}"
        );
    }

    /// Bodies are limited while they stream, and a guest that never ends a body does not wait for ever.
    #[tokio::test]
    async fn bodies_are_bounded() {
        let origin = echo().await;
        let timeout = Duration::from_millis(50);
        let limits = HttpLimits { max_request_bytes: 10, timeout, ..HttpLimits::default() };
        let (mut hooks, _) = hooks(json!([origin]), limits);
        let large = send(&mut hooks, post(&origin, whole(b"12345678901"))).await;
        assert!(matches!(large, Err(Error::HttpRequestBodySize(None))));
        let unfinished: WasiBody = StreamBody::new(futures::stream::pending()).boxed_unsync();
        let late = send(&mut hooks, post(&origin, unfinished)).await;
        assert!(matches!(late, Err(Error::HttpResponseTimeout)));
    }

    /// Responses that a guest keeps are counted too.
    #[tokio::test]
    async fn a_guest_has_few_requests_at_a_time() {
        let origin = echo().await;
        let (mut hooks, _) = hooks(json!([origin]), HttpLimits::default());
        let mut held: Vec<::http::Response<WasiBody>> = Vec::new();
        for _ in 0..MAX_REQUESTS {
            held.push(send(&mut hooks, post(&origin, whole(b""))).await.unwrap());
        }
        let one_more = send(&mut hooks, post(&origin, whole(b""))).await;
        assert!(matches!(one_more, Err(Error::ConnectionLimitReached)));
        held.pop();
        assert!(send(&mut hooks, post(&origin, whole(b""))).await.is_ok());
    }

    #[tokio::test]
    async fn time_stands_still_while_a_request_is_under_way() {
        let slow = async || tokio::time::sleep(Duration::from_millis(1500)).await;
        let origin = serve(Router::new().fallback(any(slow))).await;
        let (mut hooks, _) = hooks(json!([origin]), HttpLimits::default());
        let deadline = hooks.deadline();
        deadline.start(Instant::now(), Duration::from_secs(1));
        let answered = pin!(async { Ok(send(&mut hooks, post(&origin, whole(b""))).await.is_ok()) });
        assert!(deadline.limit(answered).await.unwrap());
        let waiting = pin!(futures::future::pending::<wasmtime::Result<()>>());
        assert!(deadline.limit(waiting).await.is_err());
    }
}
