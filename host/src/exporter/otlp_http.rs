//! `otlp_http`: OTLP over HTTP, as protobuf (a batch's chunks, not copied here) or JSON.

mod config;
mod response;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use reqwest::{Client, Url, redirect};
use smallvec::SmallVec;
use wire::Signal;

use self::config::{Encoding, OtlpHttpConfig};
use super::{
    ExportError, Exported, Exporter,
    otlp::{body::Chunks, check_size, compression::Compression, headers::Headers, with_causes},
};
use crate::{
    component::{BuildContext, BuiltExporter, ExporterFactory, Factory},
    config::{ConfigError, Node},
    tls,
};

pub struct OtlpHttpFactory;

/// Posts to one address for each signal.
struct OtlpHttp {
    client: Client,
    /// By signal.
    endpoints: [Option<Url>; 3],
    encoding: Encoding,
    compression: Compression,
    headers: Headers,
}

impl Factory for OtlpHttpFactory {
    fn name(&self) -> &str {
        "otlp_http"
    }

    fn aliases(&self) -> &[&str] {
        &["otlphttp"]
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Traces, Signal::Metrics, Signal::Logs]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read::<OtlpHttpConfig>()?.validate()
    }
}

#[async_trait::async_trait]
impl ExporterFactory for OtlpHttpFactory {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        let config: OtlpHttpConfig = config.read()?;
        config.validate()?;
        let endpoints = config.endpoints()?;
        let exporter = OtlpHttp {
            client: client(&config, &endpoints)?,
            endpoints,
            encoding: config.encoding,
            compression: config.compression.read(&Compression::HTTP)?,
            headers: Headers::new(&config.headers, config.auth.as_ref(), context.extensions)?,
        };
        Ok(BuiltExporter { exporter: Arc::new(exporter), sending: config.sending()? })
    }
}

#[async_trait::async_trait]
impl Exporter for OtlpHttp {
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError> {
        check_size(data)?;
        let endpoint = self.endpoint(data.signal())?;
        let body = self.compression.compress(self.encode(data)?).await.map_err(|error| {
            ExportError::Retryable { message: format!("could not compress: {error}"), after: None }
        })?;
        let request = self
            .client
            .post(endpoint.clone())
            .headers(self.headers())
            .body(reqwest::Body::wrap(Chunks::new(body)));
        let answer = request.send().await.map_err(|error| unreachable(endpoint, error))?;
        response::read(answer).await
    }
}

impl OtlpHttp {
    fn endpoint(&self, signal: Signal) -> Result<&Url, ExportError> {
        let endpoint = self.endpoints.get(signal as usize).and_then(Option::as_ref);
        endpoint.ok_or_else(|| ExportError::Permanent {
            message: format!("no address for {signal}: set `endpoint` or `{signal}_endpoint`"),
        })
    }

    fn encode(&self, data: &wire::Batch) -> Result<SmallVec<[Bytes; 1]>, ExportError> {
        match self.encoding {
            Encoding::Proto => Ok(data.chunks()),
            Encoding::Json => Ok(SmallVec::from_buf([wire::json::to_json(data).into()])),
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.encoding.content_type()));
        if let Some(encoding) = self.compression.name() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        self.headers.apply(&mut headers);
        headers
    }
}

/// Follows no redirect: a POST would become a GET, and the credentials might go to someone else.
fn client(config: &OtlpHttpConfig, endpoints: &[Option<Url>; 3]) -> Result<Client, ConfigError> {
    let mut tls = match endpoints.iter().flatten().any(|endpoint| endpoint.scheme() == "https") {
        true => config.tls.client_config()?,
        false => tls::client::trust_nobody()?,
    };
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
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
    if let Some(proxy) = config.proxy()? {
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| ConfigError::new(with_causes(&error)))
}

/// No answer came. The address is named without its path and query, which may hold a key.
fn unreachable(endpoint: &Url, error: reqwest::Error) -> ExportError {
    let origin = endpoint.origin().ascii_serialization();
    let permanent = error.is_builder();
    let message = format!("{origin}: {}", with_causes(&error.without_url()));
    match permanent {
        true => ExportError::Permanent { message },
        false => ExportError::Retryable { message, after: None },
    }
}
