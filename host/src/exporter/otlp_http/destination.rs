//! The destination of a signal's requests, and the connections to it.

use std::sync::Arc;

use http::HeaderValue;
use reqwest::{
    Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use rustls::ClientConfig;

use super::{
    config::{self, OtlpHttpConfig},
    connections,
};
use crate::{config::ConfigError, exporter::otlp::with_causes, files, tls};

pub(super) struct Destination {
    pub(super) client: Client,
    pub(super) url: Url,
    /// The value of the `Host` header, if it differs from the address's host.
    pub(super) host: Option<HeaderValue>,
    /// The address in errors: without its path and query, which may hold a key.
    pub(super) origin: String,
}

/// A resolver that returns the addresses of one host for any name.
struct AddressesOf(String);

/// Returns the destinations of traces, metrics and logs.
pub(super) async fn of(config: &OtlpHttpConfig) -> Result<[Option<Destination>; 3], ConfigError> {
    let endpoints = config.endpoints()?;
    // As in the Collector, files have to be there also if no endpoint uses them.
    if config.tls.is_on() {
        let files = config.tls.clone();
        files::in_time(move || files.check_files()).await??;
    }
    let mut tls = match endpoints.iter().flatten().any(|endpoint| endpoint.scheme() == "https") {
        true => {
            let files = config.tls.clone();
            files::in_time(move || files.client_config()).await??
        }
        false => tls::client::trust_nobody()?,
    };
    let http1: &[u8] = b"http/1.1";
    tls.alpn_protocols = match config.force_attempt_http2 && config.server_name().is_none() {
        true => vec![b"h2".to_vec(), http1.to_vec()],
        false => vec![http1.to_vec()],
    };
    let shared = client(config, tls.clone(), None)?;
    let [traces, metrics, logs] = endpoints.map(|endpoint| {
        let destination = |url: Url| match config.server_name() {
            Some(name) if url.scheme() == "https" => under_name(config, tls.clone(), url, name),
            _ => {
                let origin = url.origin().ascii_serialization();
                Ok(Destination { client: shared.clone(), url, host: None, origin })
            }
        };
        endpoint.map(destination).transpose()
    });
    Ok([traces?, metrics?, logs?])
}

/// Returns a destination whose server name (SNI) differs from its host. reqwest takes the server name from
/// the address. So the address gets the name, and a resolver maps the name to the addresses of the host. The
/// destination learns its host from the `Host` header, which may differ from the address in HTTP/1.1 only.
fn under_name(
    config: &OtlpHttpConfig,
    tls: ClientConfig,
    mut url: Url,
    name: &str,
) -> Result<Destination, ConfigError> {
    let origin = url.origin().ascii_serialization();
    let wrong = |why: &str| ConfigError::on("tls::server_name_override", why.to_owned());
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let told = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let told = HeaderValue::try_from(told).map_err(|_| wrong("the endpoint's host cannot be told"))?;
    url.set_host(Some(name)).map_err(|error| wrong(&error.to_string()))?;
    let client = client(config, tls, Some(AddressesOf(host)))?;
    Ok(Destination { client, url, host: Some(told), origin })
}

/// Creates a client that follows no redirect: a POST would become a GET, and the credentials could reach
/// another server.
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
