//! `verbosity: detailed`: every field, in the Collector's words.

mod logs;
mod metrics;
mod traces;

use std::fmt::{self, Write};

use bytes::Bytes;
use wire::{MessageView, Signal, Value};

use super::value::Typed;

/// Writes the content of whole requests. Field numbers are those of OTLP's `.proto` files.
pub(super) fn write(out: &mut dyn Write, signal: Signal, requests: &[Bytes]) -> fmt::Result {
    let (of_resource, of_scope, of_record) = match signal {
        Signal::Traces => ("ResourceSpans", "ScopeSpans", "Span"),
        Signal::Metrics => ("ResourceMetrics", "ScopeMetrics", "Metric"),
        Signal::Logs => ("ResourceLog", "ScopeLogs", "LogRecord"),
    };
    let resources = requests.iter().flat_map(|request| MessageView::of(request).messages(1));
    for (at, resource) in resources.enumerate() {
        writeln!(out, "{of_resource} #{at}")?;
        writeln!(out, "Resource SchemaURL: {}", resource.text(3))?;
        write_resource(out, &resource.message(1))?;
        for (at, scope) in resource.messages(2).enumerate() {
            writeln!(out, "{of_scope} #{at}")?;
            writeln!(out, "{of_scope} SchemaURL: {}", scope.text(3))?;
            write_scope(out, &scope.message(1))?;
            for (at, record) in scope.messages(2).enumerate() {
                writeln!(out, "{of_record} #{at}")?;
                match signal {
                    Signal::Traces => traces::write(out, &record)?,
                    Signal::Metrics => metrics::write(out, &record)?,
                    Signal::Logs => logs::write(out, &record)?,
                }
            }
        }
    }
    Ok(())
}

fn write_resource(out: &mut dyn Write, resource: &MessageView<'_>) -> fmt::Result {
    attributes(out, "Resource attributes", "", resource.attributes(1))?;
    for (at, entity) in resource.messages(3).enumerate() {
        if at == 0 {
            writeln!(out, "Resource entity refs:")?;
        }
        writeln!(out, "     -> Entity ref #{at}:")?;
        writeln!(out, "          -> Type: {}", entity.text(2))?;
        if !entity.text(1).is_empty() {
            writeln!(out, "          -> Schema URL: {}", entity.text(1))?;
        }
        for (title, number) in [("ID keys", 3), ("Description keys", 4)] {
            if entity.has(number) {
                writeln!(out, "          -> {title}:")?;
            }
            for key in entity.texts(number) {
                writeln!(out, "               -> {key}")?;
            }
        }
    }
    Ok(())
}

fn write_scope(out: &mut dyn Write, scope: &MessageView<'_>) -> fmt::Result {
    writeln!(out, "InstrumentationScope {} {}", scope.text(1), scope.text(2))?;
    attributes(out, "InstrumentationScope attributes", "", scope.attributes(3))
}

/// Writes attributes under their title, or nothing if there are none.
fn attributes<'a>(
    out: &mut dyn Write,
    title: &str,
    indent: &str,
    attributes: impl Iterator<Item = (&'a str, Value<'a>)>,
) -> fmt::Result {
    for (at, (key, value)) in attributes.enumerate() {
        if at == 0 {
            writeln!(out, "{title}:")?;
        }
        writeln!(out, "{indent}     -> {key}: {}", Typed(&value))?;
    }
    Ok(())
}
