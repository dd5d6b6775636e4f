use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs};

use super::{SERVICE_WIDTH, inline};
use crate::exporter::debug::pretty::{
    color::{Paint, Style},
    table::{Cell, Table, cell, left},
    text::{clock_nano, escape, fit, short_hex},
    value::{as_str, quoted, service_name},
};

const BODY_WIDTH: usize = 160;
const SEVERITY_WIDTH: usize = 12;

pub(super) fn render(resources: &[ResourceLogs], paint: Paint) -> String {
    let mut table = Table::new([left(12), left(12), left(5), left(8)], paint);
    for resource in resources {
        let service = service_name(resource.resource.as_ref().map_or(&[], |of| of.attributes.as_slice()));
        for record in resource.scope_logs.iter().flat_map(|scope| &scope.log_records) {
            table.push(cells(service, record), rest(record, paint));
        }
    }
    table.render()
}

fn cells(service: &str, record: &LogRecord) -> [Cell; 4] {
    let time = if record.time_unix_nano > 0 { record.time_unix_nano } else { record.observed_time_unix_nano };
    [
        cell(clock_nano(time), Style::Dim),
        cell(fit(service, SERVICE_WIDTH), Style::service(service)),
        cell(fit(&severity(record), SEVERITY_WIDTH), severity_style(record)),
        cell(short_hex(&record.trace_id), Style::Dim),
    ]
}

fn rest(record: &LogRecord, paint: Paint) -> String {
    let body = match as_str(record.body.as_ref()) {
        Some(text) => escape(text, BODY_WIDTH),
        None => quoted(record.body.as_ref(), BODY_WIDTH),
    };
    let name = paint.apply(Style::Bold, &escape(&record.event_name, BODY_WIDTH));
    let attributes = inline(record.attributes.iter(), paint);
    [name, body, attributes].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns the sender's text, or the name of the number's range.
pub(in crate::exporter::debug::pretty) fn severity(record: &LogRecord) -> String {
    if !record.severity_text.is_empty() {
        return record.severity_text.clone();
    }
    let range = match record.severity_number {
        1..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        21..=24 => "FATAL",
        _ => "-",
    };
    range.to_owned()
}

fn severity_style(record: &LogRecord) -> Style {
    match record.severity_number {
        17.. => Style::Error,
        13..=16 => Style::Warning,
        _ => Style::Plain,
    }
}
