use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    logs::v1::{LogRecord, ResourceLogs},
};

use super::{Fields, Outline, TEXT_LIMIT, attributes, resource, scope};
use crate::exporter::debug::pretty::{normal::severity, text::escape};

pub(super) fn write(resources: &[ResourceLogs], out: &mut Outline) {
    for of_resource in resources {
        resource(out, of_resource.resource.as_ref(), &of_resource.schema_url);
        for of_scope in &of_resource.scope_logs {
            scope(out, of_scope.scope.as_ref(), &of_scope.schema_url);
            for record in &of_scope.log_records {
                write_record(out, record);
            }
        }
    }
}

fn write_record(out: &mut Outline, record: &LogRecord) {
    out.heading(2, "Log record", &escape(&record.event_name, TEXT_LIMIT));
    let mut fields = Fields::default();
    fields.time("time", record.time_unix_nano);
    fields.time("observed", record.observed_time_unix_nano);
    fields.text("severity", &format!("{} ({})", severity(record), record.severity_number));
    fields.id("trace id", &record.trace_id);
    fields.id("span id", &record.span_id);
    fields.flags(record.flags);
    let body = KeyValue { key: "body".to_owned(), value: record.body.clone(), ..KeyValue::default() };
    fields.attributes(&[body]);
    out.fields(3, fields);
    attributes(out, 3, &record.attributes, record.dropped_attributes_count);
}
