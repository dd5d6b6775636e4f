//! A reverse proxy that signs: applications without credentials send a request of any path, and get AWS's
//! answer. The SDKs of X-Ray fetch their sampling rules so.
//!
//! Bodies are passed on as they are, in both directions: a proxy that knew their fields would lose those that
//! AWS adds later.

mod config;
mod upstream;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use reqwest::Url;
use serde_json::json;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

pub use self::config::{ProxyConfig, ProxyServer};

use self::upstream::Upstream;
use super::credentials::IdentitySettings;
use crate::{
    component::auth::SignError,
    config::ConfigError,
    log_line::throttle::Throttle,
    memory,
    server::{
        Peer,
        hop::is_hop,
        request_body::{self, Budget, Paced, ReadError},
    },
    tls::client::ClientTlsConfig,
};

/// The largest body of a request. It is collected, because the signature precedes it.
const REQUEST_LIMIT_BYTES: usize = 16 << 20;
/// The most bytes of bodies that all requests under way hold.
const BUDGET_BYTES: usize = 64 << 20;
/// The number of requests to AWS at one time. Others wait.
const REQUESTS_LIMIT: usize = 64;
/// The time in which a request must arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The time limit from a whole request to the end of its answer.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// The settings of a [`SigningProxy`].
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    /// The service to sign for, as AWS writes it: `xray`.
    pub service: String,
    /// Where requests go, if not to the service's public endpoint in the region. The path of a request is
    /// appended.
    pub endpoint: Option<Url>,
    pub identity: IdentitySettings,
    /// Whether the instance's metadata service is not asked for the region.
    pub local_mode: bool,
    pub tls: ClientTlsConfig,
    /// The address of an HTTP proxy, if it is not the one of the environment.
    pub proxy_address: Option<String>,
}

/// Forwards requests to one AWS service. [`SigningProxy::router`] is to be served by [`crate::server`], which
/// limits connections.
pub struct SigningProxy {
    upstream: Upstream,
    budget: Arc<Budget>,
    slots: Semaphore,
    failures: Throttle,
}

/// A request, collected.
struct Collected {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

/// Why a request has no answer of AWS.
#[derive(Debug, thiserror::Error)]
enum ForwardError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    MemoryShort(#[from] memory::MemoryShort),
    #[error("the path is not part of a URL")]
    Path,
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("no answer of AWS within {} s", EXCHANGE_TIMEOUT.as_secs())]
    Timeout,
    #[error("AWS is not reached: {0}")]
    Unreachable(String),
}

impl SigningProxy {
    /// Finds the region, and prepares connections. Opens none, except to the instance's metadata service if
    /// nothing else knows the region.
    ///
    /// # Errors
    /// No region is known, or a file of `tls` cannot be used. The keys of the error are `region`, `endpoint`,
    /// `proxy_address` and those of `tls`.
    pub async fn new(settings: ProxySettings) -> Result<Arc<SigningProxy>, ConfigError> {
        Ok(Arc::new(SigningProxy {
            upstream: Upstream::new(settings).await?,
            budget: Budget::new(BUDGET_BYTES, REQUEST_LIMIT_BYTES),
            slots: Semaphore::new(REQUESTS_LIMIT),
            failures: Throttle::default(),
        }))
    }

    /// Returns a router that forwards each request.
    pub fn router(self: &Arc<SigningProxy>) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// Returns where requests go.
    pub fn endpoint(&self) -> &Url {
        self.upstream.endpoint()
    }

    async fn forward(&self, request: Request) -> Result<Response, ForwardError> {
        memory::has_room(0)?;
        let held = self.budget.hold(Peer::of(&request));
        let (head, body) = request.into_parts();
        let mut body = Paced::new(body, READ_TIMEOUT, held.clone());
        let body = request_body::read(&mut body, REQUEST_LIMIT_BYTES).await?;
        let collected =
            Collected { method: head.method, uri: head.uri, headers: end_to_end(&head.headers), body };
        let until = Instant::now() + EXCHANGE_TIMEOUT;
        let exchange = async {
            // The semaphore is never closed.
            let _slot = self.slots.acquire().await.map_err(|_| ForwardError::Timeout)?;
            self.upstream.send(collected, until).await
        };
        let answer = timeout_at(until, exchange).await.map_err(|_| ForwardError::Timeout)??;
        drop(held);
        let (mut head, body) = answer.into_parts();
        head.headers = end_to_end(&head.headers);
        Ok(Response::from_parts(head, Body::new(body)))
    }

    fn log(&self, path: &str, error: &ForwardError) {
        if let Some(withheld) = self.failures.admit() {
            let endpoint = self.endpoint().origin().ascii_serialization();
            tracing::warn!(endpoint, path, withheld, "a request was not forwarded: {error}");
        }
    }
}

async fn answer(State(proxy): State<Arc<SigningProxy>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    proxy.forward(request).await.unwrap_or_else(|error| {
        proxy.log(&path, &error);
        error.into_response()
    })
}

/// Returns the headers that go from one end to the other: all except those of one connection, which `Connection`
/// may name too.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<&str> = (headers.get_all(header::CONNECTION).iter())
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .collect();
    let is_named = |name: &str| named.iter().any(|other| other.eq_ignore_ascii_case(name));
    let kept = headers.iter().filter(|(name, _)| !is_hop(name) && !is_named(name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl ForwardError {
    fn status(&self) -> StatusCode {
        match self {
            ForwardError::Read(ReadError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            ForwardError::Read(ReadError::TooSlow(_) | ReadError::Stalled) => StatusCode::REQUEST_TIMEOUT,
            ForwardError::Read(ReadError::OverBudget(_)) | ForwardError::MemoryShort(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            ForwardError::Read(ReadError::Broken(_)) | ForwardError::Path => StatusCode::BAD_REQUEST,
            ForwardError::Sign(_) | ForwardError::Unreachable(_) => StatusCode::BAD_GATEWAY,
            ForwardError::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl IntoResponse for ForwardError {
    /// Answers as AWS's JSON services do, so that their clients show the message.
    fn into_response(self) -> Response {
        let body = json!({ "message": self.to_string() }).to_string();
        (self.status(), [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

#[cfg(test)]
mod tests;
