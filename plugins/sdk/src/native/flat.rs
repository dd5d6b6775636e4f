//! Converts every field of every span from `wire` to the interface. The lists are moved, and nothing is
//! copied.

use crate::bindings::spanloom::plugin::spans::{
    FlatAttributes, FlatEvents, FlatLinks, FlatResources, FlatScopes, FlatSpans,
};

pub(super) fn spans(flat: wire::FlatSpans) -> FlatSpans {
    FlatSpans {
        arena: flat.arena,
        ends: flat.ends,
        bytes: flat.bytes,
        trace_ids: flat.trace_ids,
        span_ids: flat.span_ids,
        parent_span_ids: flat.parent_span_ids,
        start_times_unix_nano: flat.start_times_unix_nano,
        end_times_unix_nano: flat.end_times_unix_nano,
        kinds: flat.kinds,
        status_codes: flat.status_codes,
        flags: flat.flags,
        names: flat.names,
        status_messages: flat.status_messages,
        trace_states: flat.trace_states,
        scopes: flat.scopes,
        attribute_ends: flat.attribute_ends,
        event_ends: flat.event_ends,
        link_ends: flat.link_ends,
        attributes: attributes(flat.attributes),
        events: FlatEvents {
            times_unix_nano: flat.events.times_unix_nano,
            names: flat.events.names,
            attribute_ends: flat.events.attribute_ends,
            attributes: attributes(flat.events.attributes),
        },
        links: FlatLinks {
            trace_ids: flat.links.trace_ids,
            span_ids: flat.links.span_ids,
            trace_states: flat.links.trace_states,
            flags: flat.links.flags,
            attribute_ends: flat.links.attribute_ends,
            attributes: attributes(flat.links.attributes),
        },
        scope_table: FlatScopes {
            resources: flat.scope_table.resources,
            names: flat.scope_table.names,
            versions: flat.scope_table.versions,
            schema_urls: flat.scope_table.schema_urls,
            attribute_ends: flat.scope_table.attribute_ends,
            attributes: attributes(flat.scope_table.attributes),
        },
        resource_table: FlatResources {
            schema_urls: flat.resource_table.schema_urls,
            attribute_ends: flat.resource_table.attribute_ends,
            attributes: attributes(flat.resource_table.attributes),
        },
    }
}

fn attributes(flat: wire::FlatAttributes) -> FlatAttributes {
    FlatAttributes { keys: flat.keys, kinds: flat.kinds, values: flat.values }
}
