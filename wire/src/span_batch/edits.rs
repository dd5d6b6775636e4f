//! The edits of one message's bytes.

use super::fields::{NAME, STATUS, STATUS_CODE, STATUS_MESSAGE, TRACE_STATE};
use crate::Value;
use crate::encode::{framed_len, open};
use crate::fields::{Field, Fields, Occurrences};
use crate::patch::Patch;
use crate::schema::VARINT;
use crate::value::{KeyValue, write_delimited};
use crate::varint;

/// Says where the attributes of a message are.
#[derive(Clone, Copy)]
pub(crate) struct Attributes {
    /// The number of the field that holds them.
    pub(crate) number: u32,
    /// No attribute lies before this offset.
    pub(crate) start: usize,
}

impl Attributes {
    /// Replaces the first attribute with this key and removes the others. If there is none, adds the
    /// attribute at the end.
    pub(crate) fn set(self, message: &[u8], patch: &mut Patch, key: &str, value: &Value<'_>) {
        let mut write = Some(|out: &mut Vec<u8>| KeyValue::write(out, self.number, key, value));
        for (field, _) in self.of_key(message, key) {
            match write.take() {
                Some(write) => patch.replace(field.start..field.end, write),
                None => patch.remove(field.start..field.end),
            }
        }
        if let Some(write) = write {
            patch.replace(message.len()..message.len(), write);
        }
    }

    /// Does the same as `set` if the key exists, and nothing otherwise.
    pub(super) fn replace(self, message: &[u8], patch: &mut Patch, key: &str, value: &Value<'_>) {
        if self.of_key(message, key).next().is_some() {
            self.set(message, patch, key, value);
        }
    }

    pub(super) fn remove(self, message: &[u8], patch: &mut Patch, key: &str) {
        for (field, _) in self.of_key(message, key) {
            patch.remove(field.start..field.end);
        }
    }

    /// Renames the first attribute `from` to `to` and removes all other attributes with either key. Does
    /// nothing if there is no `from`.
    pub(super) fn rename(self, message: &[u8], patch: &mut Patch, from: &str, to: &str) {
        if from == to || self.of_key(message, from).next().is_none() {
            return;
        }
        let mut renamed = false;
        for (field, entry) in self.of(message) {
            let key = KeyValue::key(entry);
            if key == from.as_bytes() && !renamed {
                renamed = true;
                patch.replace(field.start..field.end, |out| {
                    KeyValue::write_renamed(out, self.number, to, entry);
                });
            } else if key == from.as_bytes() || key == to.as_bytes() {
                patch.remove(field.start..field.end);
            }
        }
    }

    fn of_key<'a>(self, message: &'a [u8], key: &'a str) -> impl Iterator<Item = (Field<'a>, &'a [u8])> {
        self.of(message).filter(move |(_, entry)| KeyValue::key(entry) == key.as_bytes())
    }

    fn of(self, message: &[u8]) -> impl Iterator<Item = (Field<'_>, &[u8])> {
        Occurrences::since(self.start, message, self.number).map(|field| (field, field.value))
    }
}

/// Replaces all statuses by one.
pub(super) fn set_status(span: &[u8], patch: &mut Patch, code: i32, message: &str) {
    let code = i64::from(code).cast_unsigned();
    let write = |out: &mut Vec<u8>| {
        let message_len = if message.is_empty() { 0 } else { framed_len(STATUS_MESSAGE, message.len()) };
        open(out, STATUS, message_len + 1 + varint::encoded_len(code));
        if !message.is_empty() {
            write_delimited(out, STATUS_MESSAGE, message.as_bytes());
        }
        varint::write(out, u64::from(STATUS_CODE << 3 | VARINT));
        varint::write(out, code);
    };
    replace_all(span, patch, STATUS, write);
}

/// Replaces all names by one.
pub(super) fn set_name(span: &[u8], patch: &mut Patch, name: &str) {
    replace_all(span, patch, NAME, |out| write_delimited(out, NAME, name.as_bytes()));
}

/// Replaces all trace states by one, which stands where senders write it. An empty text leaves none.
pub(super) fn set_trace_state(span: &[u8], patch: &mut Patch, state: &str) {
    let write = |out: &mut Vec<u8>| write_delimited(out, TRACE_STATE, state.as_bytes());
    let mut write = (!state.is_empty()).then_some(write);
    let mut place = 0;
    for field in Fields::of(span) {
        match (field.number, write.take_if(|_| field.number >= TRACE_STATE)) {
            (TRACE_STATE, Some(write)) => patch.replace(field.start..field.end, write),
            (TRACE_STATE, None) => patch.remove(field.start..field.end),
            (_, Some(write)) => patch.replace(field.start..field.start, write),
            (_, None) => {}
        }
        place = field.end;
    }
    if let Some(write) = write {
        patch.replace(place..place, write);
    }
}

fn replace_all(message: &[u8], patch: &mut Patch, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut write = Some(write);
    for field in Fields::of(message).filter(|field| field.number == number) {
        match write.take() {
            Some(write) => patch.replace(field.start..field.end, write),
            None => patch.remove(field.start..field.end),
        }
    }
    if let Some(write) = write {
        patch.replace(message.len()..message.len(), write);
    }
}
