//! Numbers, times and ids in the form that the Collector prints.

use std::fmt::{self, Display, Formatter};

use jiff::Timestamp;

/// A number with six digits after the point.
pub(super) struct Fixed(pub(super) f64);

/// A number with as few digits as it needs, with an exponent below 0.0001 and from a million on.
pub(super) struct General(pub(super) f64);

/// A number as JavaScript and JSON write it.
pub(super) struct Plain(pub(super) f64);

/// A time in nanoseconds since 1970: `2023-11-14 22:13:20.5 +0000 UTC`.
pub(super) struct Time(pub(super) u64);

/// A trace id or span id. An id of zeros is shown as none.
pub(super) struct Id<'a>(pub(super) &'a [u8]);

const NANOS: i64 = 1_000_000_000;

impl Display for Fixed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match special(self.0) {
            Some(word) => f.write_str(word),
            None => write!(f, "{:.6}", self.0),
        }
    }
}

impl Display for General {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(word) = special(self.0) {
            return f.write_str(word);
        }
        match scientific(self.0) {
            (digits, exponent) if !(-4..6).contains(&exponent) => {
                let sign = if exponent < 0 { '-' } else { '+' };
                write!(f, "{digits}e{sign}{:02}", exponent.unsigned_abs())
            }
            _ => write!(f, "{}", self.0),
        }
    }
}

impl Display for Plain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Plain(number) = *self;
        if number.is_nan() {
            return f.write_str("NaN");
        }
        if number.is_infinite() {
            return f.write_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
        }
        match scientific(number) {
            (digits, exponent @ 21..) => write!(f, "{digits}e+{exponent}"),
            (digits, exponent @ ..-6) => write!(f, "{digits}e{exponent}"),
            _ => write!(f, "{number}"),
        }
    }
}

/// Returns the digits and the exponent of a finite number.
fn scientific(number: f64) -> (String, i32) {
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.to_owned(), exponent.parse().unwrap_or_default())
}

fn special(number: f64) -> Option<&'static str> {
    match number {
        _ if number.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The Collector reads the number as a signed one.
        let nanos = self.0.cast_signed();
        let (second, fraction) = (nanos.div_euclid(NANOS), nanos.rem_euclid(NANOS));
        let time = Timestamp::from_second(second).unwrap_or_default();
        write!(f, "{}", time.strftime("%Y-%m-%d %H:%M:%S"))?;
        if fraction > 0 {
            write!(f, ".{}", format!("{fraction:09}").trim_end_matches('0'))?;
        }
        f.write_str(" +0000 UTC")
    }
}

impl Display for Id<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: numbers of all sizes are printed in each form.
    /// Guarantees: they look as in the Collector.
    #[test]
    fn numbers_look_as_in_the_collector() {
        for (number, fixed, general, plain) in [
            (0.0, "0.000000", "0", "0"),
            (-0.0, "-0.000000", "-0", "-0"),
            (47.25, "47.250000", "47.25", "47.25"),
            (1234.5, "1234.500000", "1234.5", "1234.5"),
            (999_999.0, "999999.000000", "999999", "999999"),
            (1e6, "1000000.000000", "1e+06", "1000000"),
            (123_456_789.0, "123456789.000000", "1.23456789e+08", "123456789"),
            (1e21, "1000000000000000000000.000000", "1e+21", "1e+21"),
            (0.0001, "0.000100", "0.0001", "0.0001"),
            (0.000_012_5, "0.000013", "1.25e-05", "0.0000125"),
            (1e-7, "0.000000", "1e-07", "1e-7"),
            (1e-10, "0.000000", "1e-10", "1e-10"),
            (f64::NAN, "NaN", "NaN", "NaN"),
            (f64::NEG_INFINITY, "-Inf", "-Inf", "-Infinity"),
        ] {
            let printed = (Fixed(number).to_string(), General(number).to_string(), Plain(number).to_string());
            assert_eq!(printed, (fixed.to_owned(), general.to_owned(), plain.to_owned()));
        }
    }

    /// Scenario: times with and without a fraction, the first and one past the signed range are printed.
    /// Guarantees: they look as in the Collector, without zeros at the end of the fraction.
    #[test]
    fn times_look_as_in_the_collector() {
        for (nanos, expected) in [
            (0, "1970-01-01 00:00:00 +0000 UTC"),
            (1_700_000_000_000_000_000, "2023-11-14 22:13:20 +0000 UTC"),
            (1_700_000_000_100_000_000, "2023-11-14 22:13:20.1 +0000 UTC"),
            (1_581_452_773_000_000_789, "2020-02-11 20:26:13.000000789 +0000 UTC"),
            (u64::MAX, "1969-12-31 23:59:59.999999999 +0000 UTC"),
        ] {
            assert_eq!(Time(nanos).to_string(), expected);
        }
    }

    /// Scenario: ids are printed, among them none and one of zeros.
    /// Guarantees: an id is whole, and zeros are none.
    #[test]
    fn an_id_is_whole_and_zeros_are_none() {
        assert_eq!(Id(&[0xab, 0, 1]).to_string(), "ab0001");
        assert_eq!((Id(&[]).to_string(), Id(&[0; 8]).to_string()), (String::new(), String::new()));
    }
}
