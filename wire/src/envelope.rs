//! The resource and the scope that records have in common.

use crate::Value;
use crate::value::{Parts, attribute, attributes, fields_of, text};

/// A `Resource`: the origin of all records in one `ResourceSpans` or `ResourceMetrics`.
#[derive(Clone)]
pub struct Resource<'a> {
    parts: Parts<'a>,
    schema_url: &'a str,
}

/// An `InstrumentationScope`: the origin of all records in one `ScopeSpans` or `ScopeMetrics`.
#[derive(Clone)]
pub struct Scope<'a> {
    parts: Parts<'a>,
    schema_url: &'a str,
}

impl<'a> Resource<'a> {
    pub(crate) fn new(parts: Parts<'a>, schema_url: &'a str) -> Resource<'a> {
        Resource { parts, schema_url }
    }

    /// Returns the schema URL of the envelope around the resource.
    pub fn schema_url(&self) -> &'a str {
        self.schema_url
    }

    /// Returns the value of the first attribute with that key.
    pub fn attribute(&self, key: &str) -> Option<Value<'a>> {
        self.parts.iter().find_map(|part| attribute(part, 1, key))
    }

    /// Iterates over keys and values in the order of the bytes. A key may occur twice.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.parts.clone().into_iter().flat_map(|part| attributes(part, 1))
    }

    /// Returns the parts of the encoded `Resource`: none if there is no resource, and nearly always one.
    pub fn encoded(&self) -> &[&'a [u8]] {
        &self.parts
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(parts: Parts<'a>, schema_url: &'a str) -> Scope<'a> {
        Scope { parts, schema_url }
    }

    /// Returns the schema URL of the envelope around the scope.
    pub fn schema_url(&self) -> &'a str {
        self.schema_url
    }

    pub fn name(&self) -> &'a str {
        text(fields_of(self.parts.clone(), 1).last().unwrap_or_default())
    }

    pub fn version(&self) -> &'a str {
        text(fields_of(self.parts.clone(), 2).last().unwrap_or_default())
    }

    /// Iterates over keys and values in the order of the bytes. A key may occur twice.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.parts.clone().into_iter().flat_map(|part| attributes(part, 3))
    }

    /// Returns the parts of the encoded `InstrumentationScope`: none if there is no scope, and nearly always
    /// one.
    pub fn encoded(&self) -> &[&'a [u8]] {
        &self.parts
    }
}
