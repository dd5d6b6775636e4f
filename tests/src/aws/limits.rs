//! The limits of AWS's OTLP endpoints: a request above one of them is refused as a whole.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html>

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::InstrumentationScope,
    resource::v1::Resource,
};
use prost::Message;

use crate::otlp::Signal;

const ITEMS: usize = 10_000;
const RESOURCE_BYTES: usize = 16_000;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// An item of a request: its size, and its times in nanoseconds.
type Item = (usize, [u64; 2]);

/// Returns why a request is refused.
pub(super) fn refusal(signal: Signal, body: &[u8]) -> Option<String> {
    let (request_bytes, item_bytes) = match signal {
        Signal::Traces => (5_000_000, 200_000),
        Signal::Logs => (1_000_000, 1_000_000),
        Signal::Metrics => return None,
    };
    if body.len() > request_bytes {
        return Some(format!("a request of {} bytes", body.len()));
    }
    let (resources, items) = match signal {
        Signal::Logs => logs(body),
        _ => spans(body),
    };
    let times = || items.iter().flat_map(|(_, times)| *times);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let nano = |time: Duration| time.as_nanos() as u64;
    let spread = times().max().unwrap_or_default() - times().min().unwrap_or_default();
    [
        (items.len() > ITEMS, "too many items"),
        (items.iter().any(|(bytes, _)| *bytes > item_bytes), "an item is too large"),
        (resources.iter().any(|bytes| *bytes > RESOURCE_BYTES), "a resource is too large"),
        (times().any(|time| time < nano(now - 14 * 24 * HOUR)), "an item is too old"),
        (times().any(|time| time > nano(now + 2 * HOUR)), "an item is too new"),
        (spread > nano(24 * HOUR), "the items are too far apart"),
    ]
    .into_iter()
    .find_map(|(is_wrong, why)| is_wrong.then(|| why.to_owned()))
}

fn spans(body: &[u8]) -> (Vec<usize>, Vec<Item>) {
    let request = ExportTraceServiceRequest::decode(body).expect("spans");
    let (mut resources, mut items) = (Vec::new(), Vec::new());
    for resource in request.resource_spans {
        for scope in resource.scope_spans {
            resources.push(envelope(&resource.resource, &scope.scope));
            let times = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
                (span.encoded_len(), [span.start_time_unix_nano, span.end_time_unix_nano])
            };
            items.extend(scope.spans.iter().map(times));
        }
    }
    (resources, items)
}

fn logs(body: &[u8]) -> (Vec<usize>, Vec<Item>) {
    let request = ExportLogsServiceRequest::decode(body).expect("log records");
    let (mut resources, mut items) = (Vec::new(), Vec::new());
    for resource in request.resource_logs {
        for scope in resource.scope_logs {
            resources.push(envelope(&resource.resource, &scope.scope));
            let records = scope.log_records.iter();
            items.extend(records.map(|record| (record.encoded_len(), [record.time_unix_nano; 2])));
        }
    }
    (resources, items)
}

fn envelope(resource: &Option<Resource>, scope: &Option<InstrumentationScope>) -> usize {
    resource.as_ref().map_or(0, Message::encoded_len) + scope.as_ref().map_or(0, Message::encoded_len)
}
