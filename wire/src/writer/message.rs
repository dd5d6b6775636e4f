//! The setters of messages, from lists of their fields that read like the `.proto` files.

use crate::encoder::Encoder;

/// Defines the writer of one message and its setters: `name: kind = number`. The kinds are the methods of
/// [`Encoder`] below.
macro_rules! message {
    ($(#[$doc:meta])* $writer:ident { $($(#[$field_doc:meta])* $name:ident: $kind:ident = $number:literal,)* }) => {
        $(#[$doc])*
        pub struct $writer<'e> {
            encoder: &'e mut $crate::encoder::Encoder,
        }

        impl<'e> $writer<'e> {
            pub(super) fn new(encoder: &'e mut $crate::encoder::Encoder) -> $writer<'e> {
                $writer { encoder }
            }

            $($crate::writer::message::setter!($(#[$field_doc])* $name: $kind = $number);)*
        }

        impl std::fmt::Debug for $writer<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($writer)).finish_non_exhaustive()
            }
        }
    };
}

macro_rules! setter {
    ($(#[$doc:meta])* $name:ident: attributes = $number:literal) => {
        /// Writes an attribute. A key should occur once.
        pub fn attribute(&mut self, key: &str, value: impl $crate::writer::IntoValue) -> &mut Self {
            self.attributes().push(key, value);
            self
        }

        /// Returns a writer of any number of attributes.
        pub fn attributes(&mut self) -> $crate::writer::AttributesWriter<'_> {
            $crate::writer::AttributesWriter::new(self.encoder, $number)
        }
    };
    ($(#[$doc:meta])* $name:ident: $kind:ident = $number:literal) => {
        $(#[$doc])*
        pub fn $name(&mut self, value: $crate::writer::message::argument!($kind)) -> &mut Self {
            self.encoder.$kind($number, value.into());
            self
        }
    };
}

/// The type of a setter's argument.
macro_rules! argument {
    (text) => { &str };
    (uint32) => { u32 };
    (sint32) => { i32 };
    (enumeration) => { impl Into<i32> };
    (flags32) => { u32 };
    (nonzero64) => { u64 };
    (double) => { f64 };
    (present_double) => { f64 };
    (present_int) => { i64 };
    (trace_id) => { [u8; 16] };
    (span_id) => { [u8; 8] };
}

pub(super) use {argument, message, setter};

/// Fields that are left out if they are zero or empty.
impl Encoder {
    pub(super) fn text(&mut self, number: u32, text: &str) {
        if !text.is_empty() {
            self.delimited(number, text.as_bytes());
        }
    }

    pub(super) fn uint32(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.varint(number, value.into());
        }
    }

    pub(super) fn sint32(&mut self, number: u32, value: i32) {
        self.uint32(number, (value << 1 ^ value >> 31).cast_unsigned());
    }

    pub(super) fn enumeration(&mut self, number: u32, value: i32) {
        if value != 0 {
            self.varint(number, i64::from(value).cast_unsigned());
        }
    }

    /// A `fixed32`.
    pub(super) fn flags32(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.fixed32(number, value);
        }
    }

    /// A `fixed64`: a time or a count.
    pub(super) fn nonzero64(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.fixed64(number, value);
        }
    }

    pub(super) fn double(&mut self, number: u32, value: f64) {
        self.nonzero64(number, value.to_bits());
    }
}

/// Fields whose presence tells something. They are always written.
impl Encoder {
    pub(super) fn present_double(&mut self, number: u32, value: f64) {
        self.fixed64(number, value.to_bits());
    }

    /// An `sfixed64`.
    pub(super) fn present_int(&mut self, number: u32, value: i64) {
        self.fixed64(number, value.cast_unsigned());
    }

    pub(super) fn trace_id(&mut self, number: u32, id: [u8; 16]) {
        self.delimited(number, &id);
    }

    pub(super) fn span_id(&mut self, number: u32, id: [u8; 8]) {
        self.delimited(number, &id);
    }

    pub(super) fn message(&mut self, number: u32, write: impl FnOnce(&mut Encoder)) {
        let message = self.open(number);
        write(self);
        self.close(message);
    }

    /// A packed list of `fixed64` or `double`.
    pub(super) fn packed64(&mut self, number: u32, bits: impl ExactSizeIterator<Item = u64>) {
        if bits.len() == 0 {
            return;
        }
        self.tag(number, crate::schema::LEN);
        self.raw_varint(8 * bits.len() as u64);
        bits.for_each(|bits| self.raw(&bits.to_le_bytes()));
    }
}
