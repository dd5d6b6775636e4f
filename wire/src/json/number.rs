//! A number of a JSON document, before it is fitted to its field.

use crate::schema::Kind;

#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl Number {
    /// Parses a number that is given as a string. The value of an enum is given by its name then.
    pub(super) fn parse(text: &str, kind: Kind) -> Option<Number> {
        match kind {
            Kind::Enum(names) => {
                let value = names.iter().find(|(name, _)| *name == text);
                value.map(|(_, number)| Number::Signed(i64::from(*number)))
            }
            Kind::Double => match text {
                "NaN" => Some(Number::Float(f64::NAN)),
                "Infinity" => Some(Number::Float(f64::INFINITY)),
                "-Infinity" => Some(Number::Float(f64::NEG_INFINITY)),
                _ if text.contains(['n', 'N', 'i', 'I']) => None,
                // Rust reads a number that is too large as infinity.
                _ => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Number::Float),
            },
            _ => match (text.parse(), text.parse()) {
                (Ok(number), _) => Some(Number::Unsigned(number)),
                (_, Ok(number)) => Some(Number::Signed(number)),
                _ => text.parse().ok().map(Number::Float),
            },
        }
    }

    /// Returns the 64 bits that are encoded for a field of this kind: the value of a varint, or the fixed
    /// bytes.
    pub(super) fn bits(self, kind: Kind) -> Option<u64> {
        let integer = self.integer();
        match kind {
            Kind::Double => Some(self.float().to_bits()),
            Kind::UInt64 | Kind::Fixed64 => integer.and_then(|number| u64::try_from(number).ok()),
            Kind::Int64 | Kind::SFixed64 => {
                integer.and_then(|number| i64::try_from(number).ok()).map(i64::cast_unsigned)
            }
            Kind::UInt32 | Kind::Fixed32 => {
                integer.and_then(|number| u32::try_from(number).ok()).map(u64::from)
            }
            Kind::Int32 | Kind::Enum(_) => {
                integer.and_then(|number| i32::try_from(number).ok()).map(|n| i64::from(n).cast_unsigned())
            }
            Kind::SInt32 => integer
                .and_then(|number| i32::try_from(number).ok())
                .map(|number| u64::from(((number << 1) ^ (number >> 31)).cast_unsigned())),
            Kind::Bool | Kind::String | Kind::Bytes | Kind::Id(_) | Kind::Message(_) => None,
        }
    }

    /// Returns the number if it is whole. In proto3 JSON `1.0` and `1e3` are integers, and `1.5` is not.
    fn integer(self) -> Option<i128> {
        match self {
            Number::Unsigned(number) => Some(i128::from(number)),
            Number::Signed(number) => Some(i128::from(number)),
            Number::Float(number) => (number.fract() == 0.0 && number.abs() < 1e20).then_some(number as i128),
        }
    }

    fn float(self) -> f64 {
        match self {
            Number::Unsigned(number) => number as f64,
            Number::Signed(number) => number as f64,
            Number::Float(number) => number,
        }
    }
}
