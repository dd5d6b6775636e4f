//! Posts a JSON line for each span to a URL.

use spanloom_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    /// The URL to post to. Its origin must be granted: `grants: { http: ["https://hooks.example"] }`.
    url: String,
    #[serde(skip)]
    lines: json::Writer,
}

impl Exporter for Webhook {
    fn describe(of_crate: Description) -> Description {
        let described = of_crate.with_schema(include_str!("../config.schema.json"));
        Description { grants: vec![Grant::Http], ..described }
    }

    fn export_spans(&mut self, spans: SpanBatch) -> Result<(), ExportError> {
        for span in spans.flat().spans() {
            write_line(&mut self.lines, &span);
        }
        let request = Request::post(&self.url).header("content-type", "application/x-ndjson");
        request.body(self.lines.take()).send()?.error_for_status()?;
        Ok(())
    }
}

fn write_line(lines: &mut json::Writer, span: &FlatSpan<'_>) {
    lines.object(|line| {
        line.key("trace_id").hex(span.trace_id());
        line.key("span_id").hex(span.span_id());
        if let Some(parent) = span.parent_span_id() {
            line.key("parent_span_id").hex(parent);
        }
        line.field("name", span.name()).field("start_unix_nano", span.start_time_unix_nano());
        line.field("duration_nano", span.duration_nano());
        if span.status_code() == StatusCode::Error {
            line.field("error", span.status_message());
        }
        line.key("resource").object(|line| write_attributes(line, span.resource().attributes()));
        line.key("attributes").object(|line| write_attributes(line, span.attributes()));
    });
    lines.newline();
}

fn write_attributes(line: &mut json::Writer, attributes: Attributes<'_>) {
    for (key, value) in attributes {
        line.field(key, value);
    }
}

spanloom_plugin::exporter!(Webhook);

#[cfg(test)]
mod tests;
