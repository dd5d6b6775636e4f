//! The destination of a signal's requests, and the connections to it.

use std::sync::Arc;

use http::HeaderValue;
use reqwest::{
    Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use rustls::ClientConfig;
use tokio::sync::OnceCell;

use super::{
    config::{self, OtlpHttpConfig},
    connections,
};
use crate::{
    component::{ExportError, ServerLabels},
    config::ConfigError,
    exporter::otlp::with_causes,
    files,
    telemetry::{Telemetry, requests::HttpRequests},
    tls,
};

pub(super) struct Destination {
    pub(super) url: Url,
    clients: Arc<Clients>,
    /// Set if the server is asked for under a name that is not the address's host.
    alias: Option<Alias>,
    pub(super) server: ServerLabels,
    /// Measures the requests, also those to other addresses after a redirect.
    pub(super) requests: HttpRequests,
}

/// The connections that the destinations of an exporter share.
struct Clients {
    config: OtlpHttpConfig,
    /// The client for the addresses of the config. If none of them is `https`, it trusts no server.
    configured: Client,
    /// The client for `https` addresses. It is made on first use if only redirects lead to such addresses.
    encrypted: OnceCell<Client>,
}

/// How a server is reached by a name that is not its host (`tls.server_name_override`).
struct Alias {
    client: Client,
    name: String,
    /// The value of the `Host` header.
    host: HeaderValue,
}

/// What is needed to send to one address.
pub(super) struct Way {
    pub(super) client: Client,
    pub(super) url: Url,
    /// The value of the `Host` header, if it differs from the address's host.
    pub(super) host: Option<HeaderValue>,
}

/// A resolver that returns the addresses of one host for any name.
struct AddressesOf(String);

/// Returns the destinations of traces, metrics and logs.
pub(super) async fn of(
    config: &OtlpHttpConfig,
    telemetry: &Arc<Telemetry>,
) -> Result<[Option<Destination>; 3], ConfigError> {
    let endpoints = config.endpoints()?;
    // As in the Collector, files have to be there also if no endpoint uses them.
    if config.tls.is_on() {
        let files = config.tls.clone();
        files::in_time(move || files.check_files()).await??;
    }
    let is_encrypted = endpoints.iter().flatten().any(|endpoint| endpoint.scheme() == "https");
    let tls = match is_encrypted {
        true => tls_config(config).await?,
        false => with_alpn(config, tls::client::trust_nobody()?),
    };
    let configured = client(config, tls.clone(), None)?;
    let encrypted = OnceCell::new_with(is_encrypted.then(|| configured.clone()));
    let clients = Arc::new(Clients { config: config.clone(), configured, encrypted });
    let [traces, metrics, logs] = endpoints.map(|endpoint| {
        let destination = |url: Url| -> Result<Destination, ConfigError> {
            let name = config.server_name().filter(|_| url.scheme() == "https");
            let alias = name.map(|name| Alias::new(config, tls.clone(), &url, name)).transpose()?;
            let server = labels(&url);
            let (is_tls, port) = (url.scheme() == "https", url.port_or_known_default().unwrap_or_default());
            let requests = HttpRequests::client(telemetry, &server.address, port, is_tls);
            Ok(Destination { url, clients: clients.clone(), alias, server, requests })
        };
        endpoint.map(destination).transpose()
    });
    Ok([traces?, metrics?, logs?])
}

impl Destination {
    /// Returns the way to the destination's address, or to one to which it has redirected a request.
    pub(super) async fn way_to(&self, url: &Url) -> Result<Way, ExportError> {
        if let Some(alias) = &self.alias {
            return if url.origin() == self.url.origin() {
                alias.way_to(url)
            } else {
                Err(other_server(url))
            };
        }
        let client = match url.scheme() {
            "https" => self.clients.encrypted().await?,
            _ => &self.clients.configured,
        };
        Ok(Way { client: client.clone(), url: url.clone(), host: None })
    }
}

fn labels(url: &Url) -> ServerLabels {
    let path = Some(shown_path(url.path())).filter(|path| !path.is_empty());
    ServerLabels { address: bare_host(url), port: url.port(), path }
}

/// Returns the host of an address, an IPv6 address without its brackets.
fn bare_host(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// Returns a path without what may be a key: whatever is long and has a digit.
fn shown_path(path: &str) -> String {
    let is_key = |part: &str| part.len() >= 16 && part.contains(|c: char| c.is_ascii_digit());
    let parts: Vec<&str> =
        path.split('/').map(|part| if is_key(part) { "[REDACTED]" } else { part }).collect();
    parts.join("/")
}

impl Clients {
    async fn encrypted(&self) -> Result<&Client, ExportError> {
        let make = || async { client(&self.config, tls_config(&self.config).await?, None) };
        let made = self.encrypted.get_or_try_init(make).await;
        made.map_err(|error| ExportError::retryable(format!("redirected to an https:// address: {error}")))
    }
}

/// reqwest takes the server name (SNI) from the address. So the address gets the name, and a resolver maps the
/// name to the addresses of the host. The destination learns its host from the `Host` header, which may differ
/// from the address in HTTP/1.1 only.
impl Alias {
    fn new(config: &OtlpHttpConfig, tls: ClientConfig, url: &Url, name: &str) -> Result<Alias, ConfigError> {
        let wrong = |why: &str| ConfigError::on("tls::server_name_override", why.to_owned());
        let host = url.host_str().unwrap_or_default();
        let told = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let told = HeaderValue::try_from(told).map_err(|_| wrong("the endpoint's host cannot be told"))?;
        url.clone().set_host(Some(name)).map_err(|error| wrong(&error.to_string()))?;
        let addresses = AddressesOf(host.trim_start_matches('[').trim_end_matches(']').to_owned());
        Ok(Alias { client: client(config, tls, Some(addresses))?, name: name.to_owned(), host: told })
    }

    fn way_to(&self, url: &Url) -> Result<Way, ExportError> {
        let mut url = url.clone();
        url.set_host(Some(&self.name)).map_err(|error| ExportError::permanent(error.to_string()))?;
        Ok(Way { client: self.client.clone(), url, host: Some(self.host.clone()) })
    }
}

/// The name that the config demands belongs to one server.
fn other_server(url: &Url) -> ExportError {
    let origin = url.origin().ascii_serialization();
    let why = "not followed, because `tls.server_name_override` names the server of `endpoint`";
    ExportError::permanent(format!("redirected to {origin}: {why}"))
}

async fn tls_config(config: &OtlpHttpConfig) -> Result<ClientConfig, ConfigError> {
    let files = config.tls.clone();
    Ok(with_alpn(config, files::in_time(move || files.client_config()).await??))
}

fn with_alpn(config: &OtlpHttpConfig, mut tls: ClientConfig) -> ClientConfig {
    let http1: &[u8] = b"http/1.1";
    tls.alpn_protocols = match config.force_attempt_http2 && config.server_name().is_none() {
        true => vec![b"h2".to_vec(), http1.to_vec()],
        false => vec![http1.to_vec()],
    };
    tls
}

/// Creates a client that follows no redirect by itself: `redirect` decides which are followed.
fn client(
    config: &OtlpHttpConfig,
    tls: ClientConfig,
    addresses: Option<AddressesOf>,
) -> Result<Client, ConfigError> {
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("spanloom/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true)
        .connect_timeout(config::CONNECT_TIMEOUT)
        .pool_idle_timeout(config.pool_idle_timeout())
        .pool_max_idle_per_host(config.pool_max_idle_per_host());
    if let Some(interval) = config.http2_keep_alive_interval() {
        builder =
            builder.http2_keep_alive_interval(interval).http2_keep_alive_timeout(config.http2_ping_timeout());
    }
    builder = builder.no_proxy();
    if let Some(addresses) = addresses {
        builder = builder.dns_resolver(Arc::new(addresses));
    } else if let Some(proxy) = config.proxy()?.or_else(connections::proxy_of_environment) {
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| ConfigError::new(with_causes(&error)))
}

impl Resolve for AddressesOf {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            // Port 0 is a placeholder. The port of the address is used.
            let addresses = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: addresses with and without a port, and one with a key in its path.
    /// Guarantees: the labels are the Collector's, and the key is not among them.
    #[test]
    fn a_destination_is_labelled_by_its_address() {
        for (url, address, port, path) in [
            ("http://tempo:4318/v1/traces", "tempo", Some(4318), "/v1/traces"),
            ("https://[::1]/v1/logs", "::1", None, "/v1/logs"),
            ("https://a/in/0123456789abcdef0123/v1/traces", "a", None, "/in/[REDACTED]/v1/traces"),
        ] {
            let expected = ServerLabels { address: address.to_owned(), port, path: Some(path.to_owned()) };
            assert_eq!(labels(&url.parse().unwrap()), expected);
        }
    }
}
