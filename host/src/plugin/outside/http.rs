//! Sends the requests of plugins: only to granted origins, and with credentials that the plugin never sees.
//!
//! [`HttpClient::send`] is the only way out. It checks the request ([`request`]), finds the origin's grant
//! ([`grant`]), adds the grant's credentials, and connects to addresses that are not link-local (`address`).

mod address;
pub mod aws;
mod clients;
mod credentials;
pub mod error;
pub mod grant;
mod outcome;
pub mod request;
#[cfg(test)]
pub(in crate::plugin) mod tests;

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::Client;
use tokio::sync::Semaphore;

use self::{
    address::names_link_local, clients::Clients, credentials::Credentials, outcome::HttpMetrics,
    request::Outgoing,
};
pub use self::{
    error::HttpError,
    grant::{HttpGrantConfig, Origin},
    request::HttpRequest,
};
use crate::{config::ConfigError, telemetry::Telemetry};

/// The limits of one component's requests.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// The number of exchanges under way. Others wait, and their timeout runs meanwhile.
    pub concurrent: usize,
    pub max_response_bytes: usize,
    pub max_request_bytes: usize,
    /// The time limit of a whole exchange.
    pub timeout: Duration,
}

/// A response, of any status. Redirects are not followed.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body as it arrived, not decompressed.
    pub body: Bytes,
}

/// Sends requests.
#[async_trait::async_trait]
pub trait Http: Send + Sync {
    /// Makes one exchange. The request is sent once: it is never repeated, and no redirect is followed.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError>;

    fn limits(&self) -> &HttpLimits;
}

/// The way out of one component, which its instances share. Without grants it denies every request.
pub struct HttpClient {
    grants: Vec<Grant>,
    limits: HttpLimits,
    slots: Semaphore,
    metrics: HttpMetrics,
}

/// An origin that may be reached, and how.
struct Grant {
    origin: Origin,
    client: Client,
    credentials: Credentials,
    allow_link_local: bool,
    timeout: Duration,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            concurrent: 32,
            max_response_bytes: 16 << 20,
            max_request_bytes: 64 << 20,
            timeout: Duration::from_secs(30),
        }
    }
}

impl HttpClient {
    /// Creates the client. `component` is the id in the config, for metrics.
    ///
    /// # Errors
    /// An origin is granted twice, or a grant's `tls` or `auth` cannot be used. The keys of the error are
    /// below `grants.http`.
    pub fn new(
        component: &str,
        grants: &[HttpGrantConfig],
        limits: HttpLimits,
        telemetry: &Telemetry,
    ) -> Result<HttpClient, ConfigError> {
        grant::validate(grants)?;
        let mut clients = Clients::default();
        let mut built = Vec::with_capacity(grants.len());
        for (index, config) in grants.iter().enumerate() {
            let grant = Grant::new(config, &limits, &mut clients);
            built.push(grant.map_err(|error| error.below(&format!("[{index}]")))?);
        }
        Ok(HttpClient {
            grants: built,
            slots: Semaphore::new(limits.concurrent.clamp(1, Semaphore::MAX_PERMITS)),
            limits,
            metrics: HttpMetrics::new(telemetry, component),
        })
    }

    /// Sends a request, as [`Http::send`] does.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let started = Instant::now();
        let asked = request.timeout;
        let (grant, outcome) = match self.admit(request) {
            Ok((grant, outgoing)) => {
                let timeout = asked.map_or(grant.timeout, |asked| asked.min(grant.timeout));
                let exchange = tokio::time::timeout(timeout, self.exchange(grant, outgoing)).await;
                (Some(grant), exchange.unwrap_or(Err(HttpError::Timeout)))
            }
            Err(error) => (None, Err(error)),
        };
        self.metrics.record(grant.map(|grant| &grant.origin), &outcome, started.elapsed());
        outcome
    }

    fn admit(&self, request: HttpRequest) -> Result<(&Grant, Outgoing), HttpError> {
        let outgoing = Outgoing::read(request, &self.limits)?;
        let origin = Origin::of(&outgoing.url);
        let grant = self.grants.iter().find(|grant| grant.origin == origin);
        let grant = grant.ok_or_else(|| HttpError::not_granted(&origin))?;
        if !grant.allow_link_local && names_link_local(&outgoing.url) {
            return Err(HttpError::link_local(&origin));
        }
        Ok((grant, outgoing))
    }

    async fn exchange(&self, grant: &Grant, mut outgoing: Outgoing) -> Result<HttpResponse, HttpError> {
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await.map_err(|_| HttpError::Timeout)?;
        grant.credentials.apply(&mut outgoing).await?;
        let Outgoing { method, url, headers, body } = outgoing;
        let request = grant.client.request(method, url).headers(headers).body(body);
        let response = request.send().await.map_err(|error| HttpError::of(&grant.origin, error))?;
        self.read(grant, response).await
    }

    async fn read(&self, grant: &Grant, mut response: reqwest::Response) -> Result<HttpResponse, HttpError> {
        let limit_bytes = self.limits.max_response_bytes;
        if response.content_length().is_some_and(|bytes| bytes > limit_bytes as u64) {
            return Err(HttpError::TooLarge);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| HttpError::of(&grant.origin, error))? {
            if body.len() + chunk.len() > limit_bytes {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(HttpResponse { status: response.status(), headers, body: body.freeze() })
    }
}

#[async_trait::async_trait]
impl Http for HttpClient {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        HttpClient::send(self, request).await
    }

    fn limits(&self) -> &HttpLimits {
        &self.limits
    }
}

impl Grant {
    fn new(
        config: &HttpGrantConfig,
        limits: &HttpLimits,
        clients: &mut Clients,
    ) -> Result<Grant, ConfigError> {
        Ok(Grant {
            origin: config.origin.clone(),
            client: clients.of(config).map_err(|error| error.below("tls"))?,
            credentials: Credentials::new(config.auth.as_ref()).map_err(|error| error.below("auth"))?,
            allow_link_local: config.allow_link_local,
            timeout: config.timeout.map_or(limits.timeout, |timeout| timeout.0),
        })
    }
}
