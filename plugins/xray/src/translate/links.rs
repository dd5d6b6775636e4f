//! Writes links to other traces.

use spanloom_plugin::flat::{FlatLink, FlatSpan};
use spanloom_plugin::json::Writer;

use super::attributes::write_metadata_field;
use super::{Refused, Rules};
use crate::document::Detail;
use crate::ids::TraceId;

/// Writes `links` if there are any. A link with invalid ids is left out, whereas the Collector drops the
/// span.
pub(crate) fn write(json: &mut Writer, span: &FlatSpan<'_>, rules: &Rules, detail: Detail) {
    let mut links = span.links().filter(|link| refusal(link, rules).is_none()).take(detail.items).peekable();
    if links.peek().is_none() {
        return;
    }
    json.key("links").array(|json| {
        for link in links {
            json.object(|json| write_link(json, &link, detail));
        }
    });
}

fn write_link(json: &mut Writer, link: &FlatLink<'_>, detail: Detail) {
    json.field("trace_id", TraceId::new(link.trace_id()).as_str());
    json.key("id").hex(link.span_id());
    if link.attributes().len() > 0 && detail.metadata_bytes > 0 {
        json.key("attributes").object(|json| {
            let mut written = std::collections::BTreeSet::new();
            for (key, value) in link.attributes().filter(|(key, _)| written.insert(*key)) {
                write_metadata_field(json, key, value, detail);
            }
        });
    }
}

/// Returns the reason why a link is left out.
pub(crate) fn refusal(link: &FlatLink<'_>, rules: &Rules) -> Option<Refused> {
    rules.check_ids(link.trace_id(), link.span_id()).err()
}
