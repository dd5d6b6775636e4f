use std::fmt::Write;

use crate::schema::{Field, Label, Message};
use crate::{WireErrorKind as Kind, varint};

/// What the walk tells about where it is. The first walk tells nobody; one that must explain an error does.
pub(super) trait Trace {
    /// A field begins at `at`, with its tag.
    fn field(&mut self, at: &[u8]);
    /// The field just told is a message, and the walk goes down into it. Its length begins at `len_at`.
    fn enter(&mut self, message: &'static Message, is_item: bool, len_at: &[u8], body: &[u8]);
    fn leave(&mut self);
    /// Whether the walk goes on though the value of the field just told is wrong. Its length begins at `len_at`.
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

/// Follows the walk down. Bounded by the walk's own limit on depth.
pub(super) struct Tracer {
    levels: Vec<Level>,
    forgives: fn(Kind) -> bool,
}

struct Level {
    message: &'static Message,
    /// The field the walk is at, if known to the schema.
    current: Option<&'static Field>,
    /// How often each field has occurred, by its place in the schema.
    seen: [usize; MAX_FIELDS],
}

/// `Span` has the most.
const MAX_FIELDS: usize = 16;

impl Tracer {
    pub(super) fn new(root: &'static Message, forgives: fn(Kind) -> bool) -> Tracer {
        Tracer { levels: vec![Level::new(root)], forgives }
    }

    /// `resource_spans[0].resource.attributes[2].key`
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

impl Trace for Tracer {
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

    fn forgives(&mut self, kind: Kind, _: &[u8], _: &[u8]) -> bool {
        (self.forgives)(kind)
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
