//! What records have in common: the resource and the scope they come from.

use crate::Value;
use crate::value::{Parts, attribute, attributes, fields_of, text};

/// A `Resource`: what all in one `ResourceSpans` or `ResourceMetrics` have in common.
#[derive(Clone)]
pub struct Resource<'a> {
    parts: Parts<'a>,
    schema_url: &'a str,
}

/// An `InstrumentationScope`: what all in one `ScopeSpans` or `ScopeMetrics` have in common.
#[derive(Clone)]
pub struct Scope<'a> {
    parts: Parts<'a>,
    schema_url: &'a str,
}

impl<'a> Resource<'a> {
    pub(crate) fn new(parts: Parts<'a>, schema_url: &'a str) -> Resource<'a> {
        Resource { parts, schema_url }
    }

    /// Of the envelope around it.
    pub fn schema_url(&self) -> &'a str {
        self.schema_url
    }

    /// The first attribute of that key.
    pub fn attribute(&self, key: &str) -> Option<Value<'a>> {
        self.parts.iter().find_map(|part| attribute(part, 1, key))
    }

    /// Keys and values, as they lie; a key may occur twice.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.parts.clone().into_iter().flat_map(|part| attributes(part, 1))
    }

    /// The encoded `Resource`, in as many parts as it has: none if there is no resource, nearly always one.
    pub fn encoded(&self) -> &[&'a [u8]] {
        &self.parts
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(parts: Parts<'a>, schema_url: &'a str) -> Scope<'a> {
        Scope { parts, schema_url }
    }

    /// Of the envelope around it.
    pub fn schema_url(&self) -> &'a str {
        self.schema_url
    }

    pub fn name(&self) -> &'a str {
        text(fields_of(self.parts.clone(), 1).last().unwrap_or_default())
    }

    pub fn version(&self) -> &'a str {
        text(fields_of(self.parts.clone(), 2).last().unwrap_or_default())
    }

    /// Keys and values, as they lie; a key may occur twice.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.parts.clone().into_iter().flat_map(|part| attributes(part, 3))
    }

    /// The encoded `InstrumentationScope`, in as many parts as it has: none if there is no scope, nearly always one.
    pub fn encoded(&self) -> &[&'a [u8]] {
        &self.parts
    }
}
