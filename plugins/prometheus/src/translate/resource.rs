//! The source of metrics: `job` and `instance`, and the labels of the instrumentation scope.

use spanloom_plugin::wire::{Resource, Scope};

use crate::{
    config::Shape,
    labels::{Reserved, label_name, value_text},
};

/// The target that was measured. Either text may be empty.
pub(super) struct Target {
    job: String,
    instance: String,
}

const NAME: &str = "service.name";
const NAMESPACE: &str = "service.namespace";
const INSTANCE: &str = "service.instance.id";

/// The attributes of a scope for which OTLP has fields, which are labels already.
const FIELDS_OF_SCOPE: [&str; 3] = ["name", "version", "schema_url"];

/// Returns whether `job` or `instance` contains the attribute.
pub(super) fn is_of_target(key: &str) -> bool {
    [NAME, NAMESPACE, INSTANCE].contains(&key)
}

impl Target {
    pub(super) fn of(resource: &Resource<'_>) -> Target {
        let text = |key| resource.attribute(key).map(value_text).unwrap_or_default();
        let (name, namespace) = (text(NAME), text(NAMESPACE));
        let job = match namespace.is_empty() || name.is_empty() {
            true => name.into_owned(),
            false => format!("{namespace}/{name}"),
        };
        Target { job, instance: text(INSTANCE).into_owned() }
    }

    /// Returns whether both texts are known.
    pub(super) fn is_whole(&self) -> bool {
        !self.job.is_empty() && !self.instance.is_empty()
    }

    pub(super) fn reserved(&self) -> Reserved {
        let mut reserved = Reserved::default();
        reserved.add("job", &self.job);
        reserved.add("instance", &self.instance);
        reserved
    }
}

/// Returns the labels that attributes may not replace. Constant labels win over all others.
pub(super) fn reserved(shape: &Shape, target: &Target, scope: &Scope<'_>) -> Reserved {
    let mut reserved = Reserved::default();
    for (name, value) in &shape.const_labels {
        reserved.add(name, value);
    }
    reserved.add("job", &target.job);
    reserved.add("instance", &target.instance);
    if shape.scope_labels {
        add_scope(&mut reserved, scope, shape.names.utf8);
    }
    reserved
}

fn add_scope(reserved: &mut Reserved, scope: &Scope<'_>, utf8: bool) {
    reserved.add("otel_scope_schema_url", scope.schema_url());
    reserved.add("otel_scope_name", scope.name());
    reserved.add("otel_scope_version", scope.version());
    for (key, value) in scope.attributes().filter(|(key, _)| !FIELDS_OF_SCOPE.contains(key)) {
        let key = format!("otel_scope_{key}");
        reserved.add_beside(&label_name(&key, utf8), &value_text(value));
    }
}
