//! The parts that all spans of one resource share, made once per batch.

use spanloom_plugin::ValueRef;
use spanloom_plugin::flat::{Attributes, FlatResource};
use spanloom_plugin::json::Writer;

use super::attributes::{self, AnnotationNames};
use super::{Rules, origin, platform};
use crate::document::Detail;

/// The prefix of resource attributes, which distinguishes them from span attributes.
pub(crate) const PREFIX: &str = "otel.resource.";

pub(crate) struct Resource<'a> {
    attributes: Attributes<'a>,
    pub(crate) origin: Option<&'a str>,
    /// The AWS resource that a segment was about which the `awsxray` receiver has read.
    pub(crate) arn: Option<&'a str>,
    /// The language of the SDK, which determines the format of stack traces.
    pub(crate) language: &'a str,
    pub(crate) service_name: Option<&'a str>,
    pub(crate) service_version: Option<&'a str>,
    pub(crate) account_id: Option<&'a str>,
    /// The fields of `aws` about the platform of the sender; `None` outside AWS.
    pub(crate) platform: Option<Writer>,
    /// The indexed attributes: the numbers of their names, and their values.
    pub(crate) annotations: Vec<(usize, ValueRef<'a>)>,
    /// The metadata fields of the other attributes.
    pub(crate) metadata: Writer,
}

impl<'a> Resource<'a> {
    pub(crate) fn new(
        resource: FlatResource<'a>,
        rules: &Rules,
        names: &mut AnnotationNames,
    ) -> Resource<'a> {
        let attributes = resource.attributes();
        let text = |key| text(&attributes, key);
        let mut made = Resource {
            origin: origin::of(&attributes),
            arn: text("aws.xray.resource_arn"),
            language: text("telemetry.sdk.language").unwrap_or_default(),
            service_name: text("service.name"),
            service_version: text("service.version").or_else(|| text("container.image.tag")),
            account_id: text("cloud.account.id"),
            platform: platform::fields(&attributes, rules, Detail::FULL),
            annotations: Vec::new(),
            metadata: Writer::embedded(),
            attributes: resource.attributes(),
        };
        made.divide(rules, names);
        made
    }

    /// Returns the platform in less detail.
    pub(crate) fn platform_in(&self, rules: &Rules, detail: Detail) -> Option<Writer> {
        platform::fields(&self.attributes, rules, detail)
    }

    /// Returns the metadata in less detail.
    pub(crate) fn metadata_in(&self, rules: &Rules, detail: Detail) -> Writer {
        let mut json = Writer::embedded();
        for (key, value) in self.metadata_attributes(rules) {
            attributes::write_metadata_field(&mut json, &format!("{PREFIX}{key}"), value, detail);
        }
        json
    }

    /// Returns an attribute by its key with the prefix.
    pub(crate) fn prefixed(&self, key: &str) -> Option<ValueRef<'a>> {
        self.attributes.clone().find_key(key.strip_prefix(PREFIX)?)
    }

    fn divide(&mut self, rules: &Rules, names: &mut AnnotationNames) {
        for (key, value) in self.attributes.clone() {
            let key = format!("{PREFIX}{key}");
            if let Some(name) = names.number(&key).filter(|_| rules.indexes(&key) && is_annotation(value)) {
                self.annotations.push((name, value));
            }
        }
        self.metadata = self.metadata_in(rules, Detail::FULL);
    }

    /// Iterates over the attributes that are not annotations, each key once.
    fn metadata_attributes(&self, rules: &Rules) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> {
        let mut seen = std::collections::BTreeSet::new();
        let metadata = |(key, value): &(&str, ValueRef<'_>)| {
            !(rules.indexes(&format!("{PREFIX}{key}")) && is_annotation(*value))
        };
        self.attributes.clone().filter(metadata).filter(move |(key, _)| seen.insert(*key))
    }
}

/// Returns a text attribute if it is not empty.
pub(crate) fn text<'a>(attributes: &Attributes<'a>, key: &str) -> Option<&'a str> {
    match attributes.clone().find_key(key) {
        Some(ValueRef::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn is_annotation(value: ValueRef<'_>) -> bool {
    attributes::is_annotation(value)
}
