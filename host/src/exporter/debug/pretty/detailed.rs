//! `verbosity: detailed`: shows every field.

mod logs;
mod metrics;
mod outline;
mod traces;

use opentelemetry_proto::tonic::{
    common::v1::InstrumentationScope, common::v1::KeyValue, resource::v1::Resource,
};

use self::outline::{Fields, Outline};
use super::{color::Paint, data::Data, text::escape};

/// The most characters of a name or a value that are shown.
const TEXT_LIMIT: usize = 2_000;

pub(super) fn render(data: &Data, paint: Paint) -> String {
    let mut outline = Outline::new(paint);
    match data {
        Data::Traces(resources) => traces::write(resources, &mut outline),
        Data::Metrics(resources) => metrics::write(resources, &mut outline),
        Data::Logs(resources) => logs::write(resources, &mut outline),
    }
    outline.finish()
}

fn resource(out: &mut Outline, resource: Option<&Resource>, schema_url: &str) {
    let none = Resource::default();
    let resource = resource.unwrap_or(&none);
    out.heading(0, "Resource", &escape(schema_url, TEXT_LIMIT));
    let mut fields = Fields::default();
    fields.attributes(&resource.attributes);
    fields.count("dropped attributes", resource.dropped_attributes_count);
    for entity in &resource.entity_refs {
        fields.text("entity", &format!("{} {}", entity.r#type, entity.id_keys.join(", ")));
    }
    out.fields(1, fields);
}

fn scope(out: &mut Outline, scope: Option<&InstrumentationScope>, schema_url: &str) {
    let none = InstrumentationScope::default();
    let scope = scope.unwrap_or(&none);
    let title = [scope.name.as_str(), &scope.version, schema_url].map(|part| escape(part, TEXT_LIMIT));
    out.heading(1, "Scope", title.join(" ").trim_end());
    let mut fields = Fields::default();
    fields.attributes(&scope.attributes);
    fields.count("dropped attributes", scope.dropped_attributes_count);
    out.fields(2, fields);
}

/// Writes attributes under their own heading, or nothing if there are none.
fn attributes(out: &mut Outline, depth: usize, attributes: &[KeyValue], dropped: u32) {
    if attributes.is_empty() && dropped == 0 {
        return;
    }
    out.heading(depth, "attributes", "");
    let mut fields = Fields::default();
    fields.attributes(attributes);
    fields.count("dropped attributes", dropped);
    out.fields(depth + 1, fields);
}
