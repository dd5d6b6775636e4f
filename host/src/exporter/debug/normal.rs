//! `verbosity: normal`: about a line for each item, in the Collector's words.

mod metrics;

use std::fmt::{self, Write};

use bytes::Bytes;
use wire::{MessageView, Signal, Value};

use super::{number::Id, value::Text};

/// Writes the content of whole requests. Field numbers are those of OTLP's `.proto` files.
pub(super) fn write(out: &mut dyn Write, signal: Signal, requests: &[Bytes]) -> fmt::Result {
    let (of_resource, of_scope) = match signal {
        Signal::Traces => ("ResourceTraces", "ScopeTraces"),
        Signal::Metrics => ("ResourceMetrics", "ScopeMetrics"),
        Signal::Logs => ("ResourceLog", "ScopeLog"),
    };
    let resources = requests.iter().flat_map(|request| MessageView::of(request).messages(1));
    for (at, resource) in resources.enumerate() {
        write!(out, "{of_resource} #{at}")?;
        schema(out, resource.text(3))?;
        attributes(out, " ", " ", resource.message(1).attributes(1))?;
        writeln!(out)?;
        for (at, scope) in resource.messages(2).enumerate() {
            write!(out, "{of_scope} #{at}")?;
            write_scope(out, &scope)?;
            writeln!(out)?;
            for record in scope.messages(2) {
                match signal {
                    Signal::Traces => write_span(out, &record)?,
                    Signal::Metrics => metrics::write(out, &record)?,
                    Signal::Logs => write_record(out, &record)?,
                }
            }
        }
    }
    Ok(())
}

fn write_scope(out: &mut dyn Write, of_scope: &MessageView<'_>) -> fmt::Result {
    let scope = of_scope.message(1);
    let (name, version) = (scope.text(1), scope.text(2));
    match (name.is_empty(), version.is_empty()) {
        (true, true) => {}
        (false, true) => write!(out, " {name}")?,
        (_, false) => write!(out, " {name}@{version}")?,
    }
    schema(out, of_scope.text(3))?;
    attributes(out, " ", " ", scope.attributes(3))
}

fn write_span(out: &mut dyn Write, span: &MessageView<'_>) -> fmt::Result {
    write!(out, "{} {} {}", span.text(5), Id(span.bytes(1)), Id(span.bytes(2)))?;
    attributes(out, " ", " ", span.attributes(9))?;
    writeln!(out)
}

fn write_record(out: &mut dyn Write, record: &MessageView<'_>) -> fmt::Result {
    write!(out, "{} ", Text(&record.value(5)))?;
    attributes(out, "", " ", record.attributes(6))?;
    writeln!(out)
}

fn schema(out: &mut dyn Write, url: &str) -> fmt::Result {
    if url.is_empty() { Ok(()) } else { write!(out, " [{url}]") }
}

/// Writes `key=value key=value`, with `before` before the first and `between` between the others.
fn attributes<'a>(
    out: &mut dyn Write,
    before: &str,
    between: &str,
    attributes: impl Iterator<Item = (&'a str, Value<'a>)>,
) -> fmt::Result {
    for (at, (key, value)) in attributes.enumerate() {
        let gap = if at == 0 { before } else { between };
        write!(out, "{gap}{key}={}", Text(&value))?;
    }
    Ok(())
}
