//! The exporter `otlp_http` sends OTLP over HTTP, as protobuf (a batch's chunks, not copied here) or as JSON.

mod config;
mod connections;
mod destination;
mod response;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use smallvec::SmallVec;
use wire::Signal;

use self::{
    config::{Encoding, OtlpHttpConfig},
    connections::Limits,
    destination::Destination,
};
use super::otlp::{body::Chunks, check_size, compression::Compression, headers::Headers, with_causes};
use crate::{
    component::{BuildContext, BuiltExporter, ExportError, Exported, Exporter, ExporterFactory, Factory},
    config::{ConfigError, Finding, Node},
    tls,
};

pub struct OtlpHttpFactory;

/// Posts to one address for each signal.
struct OtlpHttp {
    /// The destinations by signal.
    destinations: [Option<Destination>; 3],
    limits: Limits,
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
        config.read_valid(OtlpHttpConfig::validate).map(drop)
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        let mut doubts = config.unused::<OtlpHttpConfig>();
        doubts.extend(config.get("tls").into_iter().flat_map(tls::doubts));
        doubts
    }
}

#[async_trait::async_trait]
impl ExporterFactory for OtlpHttpFactory {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        let config = config.read_valid(OtlpHttpConfig::validate)?;
        let exporter = OtlpHttp {
            destinations: destination::of(&config).await?,
            limits: Limits::new(config.max_conns_per_host),
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
        let Destination { client, url, host, origin } = self.destination(data.signal())?;
        let body = self.compression.compress(self.encode(data)?).await.map_err(|error| {
            ExportError::Retryable { message: format!("could not compress: {error}"), after: None }
        })?;
        let mut headers = self.headers();
        if let Some(host) = host {
            headers.entry(header::HOST).or_insert_with(|| host.clone());
        }
        let body = reqwest::Body::wrap(Chunks::new(body));
        let request = client.post(url.clone()).headers(headers).body(body);
        let limit = self.limits.of(data.signal());
        let _connection = limit.wait().await;
        let answer = request.send().await.map_err(|error| unreachable(origin, error))?;
        limit.note(answer.version());
        response::read(answer).await
    }
}

impl OtlpHttp {
    fn destination(&self, signal: Signal) -> Result<&Destination, ExportError> {
        let destination = self.destinations.get(signal as usize).and_then(Option::as_ref);
        destination.ok_or_else(|| ExportError::Permanent {
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

/// Converts an error without an answer.
fn unreachable(origin: &str, error: reqwest::Error) -> ExportError {
    let permanent = error.is_builder();
    let message = format!("{origin}: {}", with_causes(&error.without_url()));
    match permanent {
        true => ExportError::Permanent { message },
        false => ExportError::Retryable { message, after: None },
    }
}
