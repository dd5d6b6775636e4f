use std::fmt::Write;

use super::offset_in;
use crate::schema::{Field, Label, Message};
use crate::{WireErrorKind as Kind, varint};

/// Receives the position of the walk. The first walk ignores it ([`Silent`]); the walk that explains an error
/// keeps it ([`Tracer`]).
pub(super) trait Trace {
    /// Called when a field begins; `at` begins with its tag.
    fn field(&mut self, at: &[u8]);
    /// Called when the walk enters the field of the last call of `field`, which is a message. `len_at` begins
    /// with its length.
    fn enter(&mut self, message: &'static Message, is_item: bool, len_at: &[u8], body: &[u8]);
    fn leave(&mut self);
    /// Returns whether the walk goes on although the current field is wrong. `len_at` begins with its length. `value`
    /// begins where the fault is: the value, or the tag of a message that lies where none may be.
    fn forgives(&mut self, kind: Kind, len_at: &[u8], value: &[u8]) -> bool;
}

pub(super) struct Silent;

impl Trace for Silent {
    #[inline(always)]
    fn field(&mut self, _: &[u8]) {}
    #[inline(always)]
    fn enter(&mut self, _: &'static Message, _: bool, _: &[u8], _: &[u8]) {}
    #[inline(always)]
    fn leave(&mut self) {}
    #[inline(always)]
    fn forgives(&mut self, _: Kind, _: &[u8], _: &[u8]) -> bool {
        false
    }
}

/// Keeps the path of the walk. The walk's limit on depth bounds its memory.
pub(super) struct Tracer<'a> {
    levels: Vec<Level>,
    bytes: &'a [u8],
    /// The offset of the fault that the walk is to end at.
    fault_at: usize,
}

struct Level {
    message: &'static Message,
    /// The field that the walk is at, if the schema knows it.
    current: Option<&'static Field>,
    /// How often each field has occurred, by its index in the schema.
    seen: [usize; MAX_FIELDS],
}

/// The most fields of a message. `Span` has the most.
const MAX_FIELDS: usize = 16;

impl<'a> Tracer<'a> {
    pub(super) fn new(root: &'static Message, bytes: &'a [u8], fault_at: usize) -> Tracer<'a> {
        Tracer { levels: vec![Level::new(root)], bytes, fault_at }
    }

    /// Returns the path of the current field, like `resource_spans[0].resource.attributes[2].key`.
    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        for level in &self.levels {
            let Some(field) = level.current else { break };
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(field.name);
            if field.label == Label::Repeated {
                // Writing to a String cannot fail.
                let _ = write!(path, "[{}]", level.seen_of(field).saturating_sub(1));
            }
        }
        path
    }
}

impl Trace for Tracer<'_> {
    fn field(&mut self, at: &[u8]) {
        let Some(level) = self.levels.last_mut() else { return };
        let number = varint::read(at).and_then(|(tag, _)| u32::try_from(tag >> 3).ok());
        level.current = number.and_then(|number| level.message.field(number));
        if let Some(slot) = level.current.and_then(|field| level.place(field)) {
            *slot += 1;
        }
    }

    fn enter(&mut self, message: &'static Message, _: bool, _: &[u8], _: &[u8]) {
        self.levels.push(Level::new(message));
    }

    fn leave(&mut self) {
        self.levels.pop();
    }

    fn forgives(&mut self, kind: Kind, _: &[u8], value: &[u8]) -> bool {
        kind.is_mendable() && offset_in(self.bytes, value) != self.fault_at
    }
}

impl Level {
    fn new(message: &'static Message) -> Level {
        Level { message, current: None, seen: [0; MAX_FIELDS] }
    }

    fn place(&mut self, field: &Field) -> Option<&mut usize> {
        let place = self.message.fields.iter().position(|other| other.number == field.number)?;
        self.seen.get_mut(place)
    }

    fn seen_of(&self, field: &Field) -> usize {
        let place = self.message.fields.iter().position(|other| other.number == field.number);
        place.and_then(|place| self.seen.get(place)).copied().unwrap_or(0)
    }
}
