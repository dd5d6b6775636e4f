//! Links to other traces.

use spanloom_plugin::wire::writer::SpanWriter;

use super::attributes::Attributes;
use crate::ids;
use crate::json::Object;

/// Writes the links whose ids are valid.
pub(super) fn write<'t>(segment: &'t Object<'t>, span: &mut SpanWriter<'_>) {
    for link in segment.objects("links") {
        let trace_id = link.text("trace_id").and_then(|text| ids::trace_id(&text));
        let span_id = link.text("id").and_then(|text| ids::span_id(&text));
        let (Some(trace_id), Some(span_id)) = (trace_id, span_id) else { continue };
        span.link(|out| {
            out.trace_id(trace_id).span_id(span_id);
            let mut attributes = Attributes::new(out.attributes());
            for (key, value) in link.object("attributes").into_iter().flat_map(Object::fields) {
                attributes.push(key, value);
            }
        });
    }
}
