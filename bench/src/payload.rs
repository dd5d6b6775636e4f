//! The fixed request that every subject is sent. It resembles a batch of an instrumented web service and is
//! encoded once.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span, status};
use prost::Message;

const START_UNIX_NANO: u64 = 1_790_000_000_000_000_000;
const ROUTES: [&str; 4] =
    ["/api/carts/{cart_id}/items", "/api/products/{id}", "/api/orders", "/api/checkout/confirm"];
const METHODS: [&str; 4] = ["POST", "GET", "GET", "POST"];
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.3485.54";

/// One encoded `ExportTraceServiceRequest`.
///
/// The request has one resource, one scope and `spans` server spans. A span has eleven attributes and about
/// 560 bytes. The bytes depend only on the count.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(crate) bytes: Bytes,
    pub(crate) spans: u32,
}

impl Payload {
    pub(crate) fn new(spans: u32) -> Self {
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(resource()),
                scope_spans: vec![ScopeSpans {
                    scope: Some(InstrumentationScope {
                        name: "io.opentelemetry.tomcat-10.0".to_owned(),
                        version: "2.19.0-alpha".to_owned(),
                        ..Default::default()
                    }),
                    spans: (0..spans).map(server_span).collect(),
                    ..Default::default()
                }],
                ..Default::default()
            }],
        };
        Self { bytes: request.encode_to_vec().into(), spans }
    }
}

pub(crate) fn resource() -> Resource {
    Resource {
        attributes: vec![
            text("service.name", "checkout"),
            text("service.version", "4.18.2"),
            text("service.instance.id", "checkout-7d9c4b5f6-x2x8p"),
            text("deployment.environment.name", "production"),
            text("host.name", "ip-10-0-31-7.eu-central-1.compute.internal"),
            text("telemetry.sdk.language", "java"),
        ],
        ..Default::default()
    }
}

/// Returns a span of the payload. Eight that follow each other share a trace.
pub(crate) fn server_span(number: u32) -> Span {
    let random = scatter(u64::from(number));
    let pick = (random % 4) as usize;
    let (route, method) = (ROUTES.get(pick).unwrap_or(&"/"), METHODS.get(pick).unwrap_or(&"GET"));
    let failed = random.is_multiple_of(50);
    let start = START_UNIX_NANO + u64::from(number) * 1_300_000;
    Span {
        // Eight spans share a trace.
        trace_id: [scatter(u64::from(number / 8)), !scatter(u64::from(number / 8))]
            .map(u64::to_be_bytes)
            .concat(),
        span_id: random.to_be_bytes().to_vec(),
        parent_span_id: scatter(!u64::from(number)).to_be_bytes().to_vec(),
        name: format!("{method} {route}"),
        kind: span::SpanKind::Server.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 200_000 + random % 90_000_000,
        attributes: vec![
            text("http.request.method", method),
            text("http.route", route),
            text("url.full", &format!("https://shop.example.com{route}?id={:010x}", random >> 24)),
            text("url.scheme", "https"),
            text("server.address", "10.0.31.7"),
            number_of("server.port", 443),
            number_of("http.response.status_code", if failed { 503 } else { 200 }),
            text("network.protocol.version", "1.1"),
            text("client.address", &format!("198.51.100.{}", random % 256)),
            text("user_agent.original", USER_AGENT),
            number_of("thread.id", 20 + (random % 64) as i64),
        ],
        status: failed.then(|| Status {
            code: status::StatusCode::Error.into(),
            message: "upstream timed out".to_owned(),
        }),
        ..Default::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number_of(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

/// Returns a number that looks random and is always the same: the finishing step of SplitMix64.
pub(crate) fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a request of 1,000 spans is encoded.
    /// Guarantees: each span has eleven attributes and about 560 bytes, as the docs say.
    #[test]
    fn a_span_has_eleven_attributes_and_about_560_bytes() {
        let payload = Payload::new(1_000);
        let per_span = payload.bytes.len() / 1_000;
        assert!((540..=580).contains(&per_span), "{per_span} bytes a span");

        let request = ExportTraceServiceRequest::decode(payload.bytes).unwrap();
        let spans = &request.resource_spans[0].scope_spans[0].spans;
        assert_eq!(spans.len(), 1_000);
        assert!(spans.iter().all(|span| span.attributes.len() == 11));
    }

    /// Scenario: two requests of the same count are made.
    /// Guarantees: their bytes are equal, so that every subject is sent the same.
    #[test]
    fn the_same_count_gives_the_same_bytes() {
        assert_eq!(Payload::new(100).bytes, Payload::new(100).bytes);
    }
}
