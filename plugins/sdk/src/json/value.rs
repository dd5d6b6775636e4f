//! Writes values by their type.

use super::Writer;
use crate::ValueRef;

/// A type that can be written as one JSON value.
pub trait Write {
    fn write(&self, json: &mut Writer);
}

impl<W: Write + ?Sized> Write for &W {
    #[inline]
    fn write(&self, json: &mut Writer) {
        (**self).write(json);
    }
}

impl Write for str {
    #[inline]
    fn write(&self, json: &mut Writer) {
        json.string(self);
    }
}

impl Write for String {
    fn write(&self, json: &mut Writer) {
        json.string(self);
    }
}

impl Write for i64 {
    fn write(&self, json: &mut Writer) {
        json.int(*self);
    }
}

impl Write for u64 {
    fn write(&self, json: &mut Writer) {
        json.unsigned(*self);
    }
}

impl Write for f64 {
    fn write(&self, json: &mut Writer) {
        json.double(*self);
    }
}

impl Write for bool {
    fn write(&self, json: &mut Writer) {
        json.bool(*self);
    }
}

/// Bytes are written as hexadecimal digits.
impl Write for ValueRef<'_> {
    #[inline]
    fn write(&self, json: &mut Writer) {
        match *self {
            ValueRef::Text(text) => json.string(text),
            ValueRef::Int(value) => json.int(value),
            ValueRef::Double(value) => json.double(value),
            ValueRef::Bool(value) => json.bool(value),
            ValueRef::Bytes(bytes) => json.hex(bytes),
            ValueRef::Json(value) => json.raw(value),
        };
    }
}
