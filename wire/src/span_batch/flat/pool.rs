//! Collects the texts and bytes that rows name by number.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::FlatAttributes;
use crate::Value;
use crate::json::write_value;
use crate::value::KeyValue;

const TEXT: u8 = 0;
const INT: u8 = 1;
const DOUBLE: u8 = 2;
const BOOL: u8 = 3;
const BYTES: u8 = 4;
const JSON: u8 = 5;

pub(super) struct Pool<'a> {
    /// Whole texts, which were checked to be UTF-8 when they were received.
    arena: Vec<u8>,
    ends: Vec<u32>,
    bytes: Vec<u8>,
    /// The first key is empty.
    keys: Vec<Key<'a>>,
    /// Indexes in `keys`, hashed by the key's bytes.
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// The index in `keys` of the key that was looked up last.
    last: u32,
}

struct Key<'a> {
    bytes: &'a [u8],
    text: u32,
    /// The key that followed this key the last time. Spans of one kind have the same keys in the same order.
    next: u32,
}

impl<'a> Pool<'a> {
    pub(super) fn with_capacity(texts: usize, arena_bytes: usize) -> Pool<'a> {
        let mut ends = Vec::with_capacity(texts + 1);
        ends.push(0);
        Pool {
            arena: Vec::with_capacity(arena_bytes),
            ends,
            bytes: Vec::new(),
            keys: vec![Key { bytes: &[], text: 0, next: 0 }],
            numbers: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            last: 0,
        }
    }

    /// Returns the arena, the ends of the texts in it, and the bytes.
    pub(super) fn finish(self) -> (String, Vec<u32>, Vec<u8>) {
        (String::from_utf8(self.arena).unwrap_or_default(), self.ends, self.bytes)
    }

    /// Adds a text and returns its number.
    #[inline]
    pub(super) fn text(&mut self, text: &[u8]) -> u32 {
        if text.is_empty() || u32::try_from(self.arena.len() + text.len()).is_err() {
            return 0;
        }
        self.arena.extend_from_slice(text);
        self.end_text()
    }

    /// Adds an encoded `KeyValue`.
    #[inline]
    pub(super) fn attribute(&mut self, attributes: &mut FlatAttributes, entry: &'a [u8]) {
        if let Some((key, text)) = KeyValue::split_text(entry) {
            let key = self.key(key);
            attributes.push(key, TEXT, u64::from(self.text(text)));
            return;
        }
        let key = self.key(KeyValue::key(entry));
        let (kind, value) = match KeyValue::value(entry) {
            Value::Str(text) => (TEXT, u64::from(self.text(text.as_bytes()))),
            Value::Int(value) => (INT, value.cast_unsigned()),
            Value::Double(value) => (DOUBLE, value.to_bits()),
            Value::Bool(value) => (BOOL, u64::from(value)),
            Value::Bytes(bytes) => (BYTES, self.bytes(bytes)),
            value => (JSON, u64::from(self.json(&value))),
        };
        attributes.push(key, kind, value);
    }

    fn end_text(&mut self) -> u32 {
        self.ends.push(self.arena.len() as u32);
        self.ends.len() as u32 - 1
    }

    fn json(&mut self, value: &Value<'_>) -> u32 {
        let start = self.arena.len();
        write_value(&mut self.arena, value);
        if u32::try_from(self.arena.len()).is_err() {
            self.arena.truncate(start);
            return 0;
        }
        self.end_text()
    }

    fn bytes(&mut self, bytes: &[u8]) -> u64 {
        let start = self.bytes.len() as u64;
        if u32::try_from(self.bytes.len() + bytes.len()).is_err() {
            return start << 32;
        }
        self.bytes.extend_from_slice(bytes);
        start << 32 | bytes.len() as u64
    }

    /// Returns the number of a key's text.
    #[inline]
    fn key(&mut self, key: &'a [u8]) -> u32 {
        let guess = self.keys.get(self.last as usize).map_or(0, |last| last.next);
        match self.keys.get(guess as usize) {
            Some(known) if known.bytes == key => {
                self.last = guess;
                known.text
            }
            _ => self.unforeseen_key(key),
        }
    }

    #[inline(never)]
    fn unforeseen_key(&mut self, key: &'a [u8]) -> u32 {
        if key.is_empty() {
            return 0;
        }
        let hash = self.hasher.hash_one(key);
        let is_it = |number: &u32| self.keys.get(*number as usize).is_some_and(|known| known.bytes == key);
        let number = match self.numbers.find(hash, is_it) {
            Some(number) => *number,
            None => self.new_key(key, hash),
        };
        if let Some(last) = self.keys.get_mut(self.last as usize) {
            last.next = number;
        }
        self.last = number;
        self.keys.get(number as usize).map_or(0, |known| known.text)
    }

    fn new_key(&mut self, key: &'a [u8], hash: u64) -> u32 {
        let number = self.keys.len() as u32;
        let text = self.text(key);
        self.keys.push(Key { bytes: key, text, next: 0 });
        let (keys, hasher) = (&self.keys, &self.hasher);
        let rehash =
            |number: &u32| hasher.hash_one(keys.get(*number as usize).map_or(&[][..], |key| key.bytes));
        self.numbers.insert_unique(hash, number, rehash);
        number
    }
}
