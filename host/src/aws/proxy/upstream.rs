//! The AWS service behind the proxy: its address, its connections, and the signature of each request.

use std::time::Duration;

use reqwest::{Client, Proxy, Url, redirect};
use tokio::time::Instant;

use super::{Collected, ForwardError, ProxySettings};
use crate::{
    aws::{Signer, credentials, endpoint},
    component::auth::UnsignedRequest,
    config::ConfigError,
    files,
    log_line::with_causes,
    tls::client::{ClientTlsConfig, trust_nobody},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const POOL_MAX_IDLE_PER_HOST: usize = 8;

pub(super) struct Upstream {
    client: Client,
    endpoint: Url,
    service: String,
    region: String,
    signer: Signer,
}

impl Upstream {
    pub(super) async fn new(settings: ProxySettings) -> Result<Upstream, ConfigError> {
        let region = region(&settings).await?;
        let ProxySettings { service, endpoint, identity, tls, proxy_address, .. } = settings;
        let endpoint = match endpoint {
            Some(endpoint) => endpoint,
            None => endpoint::of_service(&service, &region)?,
        };
        let client = client(&endpoint, tls, proxy_address.as_deref()).await?;
        Ok(Upstream { client, endpoint, service, region, signer: Signer::new(identity) })
    }

    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Signs the request and sends it once. The answer's body has until the given time.
    pub(super) async fn send(
        &self,
        request: Collected,
        until: Instant,
    ) -> Result<http::Response<reqwest::Body>, ForwardError> {
        let Collected { method, uri, mut headers, body } = request;
        let mut url = self.url(&uri).ok_or(ForwardError::Path)?;
        let unsigned = UnsignedRequest {
            method: &method,
            url: &mut url,
            headers: &mut headers,
            body: std::slice::from_ref(&body),
        };
        self.signer.sign(&self.service, Some(&self.region), unsigned).await?;
        let request = self.client.request(method, url).headers(headers).body(body);
        let left = until.saturating_duration_since(Instant::now());
        match request.timeout(left).send().await {
            Ok(answer) => Ok(answer.into()),
            Err(error) if error.is_timeout() && !error.is_connect() => Err(ForwardError::Timeout),
            Err(error) => Err(ForwardError::Unreachable(with_causes(&error.without_url()))),
        }
    }

    /// Returns the address of a request: its path and query behind the endpoint's path.
    fn url(&self, uri: &http::Uri) -> Option<Url> {
        let base = self.endpoint.as_str().trim_end_matches('/');
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let url = Url::parse(&format!("{base}{path}")).ok()?;
        (url.origin() == self.endpoint.origin()).then_some(url)
    }
}

/// Returns the region of the settings, of the environment, of the endpoint's host, or of the machine.
async fn region(settings: &ProxySettings) -> Result<String, ConfigError> {
    let of_host = || settings.endpoint.as_ref().and_then(|url| endpoint::inferred(url).region);
    let known = (settings.identity.region.clone())
        .or_else(endpoint::region_of_environment)
        .or_else(|| of_host().map(str::to_owned));
    let found = match known {
        None if !settings.local_mode => credentials::region(settings.identity.profile.as_deref()).await,
        known => known,
    };
    found.ok_or_else(|| ConfigError::on("region", credentials::NO_REGION))
}

/// Creates a client that follows no redirect and decompresses nothing.
async fn client(
    endpoint: &Url,
    tls: ClientTlsConfig,
    proxy_address: Option<&str>,
) -> Result<Client, ConfigError> {
    let mut tls = match endpoint.scheme() {
        "https" => files::in_time(move || tls.client_config()).await??,
        _ => trust_nobody()?,
    };
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_MAX_IDLE_PER_HOST);
    if let Some(address) = proxy_address {
        let proxy = Proxy::all(address);
        builder = builder.proxy(proxy.map_err(|error| ConfigError::on("proxy_address", error.to_string()))?);
    }
    builder.build().map_err(|error| ConfigError::new(with_causes(&error)))
}

#[cfg(test)]
impl Upstream {
    /// Returns an upstream that signs with an access key of this id.
    pub(super) async fn with_keys(settings: ProxySettings, id: &str) -> Upstream {
        Upstream { signer: Signer::with_keys(id), ..Upstream::new(settings).await.unwrap() }
    }
}
