//! Sorts the attributes of a span by the meanings of their keys. Each key is classified once per batch,
//! because its text has one number.

use spanloom_plugin::ValueRef;
use spanloom_plugin::flat::{FlatSpan, FlatSpans};

use super::Rules;
use super::attributes::{AnnotationNames, Attribute, Place, is_annotation, is_empty};
use super::fields::Fields;
use super::key::{Group, Key, classify};

pub(crate) struct Keys<'a> {
    flat: &'a FlatSpans,
    rules: &'a Rules,
    /// The index in `known` plus 1, by the number of the key's text. 0 for a key that was not classified yet.
    places: Vec<u32>,
    known: Vec<Known>,
    /// The attributes of the last span.
    found: Vec<Found<'a>>,
    fields: Fields<'a>,
}

/// The meaning of a key.
struct Known {
    key: Option<Key>,
    group: Group,
    /// Whether `indexed_attributes` names the key.
    is_listed: bool,
    /// The number of the annotation's name, if the config makes the key an annotation.
    annotation: Option<usize>,
    /// The row of the last span with this key, plus 1.
    seen: usize,
}

struct Found<'a> {
    /// The index in `known`.
    known: usize,
    key: &'a str,
    value: ValueRef<'a>,
}

/// The groups of attributes that a document contains in another form than annotations and metadata, as bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken(u16);

impl Taken {
    #[must_use]
    pub(crate) fn with(self, group: Group, is_taken: bool) -> Taken {
        Taken(self.0 | u16::from(is_taken) << group as u16)
    }

    fn has(self, group: Group) -> bool {
        self.0 >> group as u16 & 1 != 0
    }
}

impl<'a> Keys<'a> {
    pub(crate) fn new(flat: &'a FlatSpans, rules: &'a Rules) -> Keys<'a> {
        Keys {
            flat,
            rules,
            places: vec![0; flat.ends.len()],
            known: Vec::new(),
            found: Vec::new(),
            fields: Fields::default(),
        }
    }

    /// Reads the attributes of the span in that row. If a key occurs twice, the first counts.
    #[inline(never)]
    pub(crate) fn read(&mut self, row: usize, span: &FlatSpan<'a>, names: &mut AnnotationNames) {
        self.fields = Fields::default();
        self.found.clear();
        let flat = self.flat;
        let end = |row: usize| flat.attribute_ends.get(row).map_or(0, |end| *end as usize);
        let start = row.checked_sub(1).map_or(0, end);
        let numbers = flat.attributes.keys.get(start..end(row)).unwrap_or_default();
        for (number, (key, value)) in numbers.iter().zip(span.attributes()) {
            let at = self.place_of(*number, key, names);
            let Some(known) = self.known.get_mut(at).filter(|known| known.seen != row + 1) else { continue };
            known.seen = row + 1;
            if let Some(key) = known.key {
                self.fields.set(key, value);
            }
            self.found.push(Found { known: at, key, value });
        }
    }

    /// Returns the values of the last span.
    pub(crate) fn fields(&self) -> &Fields<'a> {
        &self.fields
    }

    /// Decides where each attribute goes. `explicit` are the keys that the span itself asks to index.
    #[inline(never)]
    pub(crate) fn place(
        &self,
        taken: Taken,
        explicit: &[String],
        names: &mut AnnotationNames,
        out: &mut Vec<Attribute<'a>>,
    ) {
        for Found { known, key, value } in &self.found {
            let Some(known) = self.known.get(*known) else { continue };
            let annotation = if explicit.iter().any(|explicit| explicit == key) {
                names.number(key)
            } else if self.rules.index_all && !known.is_listed && taken.has(known.group) {
                None
            } else {
                known.annotation
            };
            let place = match annotation.filter(|_| is_annotation(*value)) {
                Some(name) if known.group == Group::Remote => Place::RemoteAnnotation(name),
                Some(name) => Place::Annotation(name),
                None if taken.has(known.group) || is_empty(*value) => continue,
                None if known.group == Group::Namespace && matches!(value, ValueRef::Text(_)) => {
                    Place::Namespace
                }
                None => Place::Metadata,
            };
            out.push(Attribute { key, value: *value, place });
        }
    }

    /// Returns the index of a key in `known`. A new key is classified first.
    #[inline]
    fn place_of(&mut self, number: u32, key: &str, names: &mut AnnotationNames) -> usize {
        let Some(place) = self.places.get_mut(number as usize) else { return usize::MAX };
        if *place == 0 {
            self.known.push(Known::new(key, self.rules, names));
            *place = self.known.len() as u32;
        }
        *place as usize - 1
    }
}

impl Known {
    fn new(name: &str, rules: &Rules, names: &mut AnnotationNames) -> Known {
        let (key, group) = classify(name);
        let annotation = if rules.indexes(name) { names.number(name) } else { None };
        Known { key, group, is_listed: rules.lists(name), annotation, seen: 0 }
    }
}
