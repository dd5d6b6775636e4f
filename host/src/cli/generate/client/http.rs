use std::io::Write;

use anyhow::Context;
use bytes::Bytes;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use prost::Message;
use reqwest::{Certificate, Identity, Response, Url};
use serde::Deserialize;
use wire::Signal;

use super::{Accepted, read, root_cause, shown};
use crate::cli::generate::{
    args::{Compression, GenerateArgs, Protocol},
    payload::Payload,
};

#[derive(Clone)]
pub(in crate::cli::generate) struct HttpClient {
    client: reqwest::Client,
    url: Url,
    compression: Compression,
    json: bool,
}

/// The part of an error's body that is read. The body is a `google.rpc.Status`.
#[derive(Deserialize)]
struct JsonStatus {
    #[serde(default)]
    message: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonResponse {
    partial_success: JsonPartialSuccess,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonPartialSuccess {
    #[serde(alias = "rejectedDataPoints", alias = "rejectedLogRecords")]
    rejected_spans: serde_json::Value,
    error_message: String,
}

/// The limit of a response. OTLP demands that a client limits what it reads of a response.
const RESPONSE_LIMIT_BYTES: usize = 4 << 20;

impl HttpClient {
    pub(super) fn new(args: &GenerateArgs, endpoint: &str) -> anyhow::Result<HttpClient> {
        let json = args.protocol == Protocol::HttpJson;
        let path = match args.signal.into() {
            Signal::Traces => "/v1/traces",
            Signal::Metrics => "/v1/metrics",
            Signal::Logs => "/v1/logs",
        };
        let base = endpoint.trim_end_matches('/');
        let url = if base.ends_with(path) { base.to_owned() } else { format!("{base}{path}") };
        let url = Url::parse(&url).with_context(|| format!("--endpoint {endpoint}"))?;
        let mut builder = reqwest::Client::builder()
            .default_headers(headers(args, json)?)
            .timeout(args.timeout)
            .tcp_nodelay(true)
            .no_proxy();
        if let Some(path) = &args.ca_file {
            let certificates = Certificate::from_pem_bundle(&read(path)?)?;
            builder = builder.tls_certs_only(certificates);
        }
        if let (Some(certificate), Some(key)) = (&args.cert_file, &args.key_file) {
            let pem = [read(certificate)?, read(key)?].concat();
            builder = builder.identity(Identity::from_pem(&pem)?);
        }
        let client = builder.build().context("the client's settings cannot be used")?;
        Ok(HttpClient { client, url, compression: args.compression, json })
    }

    pub(super) async fn send(&self, payload: &Payload) -> Result<Accepted, String> {
        let request = self.client.post(self.url.clone());
        let request = match self.compression {
            Compression::None => request.body(payload.body.clone()),
            Compression::Gzip => {
                let body = gzip(&payload.body).map_err(|error| error.to_string())?;
                request.header(header::CONTENT_ENCODING, "gzip").body(body)
            }
        };
        let response = request.send().await.map_err(|error| reason(&error))?;
        let status = response.status();
        let body = body(response).await?;
        if !status.is_success() {
            return Err(format!("HTTP {status}: {}", self.error_message(&body)));
        }
        if self.json { accepted_json(&body) } else { Accepted::decode(&body) }
    }

    fn error_message(&self, body: &[u8]) -> String {
        let message = if self.json {
            serde_json::from_slice::<JsonStatus>(body).ok().map(|status| status.message)
        } else {
            tonic_types::Status::decode(body).ok().map(|status| status.message)
        };
        shown(&message.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()))
    }
}

fn headers(args: &GenerateArgs, json: bool) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let content_type = if json { "application/json" } else { "application/x-protobuf" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (key, value) in &args.headers {
        let name = HeaderName::from_bytes(key.as_bytes());
        let name = name.with_context(|| format!("--header {key}: not a header's name"))?;
        let value = HeaderValue::from_str(value);
        headers.insert(name, value.with_context(|| format!("--header {key}: not a header's value"))?);
    }
    Ok(headers)
}

async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + chunk.len() > RESPONSE_LIMIT_BYTES {
            return Err("the response is larger than 4 MiB".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn accepted_json(body: &[u8]) -> Result<Accepted, String> {
    let response: JsonResponse =
        serde_json::from_slice(body).map_err(|error| format!("bad response: {error}"))?;
    let JsonPartialSuccess { rejected_spans: rejected, error_message } = response.partial_success;
    // proto3 JSON writes 64-bit numbers as strings, and accepts numbers too.
    let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
    Ok(Accepted { rejected, message: shown(&error_message) })
}

fn gzip(body: &Bytes) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() { "no answer in time".to_owned() } else { root_cause(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: JSON responses have a partial success with numbers, with strings, or none.
    /// Guarantees: the rejected items and the message are read.
    #[test]
    fn a_partial_success_is_read_from_json() {
        let accepted = |json: &str| accepted_json(json.as_bytes()).unwrap();
        assert_eq!(accepted("{}"), Accepted::default());
        assert_eq!(accepted(r#"{"partialSuccess":{}}"#), Accepted::default());
        let expected = Accepted { rejected: 3, message: "old".to_owned() };
        let numbers = r#"{"partialSuccess":{"rejectedLogRecords":3,"errorMessage":"old"}}"#;
        let strings = r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"old"}}"#;
        assert_eq!((accepted(numbers), accepted(strings)), (expected.clone(), expected));
    }
}
