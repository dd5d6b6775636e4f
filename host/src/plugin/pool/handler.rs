//! The listener behind a plugin's `http-handler`: the host owns the socket, the guest answers GETs.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header},
};
use smallvec::smallvec;
use tokio_util::sync::CancellationToken;

use super::{Lane, Pool, breaker::left_alone, see_through::see_through};
use crate::{
    plugin::guest::{
        failure::CallError,
        interface::{Incoming, Outgoing},
    },
    running::Running,
    server::{self, ServerSettings, compressed},
};

/// How long a client that does not read its response is waited for.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum number of headers of a response. Another limit holds for their bytes.
const HEADERS_LIMIT: usize = 128;
const HEADERS_LIMIT_BYTES: usize = 32 << 10;

/// A listener that answers requests until it is stopped.
pub(in crate::plugin) struct Handler {
    running: Running,
}

impl Pool {
    /// Listens where the component's config says, if its plugin answers HTTP.
    pub(super) async fn listen(self: &Arc<Pool>) -> anyhow::Result<()> {
        if self.plugin().answers_http() {
            *self.handler.lock().await = Handler::start(self).await?;
        }
        Ok(())
    }

    /// Stops the listener. Returns whether there was one.
    pub(super) async fn stop_listening(&self) -> bool {
        let handler = self.handler.lock().await.take();
        if let Some(handler) = &handler {
            handler.shutdown().await;
        }
        handler.is_some()
    }
}

impl Handler {
    /// Listens on the `endpoint` in the component's config. Without this key, does not listen.
    async fn start(pool: &Arc<Pool>) -> anyhow::Result<Option<Handler>> {
        let Some(endpoint) = endpoint(&pool.current().settings.config) else { return Ok(None) };
        let listeners = server::listen(&endpoint)
            .await
            .with_context(|| format!("the plugin {} answers HTTP", pool.plugin().name))?;
        let running = Running::default();
        for listener in listeners {
            let routes = Router::new().fallback(answer).with_state(pool.clone());
            server::serve(listener, None, routes, ServerSettings::for_operators(), &running);
        }
        Ok(Some(Handler { running }))
    }

    /// Completes the requests under way within the time limit.
    async fn shutdown(&self) {
        self.running.stop.cancel();
        self.running.tasks.close();
        let _ = tokio::time::timeout(CLOSING_TIMEOUT, self.running.tasks.wait()).await;
    }
}

/// Returns the address on which a component with an HTTP plugin listens.
pub(in crate::plugin) fn endpoint(config: &str) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config).ok()?;
    config.get("endpoint")?.as_str().map(str::to_owned)
}

async fn answer(State(pool): State<Arc<Pool>>, request: Request) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let is_head = *request.method() == Method::HEAD;
    let accepts_gzip = compressed::accepts_gzip(request.headers());
    let given_up = CancellationToken::new();
    let _given_up_with_this = given_up.clone().drop_guard();
    let (asked, incoming) = (pool.clone(), incoming(&request));
    let call = Box::pin(async move { ask(&asked, incoming, &given_up).await });
    match see_through(&pool.component, call).await {
        Some(Ok(outgoing)) => outgoing_response(encoded(outgoing, accepts_gzip).await, is_head)
            .unwrap_or_else(|| plain(StatusCode::BAD_GATEWAY, "the plugin's answer is no HTTP\n")),
        Some(Err(error)) if error.kind.is_accident() => {
            pool.metrics.report(&pool.plugin(), &error, "the request is answered with 500");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the plugin could not answer\n")
        }
        Some(Err(_)) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "the plugin keeps failing, and is not called for a while\n",
        ),
        None => plain(StatusCode::INTERNAL_SERVER_ERROR, "the plugin could not answer\n"),
    }
}

/// A call continues after its client has hung up, because cancelling the call would destroy the guest and its
/// state.
async fn ask(pool: &Pool, request: Incoming, given_up: &CancellationToken) -> Result<Outgoing, CallError> {
    let route = pool.route().ok_or_else(left_alone)?;
    let call = async |lane: Lane<'_>, request| {
        lane.pool.handle(lane.place, request, given_up).await.map_err(|undone| undone.error)
    };
    let parts = smallvec![(route.whole(), request)];
    let answer = route.call(parts, call, |answer| answer.as_ref().err()).await.pop();
    answer.unwrap_or_else(|| Err(left_alone()))
}

fn incoming(request: &Request) -> Incoming {
    let headers = request.headers().iter();
    Incoming {
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect(),
    }
}

/// Compresses the body for a client that accepts gzip, unless the plugin has encoded the body itself.
async fn encoded(mut outgoing: Outgoing, accepts_gzip: bool) -> Outgoing {
    let is_encoded =
        outgoing.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header::CONTENT_ENCODING.as_str()));
    if accepts_gzip && !is_encoded && !outgoing.body.is_empty() {
        outgoing.body = match compressed::gzip(outgoing.body).await {
            Ok(body) => {
                outgoing.headers.push((header::CONTENT_ENCODING.to_string(), "gzip".to_owned()));
                body
            }
            Err(body) => body,
        };
    }
    outgoing
}

/// Converts the plugin's response. Returns `None` if its head is invalid, which is the plugin's mistake.
/// Statuses below 200 are invalid: they announce a later response or another protocol.
pub(in crate::plugin) fn outgoing_response(outgoing: Outgoing, is_head: bool) -> Option<Response<Body>> {
    let status = StatusCode::from_u16(outgoing.status).ok().filter(|status| !status.is_informational())?;
    let has_no_body =
        matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    let length = outgoing.body.len();
    let body = if is_head || has_no_body { Body::empty() } else { Body::from(outgoing.body) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers(outgoing.headers)?;
    if !has_no_body {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Some(response)
}

/// Converts the headers, without those that frame the message: the host sets these.
fn headers(given: Vec<(String, String)>) -> Option<HeaderMap> {
    let bytes: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if given.len() > HEADERS_LIMIT || bytes > HEADERS_LIMIT_BYTES {
        return None;
    }
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let (name, value) = (HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        let is_framing = matches!(
            name,
            header::CONTENT_LENGTH
                | header::TRANSFER_ENCODING
                | header::CONNECTION
                | header::UPGRADE
                | header::TRAILER
        );
        if !is_framing {
            headers.append(name, value);
        }
    }
    Some(headers)
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    fn answered(status: u16, headers: Vec<(String, String)>, is_head: bool) -> Option<Response<Body>> {
        outgoing_response(Outgoing { status, headers, body: b"a body".to_vec() }, is_head)
    }

    fn header(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn check_length(status: u16, is_head: bool, length: Option<&str>, body_bytes: u64) {
        let response = answered(status, vec![header("content-length", "7")], is_head).unwrap();
        let announced = response.headers().get(header::CONTENT_LENGTH).map(|value| value.to_str().unwrap());
        assert_eq!((announced, response.body().size_hint().exact()), (length, Some(body_bytes)), "{status}");
    }

    #[test]
    fn an_answer_has_the_length_of_its_body() {
        check_length(200, false, Some("6"), 6);
        check_length(200, true, Some("6"), 0);
        check_length(503, false, Some("6"), 6);
        // Responses with these statuses have no body.
        check_length(204, false, None, 0);
        check_length(205, false, None, 0);
        check_length(304, false, None, 0);
    }

    #[tokio::test]
    async fn only_a_body_that_is_not_encoded_is_compressed() {
        let encoding = async |headers: Vec<(String, String)>, body: &[u8], accepts_gzip| {
            let outgoing = Outgoing { status: 200, headers, body: body.to_vec() };
            let encoded = encoded(outgoing, accepts_gzip).await;
            let is_gzip = encoded.body.starts_with(&[0x1f, 0x8b]);
            assert_eq!(encoded.headers.contains(&header("content-encoding", "gzip")), is_gzip);
            is_gzip
        };
        assert!(encoding(Vec::new(), b"a body", true).await);
        assert!(!encoding(Vec::new(), b"a body", false).await);
        assert!(!encoding(Vec::new(), b"", true).await);
        assert!(!encoding(vec![header("Content-Encoding", "br")], b"a body", true).await);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for status in [0, 99, 100, 101, 103, 1000] {
            assert!(answered(status, Vec::new(), false).is_none(), "{status}");
        }
        let wrong = [header("", "x"), header("a b", "x"), header("name", "a\r\nb: c")];
        for wrong in wrong {
            assert!(answered(200, vec![wrong.clone()], false).is_none(), "{wrong:?}");
        }
    }

    /// `HeaderMap` panics at 32,768 headers.
    #[test]
    fn an_answer_of_100_000_headers_is_refused() {
        assert!(answered(200, vec![header("name", "value"); 100_000], false).is_none());
        assert!(answered(200, vec![header("name", &"v".repeat(HEADERS_LIMIT_BYTES))], false).is_none());
        assert!(answered(200, vec![header("name", "value"); HEADERS_LIMIT], false).is_some());
    }
}
