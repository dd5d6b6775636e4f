//! Measures the requests of a port, at the level `detailed`: how long they took, and how large they were.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use http_body::{Body as _, Frame, SizeHint};

use super::Listener;
use crate::telemetry::{
    Telemetry,
    requests::{HttpRequests, RpcRequests, rpc_method_of},
};

/// What the requests of a port are measured as.
#[derive(Clone)]
pub enum Measures {
    /// As requests over HTTP, with those paths as labels for which this is true.
    Http(Arc<dyn Fn(&str) -> bool + Send + Sync>),
    /// As calls of OTLP's methods over gRPC.
    Grpc,
}

impl Measures {
    /// `is_route` is true for a fixed set of paths.
    pub fn http(is_route: impl Fn(&str) -> bool + Send + Sync + 'static) -> Measures {
        Measures::Http(Arc::new(is_route))
    }
}

/// Wraps the router so that its requests are measured. Below the level `detailed`, returns it as it is.
pub fn measured(
    router: Router,
    measures: &Measures,
    telemetry: &Arc<Telemetry>,
    listener: &Listener,
    is_tls: bool,
) -> Router {
    if !telemetry.is_detailed() {
        return router;
    }
    match measures {
        Measures::Http(is_route) => {
            let (address, port) = match listener.address() {
                Ok(Some(address)) => (address.ip().to_string(), address.port()),
                // A Unix socket has a path, and no port.
                _ => (listener.to_string(), 0),
            };
            let requests = Arc::new(HttpRequests::server(telemetry, &address, port, is_tls));
            let is_route = is_route.clone();
            router.layer(from_fn(move |request: Request, next: Next| {
                let (requests, is_route) = (requests.clone(), is_route.clone());
                async move { over_http(&requests, &*is_route, request, next).await }
            }))
        }
        Measures::Grpc => {
            let calls = Arc::new(RpcRequests::server(telemetry));
            router.layer(from_fn(move |request: Request, next: Next| {
                let calls = calls.clone();
                async move { over_grpc(&calls, request, next).await }
            }))
        }
    }
}

async fn over_http(
    requests: &HttpRequests,
    is_route: &(dyn Fn(&str) -> bool + Send + Sync),
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let mut call = requests.begin(request.method(), Some(path).filter(|path| is_route(path)));
    let version = request.version();
    let read = Arc::new(AtomicU64::new(0));
    let request = request.map(|body| Body::new(Counted { body, read: read.clone() }));
    let answer = next.run(request).await;
    call.bytes(read.load(Relaxed), answer.body().size_hint().exact());
    call.ended(version, Ok(answer.status().as_u16()));
    answer
}

async fn over_grpc(calls: &RpcRequests, request: Request, next: Next) -> Response {
    let content_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !content_type.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
        return next.run(request).await;
    }
    let mut call = calls.begin(rpc_method_of(request.uri().path()));
    let answer = next.run(request).await;
    call.ended(code(answer.headers()));
    answer
}

/// Returns the code of a call. A refusal has it in its headers; the trailers that follow a message are those of
/// a success.
fn code(headers: &HeaderMap) -> i32 {
    let code = headers.get("grpc-status").and_then(|code| code.to_str().ok());
    code.and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// A request's body. Its bytes are counted as they are read, before they are inflated.
struct Counted {
    body: Body,
    read: Arc<AtomicU64>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.read.fetch_add(data.len() as u64, Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::telemetry::MetricsLevel;

    /// Scenario: at two levels, a port gets requests to a path that it knows and to one that it does not, and a
    /// call over gRPC that it refuses.
    /// Guarantees: at `detailed`, they are recorded with their sizes and codes, and the unknown path is no
    /// label; below it, nothing is.
    #[tokio::test]
    async fn requests_are_measured_at_the_highest_level_alone() {
        for level in [MetricsLevel::Normal, MetricsLevel::Detailed] {
            let telemetry = Telemetry::at(level);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let listener = Listener::from(listener);
            let http = Measures::http(|path| path == "/known");
            let echo = |body: Bytes| async move { body };
            let router = measured(Router::new().fallback(echo), &http, &telemetry, &listener, false);
            for path in ["/known", "/evil"] {
                let request = Request::post(path).body(Body::from("four")).unwrap();
                let answer = tower::ServiceExt::oneshot(router.clone(), request).await.unwrap();
                assert_eq!(answer.body().size_hint().exact(), Some(4));
            }
            let refuse = || async { [("grpc-status", "3")] };
            let router =
                measured(Router::new().fallback(refuse), &Measures::Grpc, &telemetry, &listener, false);
            for content_type in ["application/grpc", "text/plain"] {
                let request = Request::post("/x").header(CONTENT_TYPE, content_type);
                let request = request.body(Body::empty()).unwrap();
                tower::ServiceExt::oneshot(router.clone(), request).await.unwrap();
            }
            let shown = telemetry.render();
            let count = |of: &str| {
                let lines = shown.lines().filter(|line| line.contains(of));
                lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
            };
            let is_detailed = f64::from(u8::from(level == MetricsLevel::Detailed));
            assert_eq!(count("http_server_request_duration_count"), 2.0 * is_detailed, "{shown}");
            assert_eq!(count("http_server_request_body_size_sum"), 8.0 * is_detailed, "{shown}");
            assert_eq!(count("http_server_response_body_size_sum"), 8.0 * is_detailed, "{shown}");
            assert_eq!(count("rpc_server_call_duration_count"), is_detailed, "{shown}");
            assert!(!shown.contains("evil"), "{shown}");
        }
    }
}
