use std::fmt::{self, Display, Write};

use wire::MessageView;

use super::attributes;
use crate::exporter::debug::number::{Id, Time};

pub(super) fn write(out: &mut dyn Write, span: &MessageView<'_>) -> fmt::Result {
    let status = span.message(15);
    field(out, "Trace ID", Id(span.bytes(1)))?;
    field(out, "Parent ID", Id(span.bytes(4)))?;
    field(out, "ID", Id(span.bytes(2)))?;
    field(out, "Name", span.text(5))?;
    field(out, "Kind", kind(span.int32(6)))?;
    if !span.text(3).is_empty() {
        field(out, "TraceState", span.text(3))?;
    }
    field(out, "Start time", Time(span.fixed64(7)))?;
    field(out, "End time", Time(span.fixed64(8)))?;
    field(out, "Status code", status_code(status.int32(3)))?;
    field(out, "Status message", status.text(2))?;
    for (title, number) in [("Attributes", 10), ("Events", 12), ("Links", 14)] {
        writeln!(out, "    Dropped{title}Count: {}", span.varint(number) as u32)?;
    }
    attributes(out, "Attributes", "", span.attributes(9))?;
    for (at, event) in span.messages(11).enumerate() {
        if at == 0 {
            writeln!(out, "Events:")?;
        }
        writeln!(out, "SpanEvent #{at}")?;
        write_event(out, &event)?;
    }
    for (at, link) in span.messages(13).enumerate() {
        if at == 0 {
            writeln!(out, "Links:")?;
        }
        writeln!(out, "SpanLink #{at}")?;
        write_link(out, &link)?;
    }
    Ok(())
}

fn write_event(out: &mut dyn Write, event: &MessageView<'_>) -> fmt::Result {
    writeln!(out, "     -> Name: {}", event.text(2))?;
    writeln!(out, "     -> Timestamp: {}", Time(event.fixed64(1)))?;
    writeln!(out, "     -> DroppedAttributesCount: {}", event.varint(4) as u32)?;
    // The second colon is the Collector's.
    attributes(out, "     -> Attributes:", "     ", event.attributes(3))
}

fn write_link(out: &mut dyn Write, link: &MessageView<'_>) -> fmt::Result {
    writeln!(out, "     -> Trace ID: {}", Id(link.bytes(1)))?;
    writeln!(out, "     -> ID: {}", Id(link.bytes(2)))?;
    writeln!(out, "     -> TraceState: {}", link.text(3))?;
    writeln!(out, "     -> DroppedAttributesCount: {}", link.varint(5) as u32)?;
    attributes(out, "     -> Attributes:", "     ", link.attributes(4))
}

fn field(out: &mut dyn Write, title: &str, value: impl Display) -> fmt::Result {
    writeln!(out, "    {title:<15}: {value}")
}

fn kind(kind: i32) -> &'static str {
    match kind {
        0 => "Unspecified",
        1 => "Internal",
        2 => "Server",
        3 => "Client",
        4 => "Producer",
        5 => "Consumer",
        _ => "",
    }
}

fn status_code(code: i32) -> &'static str {
    match code {
        0 => "Unset",
        1 => "Ok",
        2 => "Error",
        _ => "",
    }
}
