//! Makes annotations of attributes, which X-Ray indexes, or metadata, which it stores.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use spanloom_plugin::ValueRef;
use spanloom_plugin::json::Writer;

use super::Rules;
use super::key::NAMESPACE_PREFIX;
use super::resource::PREFIX;
use super::segment::Segment;
use crate::document::Detail;

/// The longest text that X-Ray indexes.
const MAX_ANNOTATION_CHARS: usize = 1000;
/// The longest name of an annotation.
const MAX_NAME_BYTES: usize = 500;

/// An attribute that goes into the document unchanged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: ValueRef<'a>,
    pub(crate) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// An annotation, with the number of its name.
    Annotation(usize),
    /// An annotation about the other side of a call. The segment of this side does not have it.
    RemoteAnnotation(usize),
    Metadata,
    /// A namespace of the metadata, as JSON.
    Namespace,
}

/// The numbered names of annotations. Several keys may have one name.
#[derive(Debug, Default)]
pub(crate) struct AnnotationNames {
    allow_dot: bool,
    numbers: BTreeMap<String, usize>,
    names: Vec<String>,
    /// The document that last used each name.
    seen: Vec<u32>,
    document: u32,
}

impl AnnotationNames {
    pub(crate) fn new(allow_dot: bool) -> AnnotationNames {
        AnnotationNames { allow_dot, ..AnnotationNames::default() }
    }

    /// Returns the number of a key's name, or `None` if the key cannot become a name.
    pub(crate) fn number(&mut self, key: &str) -> Option<usize> {
        let allowed = |c: &char| c.is_ascii_alphanumeric() || (self.allow_dot && *c == '.');
        let name: String = key.chars().map(|c| if allowed(&c) { c } else { '_' }).collect();
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return None;
        }
        let names = &mut self.names;
        Some(*self.numbers.entry(name).or_insert_with_key(|name| {
            names.push(name.clone());
            names.len() - 1
        }))
    }

    /// Starts a new document.
    fn begin(&mut self) {
        self.document = self.document.wrapping_add(1);
        self.seen.resize(self.names.len(), 0);
    }

    /// Marks the name as used, and returns whether the document did not use it before.
    fn is_new(&mut self, number: usize) -> bool {
        let Some(seen) = self.seen.get_mut(number) else { return false };
        std::mem::replace(seen, self.document) != self.document
    }

    fn name(&self, number: usize) -> &str {
        self.names.get(number).map_or("", String::as_str)
    }
}

/// Returns whether X-Ray can index the value: not a list, a map, bytes or a long text.
pub(crate) fn is_annotation(value: ValueRef<'_>) -> bool {
    if let ValueRef::Text(text) = value {
        return text.len() <= MAX_ANNOTATION_CHARS || text.chars().count() <= MAX_ANNOTATION_CHARS;
    }
    !matches!(value, ValueRef::Bytes(_) | ValueRef::Json(_))
}

/// Returns whether the value is empty and counts as absent.
pub(crate) fn is_empty(value: ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Json("" | "null"))
}

/// Writes a key with its value. A text is cut to the detail's limit, and any other value above the limit is
/// left out.
pub(crate) fn write_metadata_field(json: &mut Writer, key: &str, value: ValueRef<'_>, detail: Detail) {
    let limit = detail.metadata_bytes;
    match value {
        _ if is_empty(value) || key.len() > limit => {}
        ValueRef::Text(text) => {
            json.field(key, text.get(..text.floor_char_boundary(limit)).unwrap_or_default());
        }
        ValueRef::Json(text) if text.len() > limit => {}
        ValueRef::Bytes(bytes) if bytes.len() > limit => {}
        value => write_value(json.key(key), value),
    }
}

/// Writes a value. Bytes, and numbers that JSON does not have, are written as in OTLP/JSON.
fn write_value(json: &mut Writer, value: ValueRef<'_>) {
    match value {
        ValueRef::Double(double) if double.is_nan() => json.string("NaN"),
        ValueRef::Double(double) if double.is_infinite() => {
            json.string(if double > 0.0 { "Infinity" } else { "-Infinity" })
        }
        ValueRef::Bytes(bytes) => json.string(&base64(bytes)),
        value => json.value(value),
    };
}

impl Segment<'_, '_> {
    /// Writes `annotations` if there are any.
    pub(super) fn write_annotations(&self, json: &mut Writer, names: &mut AnnotationNames) {
        let of_resource: &[_] = if self.subsegment { &[] } else { &self.resource.annotations };
        let of_resource = of_resource.iter().chain(&self.span.resource_annotations).copied();
        let of_span = self.span.attributes.iter().filter_map(|attribute| match attribute.place {
            Place::Annotation(number) => Some((number, attribute.value)),
            Place::RemoteAnnotation(number) if !self.is_service => Some((number, attribute.value)),
            _ => None,
        });
        let mut annotations = of_resource.chain(of_span).peekable();
        if annotations.peek().is_none() {
            return;
        }
        names.begin();
        json.key("annotations").object(|json| {
            for (number, value) in annotations {
                if names.is_new(number) {
                    write_value(json.key(names.name(number)), value);
                }
            }
        });
    }

    /// Writes `metadata` if there is any.
    pub(super) fn write_metadata(&self, json: &mut Writer, rules: &Rules, detail: Detail) {
        let attributes: &[_] = if self.is_service { &[] } else { self.span.attributes };
        let has_resource = !self.subsegment && !self.resource.metadata.as_bytes().is_empty();
        let kept = |of: &Attribute<'_>| matches!(of.place, Place::Metadata | Place::Namespace);
        if !has_resource && !attributes.iter().any(kept) {
            return;
        }
        let in_default = |of: &Attribute<'_>| match of.place {
            Place::Metadata => true,
            Place::Namespace => namespace(of).is_none_or(|(namespace, _)| is_default(namespace)),
            _ => false,
        };
        json.key("metadata").object(|json| {
            write_namespaces(json, attributes, detail);
            if has_resource || attributes.iter().any(in_default) {
                json.key("default").object(|json| self.write_default(json, attributes, rules, detail));
            }
        });
    }

    /// Writes the fields that belong to no other namespace.
    fn write_default(&self, json: &mut Writer, attributes: &[Attribute<'_>], rules: &Rules, detail: Detail) {
        if !self.subsegment {
            let shorter;
            let of_resource = if detail == Detail::FULL {
                &self.resource.metadata
            } else {
                shorter = self.resource.metadata_in(rules, detail);
                &shorter
            };
            json.append(of_resource);
        }
        for attribute in attributes {
            match attribute.place {
                Place::Metadata if self.is_of_resource(attribute.key) => {}
                Place::Metadata => write_metadata_field(json, attribute.key, attribute.value, detail),
                Place::Namespace => self.write_into_default(json, attribute, detail),
                _ => {}
            }
        }
    }

    /// Returns whether the resource has the key, so that it is not written twice.
    fn is_of_resource(&self, key: &str) -> bool {
        !self.subsegment && key.starts_with(PREFIX) && self.resource.prefixed(key).is_some()
    }

    /// Writes an attribute that holds the namespace `default`, or one that holds no JSON object and is
    /// treated like any other attribute.
    fn write_into_default(&self, json: &mut Writer, attribute: &Attribute<'_>, detail: Detail) {
        match namespace(attribute) {
            None => write_metadata_field(json, attribute.key, attribute.value, detail),
            Some((namespace, fields)) if is_default(namespace) => {
                for (key, value) in fields.iter().filter(|(key, _)| !self.has_metadata(key, attribute)) {
                    write_metadata_field(json, key, ValueRef::Json(&value.to_string()), detail);
                }
            }
            Some(_) => {}
        }
    }

    /// Returns whether the default namespace already has that key from another attribute. Plain attributes
    /// take precedence.
    fn has_metadata(&self, key: &str, than: &Attribute<'_>) -> bool {
        let before = self.span.attributes.iter().take_while(|attribute| attribute.key != than.key);
        let mut spaces = before.filter(|of| of.place == Place::Namespace).filter_map(namespace);
        self.is_of_resource(key)
            || self.span.attributes.iter().any(|of| of.key == key && of.place == Place::Metadata)
            || spaces.any(|(namespace, fields)| is_default(namespace) && fields.contains_key(key))
    }
}

/// Writes all namespaces except `default`.
fn write_namespaces(json: &mut Writer, attributes: &[Attribute<'_>], detail: Detail) {
    for attribute in attributes.iter().filter(|of| of.place == Place::Namespace) {
        let Some((namespace, fields)) = namespace(attribute).filter(|(name, _)| !is_default(name)) else {
            continue;
        };
        json.key(namespace).object(|json| {
            for (key, value) in &fields {
                write_metadata_field(json, key, ValueRef::Json(&value.to_string()), detail);
            }
        });
    }
}

/// Returns the namespace and its fields if the attribute holds a JSON object.
fn namespace<'a>(attribute: &Attribute<'a>) -> Option<(&'a str, Map<String, Json>)> {
    let ValueRef::Text(text) = attribute.value else { return None };
    Some((attribute.key.strip_prefix(NAMESPACE_PREFIX)?, serde_json::from_str(text).ok()?))
}

fn is_default(namespace: &str) -> bool {
    namespace.eq_ignore_ascii_case("default")
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS.get((word >> (18 - 6 * place)) as usize & 63).copied().unwrap_or_default();
            out.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_base64_as_in_rfc_4648() {
        let check = |bytes: &str, expected: &str| assert_eq!(base64(bytes.as_bytes()), expected);
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foobar", "Zm9vYmFy");
    }

    #[test]
    fn what_annotations_cannot_be_named_becomes_an_underscore() {
        let mut names = AnnotationNames::new(true);
        let number = names.number("a-b.ü").expect("a name");
        assert_eq!(names.name(number), "a_b._");
        assert_eq!(names.number("a_b._"), Some(number));
        assert_eq!(AnnotationNames::new(false).number(""), None);
        let mut without_dots = AnnotationNames::new(false);
        let number = without_dots.number("a.b").expect("a name");
        assert_eq!(without_dots.name(number), "a_b");
    }
}
