//! Annotations and metadata: what users have added to a segment.

use std::collections::BTreeMap;

use spanloom_plugin::wire::writer::array;

use super::attributes::Attributes;
use crate::json::{Json, Object};

/// Writes each annotation as an attribute, and the list of their keys.
pub(super) fn write_annotations<'t>(segment: &'t Object<'t>, out: &mut Attributes<'_, 't>) {
    let Some(annotations) = segment.object("annotations") else { return };
    // If a key occurs twice, the last value counts.
    let annotations: BTreeMap<&str, &Json<'_>> = annotations.fields().collect();
    let is_indexed = |value: &Json<'_>| !matches!(value, Json::Null | Json::List(_) | Json::Object(_));
    let mut keys = annotations.iter().filter(|(_, value)| is_indexed(value)).map(|(key, _)| *key).peekable();
    if keys.peek().is_some() {
        out.push(
            "aws.xray.annotations",
            array(|out| {
                keys.for_each(|key| {
                    out.push(key);
                });
            }),
        );
    }
    for (key, value) in annotations {
        out.push(key, value);
    }
}

/// Writes each namespace of the metadata as JSON.
pub(super) fn write_metadata<'t>(segment: &'t Object<'t>, out: &mut Attributes<'_, 't>) {
    let Some(metadata) = segment.object("metadata") else { return };
    for (namespace, value) in metadata.fields() {
        if let Ok(json) = serde_json::to_string(value) {
            out.push(format!("aws.xray.metadata.{namespace}"), &json);
        }
    }
}
