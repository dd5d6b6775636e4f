//! The exporter `otlp_http` sends OTLP over HTTP, as protobuf (a batch's chunks, not copied here) or as JSON.

mod config;
mod connections;
mod cookies;
mod destination;
mod redirect;
mod response;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use smallvec::SmallVec;
use wire::Signal;

use self::{
    config::{Encoding, OtlpHttpConfig},
    connections::Limits,
    cookies::Cookies,
    destination::{Destination, Way},
    redirect::{Hop, MAX_REQUESTS},
};
use super::otlp::{
    answer, body::Chunks, check_size, compression::Compression, headers::Headers, with_causes,
};
use crate::{
    component::{
        BuildContext, BuiltExporter, ExportError, Exported, Exporter, ExporterFactory, Factory, ServerLabels,
        auth::{RequestSigner, SignError, UnsignedRequest},
    },
    config::{ConfigError, Finding, Node},
    telemetry::requests::HttpRequests,
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
    /// Signs each request, if the authenticator is of that kind.
    signer: Option<Arc<dyn RequestSigner>>,
    /// `None` if cookies are ignored.
    cookies: Option<Cookies>,
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
        doubts.extend(config::doubts(config));
        doubts
    }
}

#[async_trait::async_trait]
impl ExporterFactory for OtlpHttpFactory {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        let config = config.read_valid(OtlpHttpConfig::validate)?;
        let signer = config.auth.as_ref().and_then(|auth| auth.signer(context.extensions));
        let auth = config.auth.as_ref().filter(|_| signer.is_none());
        let exporter = OtlpHttp {
            destinations: destination::of(&config, context.telemetry).await?,
            limits: Limits::new(config.max_conns_per_host),
            encoding: config.encoding,
            compression: config.compression.read(&Compression::HTTP)?,
            headers: Headers::new(&config.headers, auth, context.extensions)?,
            signer,
            cookies: config.keeps_cookies().then(Cookies::default),
        };
        Ok(BuiltExporter { exporter: Arc::new(exporter), sending: config.sending()? })
    }
}

#[async_trait::async_trait]
impl Exporter for OtlpHttp {
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError> {
        check_size(data)?;
        let destination = self.destination(data.signal())?;
        let chunks = self.compression.compress(self.encode(data)?).await;
        let chunks =
            chunks.map_err(|error| ExportError::retryable(format!("could not compress: {error}")))?;
        let limit = self.limits.of(data.signal());
        let _connection = limit.wait().await;
        let mut hop = Hop::first(&destination.url);
        for _ in 0..MAX_REQUESTS {
            let way = destination.way_to(&hop.url).await?;
            let answer = self.post(way, &hop, &chunks, &destination.requests).await?;
            limit.note(answer.version());
            match hop.next(&destination.url, answer.status(), answer.headers())? {
                None => return response::read(answer, &hop.prefix()).await,
                Some(next) => {
                    // A connection whose answer was read can be used again.
                    let _ = answer::read(answer.into_body()).await;
                    hop = next;
                }
            }
        }
        let origin = hop.origin();
        Err(ExportError::retryable(format!("{MAX_REQUESTS} redirects in a row, the last to {origin}")))
    }

    fn server(&self, signal: Signal) -> Option<ServerLabels> {
        Some(self.destination(signal).ok()?.server.clone())
    }
}

impl OtlpHttp {
    fn destination(&self, signal: Signal) -> Result<&Destination, ExportError> {
        let destination = self.destinations.get(signal as usize).and_then(Option::as_ref);
        destination.ok_or_else(|| {
            let message = format!("no address for {signal}: set `endpoint` or `{signal}_endpoint`");
            ExportError::permanent(message)
        })
    }

    /// Sends the chunks, which are shared and not copied.
    async fn post(
        &self,
        way: Way,
        hop: &Hop,
        chunks: &[Bytes],
        requests: &HttpRequests,
    ) -> Result<http::Response<reqwest::Body>, ExportError> {
        let Way { client, mut url, host } = way;
        let mut headers = self.headers(hop);
        if let Some(host) = host {
            headers.entry(header::HOST).or_insert(host);
        }
        if let Some(signer) = self.signer.as_ref().filter(|_| hop.with_credentials) {
            let (url, headers) = (&mut url, &mut headers);
            let unsigned = UnsignedRequest { method: &Method::POST, url, headers, body: chunks };
            signer.sign(unsigned).await.map_err(unsigned_error)?;
        }
        let mut call = requests.begin(&Method::POST, None);
        call.bytes(chunks.iter().map(|chunk| chunk.len() as u64).sum(), None);
        let body = reqwest::Body::wrap(Chunks::new(chunks.iter().cloned()));
        let answer = client.post(url).headers(headers).body(body).send().await;
        if let (Some(cookies), Ok(answer)) = (&self.cookies, &answer)
            && hop.with_credentials
        {
            cookies.note(&hop.url, answer.headers());
        }
        match &answer {
            Ok(answer) => call.ended(answer.version(), Ok(answer.status().as_u16())),
            Err(error) => call.ended(Version::HTTP_11, Err(kind(error))),
        }
        answer.map(http::Response::from).map_err(|error| unreachable(&hop.origin(), error))
    }

    fn encode(&self, data: &wire::Batch) -> Result<SmallVec<[Bytes; 1]>, ExportError> {
        match self.encoding {
            Encoding::Proto => Ok(data.chunks()),
            Encoding::Json => Ok(SmallVec::from_buf([wire::json::to_json(data).into()])),
        }
    }

    /// Returns the headers of a request. The config's replace cookies.
    fn headers(&self, hop: &Hop) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.encoding.content_type()));
        if let Some(encoding) = self.compression.name() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        if hop.with_credentials {
            if let Some(cookies) = &self.cookies {
                cookies.apply(&hop.url, &mut headers);
            }
            self.headers.apply(&mut headers);
        }
        headers
    }
}

/// Returns the kind of an error without an answer, for the metrics.
fn kind(error: &reqwest::Error) -> &'static str {
    match error {
        _ if error.is_timeout() => "timeout",
        _ if error.is_connect() => "connect",
        _ => "_OTHER",
    }
}

/// Converts the error of a request that could not be signed.
fn unsigned_error(error: SignError) -> ExportError {
    match error {
        SignError::NoCredentials(message) => ExportError::retryable(format!("not signed: {message}")),
        SignError::Invalid(message) => ExportError::permanent(message),
    }
}

/// Converts an error without an answer.
fn unreachable(origin: &str, error: reqwest::Error) -> ExportError {
    let permanent = error.is_builder();
    let message = format!("{origin}: {}", with_causes(&error.without_url()));
    match permanent {
        true => ExportError::permanent(message),
        false => ExportError::retryable(message),
    }
}
