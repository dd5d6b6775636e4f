use std::collections::{BTreeMap, VecDeque};

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    trace::v1::{
        Span,
        span::{Event, SpanKind},
    },
};
use prost::Message;
use rand::rngs::StdRng;

use super::{PayloadSettings, resource, scope};
use crate::cli::generate::shop::{ShopSpan, new_trace};

const SLOW_QUERY_NANOS: u64 = 20_000_000;

/// Log records that the services write while they serve the traces that `generate traces` would send.
#[derive(Default)]
pub(super) struct Logs {
    waiting: VecDeque<(usize, LogRecord)>,
}

impl Logs {
    pub(super) fn next(
        &mut self,
        items: usize,
        settings: &PayloadSettings,
        rng: &mut StdRng,
        now: u64,
    ) -> Vec<u8> {
        while self.waiting.len() < items {
            let trace = new_trace(settings.shop, rng, now);
            self.waiting.extend(trace.spans.iter().flat_map(records));
        }
        let mut by_service: BTreeMap<usize, Vec<LogRecord>> = BTreeMap::new();
        for (service, mut record) in self.waiting.drain(..items) {
            record.attributes.extend_from_slice(&settings.attributes);
            by_service.entry(service).or_default().push(record);
        }
        let resource_logs = by_service.into_iter().map(|(service, log_records)| ResourceLogs {
            resource: resource(service, settings),
            scope_logs: vec![ScopeLogs { scope: scope(), log_records, schema_url: String::new() }],
            schema_url: String::new(),
        });
        ExportLogsServiceRequest { resource_logs: resource_logs.collect() }.encode_to_vec()
    }
}

/// Returns the log records of a span. Each span has at least one, so that each trace has some.
fn records(ShopSpan { service, span }: &ShopSpan) -> impl Iterator<Item = (usize, LogRecord)> {
    let took_nanos = span.end_time_unix_nano - span.start_time_unix_nano;
    let took = format!("{:.1} ms", took_nanos as f64 / 1e6);
    let is_query = span.attributes.iter().any(|attribute| attribute.key == "db.system.name");
    let (severity, body) = match SpanKind::try_from(span.kind) {
        Ok(SpanKind::Server | SpanKind::Consumer) => {
            (SeverityNumber::Info, format!("{} done in {took}", span.name))
        }
        _ if is_query && took_nanos > SLOW_QUERY_NANOS => {
            (SeverityNumber::Warn, format!("slow query: {} took {took}", span.name))
        }
        _ => (SeverityNumber::Debug, format!("{} took {took}", span.name)),
    };
    let told = ["http.response.status_code", "rpc.response.status_code", "db.query.text"];
    let attributes = span.attributes.iter().filter(|attribute| told.contains(&attribute.key.as_str()));
    let done = record(span, span.end_time_unix_nano, severity, body, attributes.cloned().collect());
    let exceptions = span.events.iter().map(|event| exception(span, event));
    exceptions.chain([done]).map(|record| (*service, record)).collect::<Vec<_>>().into_iter()
}

fn exception(span: &Span, event: &Event) -> LogRecord {
    let message = span.status.as_ref().map_or("", |status| status.message.as_str());
    let body = format!("{} failed: {message}", span.name);
    let mut record =
        record(span, event.time_unix_nano, SeverityNumber::Error, body, event.attributes.clone());
    record.event_name.clone_from(&event.name);
    record
}

fn record(
    span: &Span,
    time_unix_nano: u64,
    severity: SeverityNumber,
    body: String,
    attributes: Vec<KeyValue>,
) -> LogRecord {
    LogRecord {
        time_unix_nano,
        observed_time_unix_nano: time_unix_nano,
        severity_number: severity as i32,
        severity_text: severity.as_str_name().trim_start_matches("SEVERITY_NUMBER_").to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(body)) }),
        attributes,
        flags: 1,
        trace_id: span.trace_id.clone(),
        span_id: span.span_id.clone(),
        ..LogRecord::default()
    }
}
