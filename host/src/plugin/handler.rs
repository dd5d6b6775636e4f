//! The listener behind a plugin's `http-handler`: the host owns the socket, the guest answers GETs.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, Response, StatusCode, header},
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    bindings::exported::http_handler::{Header, Incoming, Outgoing},
    pool::Pool,
};
use crate::server::listen;

/// Requests that wait for a guest at a time; others are told to come again.
const WAITING_LIMIT: usize = 64;

/// For so long an asker that does not read its answer is waited for.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers until it is stopped.
pub(super) struct Handler {
    stop: CancellationToken,
    tasks: TaskTracker,
}

struct Answers {
    pool: Arc<Pool>,
    room: Semaphore,
}

impl Pool {
    /// Where its config says, if its plugin answers HTTP.
    pub(super) async fn listen(self: &Arc<Pool>) -> anyhow::Result<()> {
        if self.plugin().answers_http() {
            *self.handler.lock().await = Handler::start(self).await?;
        }
        Ok(())
    }

    /// Whether it did listen.
    pub(super) async fn stop_listening(&self) -> bool {
        let handler = self.handler.lock().await.take();
        if let Some(handler) = &handler {
            handler.shutdown().await;
        }
        handler.is_some()
    }
}

impl Handler {
    /// Listens at the key `endpoint` of the component's config; nowhere if there is none.
    async fn start(pool: &Arc<Pool>) -> anyhow::Result<Option<Handler>> {
        let Some(endpoint) = endpoint(&pool.current().settings.config) else { return Ok(None) };
        let listeners = listen(&endpoint)
            .await
            .with_context(|| format!("the plugin {} answers HTTP", pool.plugin().name))?;
        let answers = Arc::new(Answers { pool: pool.clone(), room: Semaphore::new(WAITING_LIMIT) });
        let handler = Handler { stop: CancellationToken::new(), tasks: TaskTracker::new() };
        for listener in listeners {
            let routes = Router::new().fallback(answer).with_state(answers.clone());
            let (stop, component) = (handler.stop.clone(), pool.component.clone());
            handler.tasks.spawn(async move {
                let served = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
                if let Err(error) = served.await {
                    tracing::error!(component, "the plugin's endpoint ended: {error}");
                }
            });
        }
        Ok(Some(handler))
    }

    /// Finishes the requests under way, in time.
    async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(CLOSING_TIMEOUT, self.tasks.wait()).await;
    }
}

/// Where a component whose plugin answers HTTP wants to be asked.
pub(super) fn endpoint(config: &str) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config).ok()?;
    config.get("endpoint")?.as_str().map(str::to_owned)
}

async fn answer(State(answers): State<Arc<Answers>>, request: Request) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Ok(_room) = answers.room.try_acquire() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "too many requests at a time\n");
    };
    let is_head = *request.method() == Method::HEAD;
    match answers.pool.handle(incoming(&request)).await {
        Ok(outgoing) => outgoing_response(outgoing, is_head),
        Err(undone) => {
            let metrics = &answers.pool.metrics;
            metrics.report(&answers.pool.plugin(), &undone.error, "the request is answered with 500");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the plugin could not answer\n")
        }
    }
}

fn incoming(request: &Request) -> Incoming {
    let headers = request.headers().iter();
    Incoming {
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers
            .filter_map(|(name, value)| {
                Some(Header { name: name.as_str().to_owned(), value: value.to_str().ok()?.to_owned() })
            })
            .collect(),
    }
}

/// A head that is none is the plugin's mistake.
fn outgoing_response(outgoing: Outgoing, is_head: bool) -> Response<Body> {
    let wrong = || plain(StatusCode::BAD_GATEWAY, "the plugin's answer is no HTTP\n");
    let Ok(status) = StatusCode::from_u16(outgoing.status) else { return wrong() };
    let length = outgoing.body.len();
    let mut response = Response::new(if is_head { Body::empty() } else { Body::from(outgoing.body) });
    *response.status_mut() = status;
    for Header { name, value } in outgoing.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            return wrong();
        };
        if !matches!(name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::CONNECTION) {
            response.headers_mut().append(name, value);
        }
    }
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
