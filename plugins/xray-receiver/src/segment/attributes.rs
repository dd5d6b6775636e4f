use std::borrow::Cow;
use std::collections::BTreeSet;

use spanloom_plugin::wire::writer::{AttributesWriter, IntoValue};

/// Writes attributes, each key once: what a document names an annotation may be an attribute already.
pub(crate) struct Attributes<'w, 't> {
    out: AttributesWriter<'w>,
    keys: BTreeSet<Cow<'t, str>>,
}

impl<'w, 't> Attributes<'w, 't> {
    pub(crate) fn new(out: AttributesWriter<'w>) -> Attributes<'w, 't> {
        Attributes { out, keys: BTreeSet::new() }
    }

    /// Writes an attribute, unless its key is written already.
    pub(crate) fn push(&mut self, key: impl Into<Cow<'t, str>>, value: impl IntoValue) {
        let key = key.into();
        if !self.keys.contains(&key) {
            self.out.push(&key, value);
            self.keys.insert(key);
        }
    }

    /// Writes a text, if there is one.
    pub(crate) fn text(&mut self, key: &'static str, value: Option<Cow<'_, str>>) {
        if let Some(value) = value {
            self.push(key, &*value);
        }
    }
}
