//! Durations in Go's notation.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Visitor};

/// A duration in Go's notation: `200ms`, `1m30s`, `1.5h`. A bare number is nanoseconds. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub std::time::Duration);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write it as `200ms`, `30s` or `1h30m`")]
pub struct NotADuration(String);

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Duration, NotADuration> {
        let nanos = nanos(text.strip_prefix('+').unwrap_or(text));
        nanos.map(Duration::from_nanos).ok_or_else(|| NotADuration(text.to_owned()))
    }
}

impl Duration {
    pub const fn from_nanos(nanos: u64) -> Duration {
        Duration(std::time::Duration::from_nanos(nanos))
    }

    pub const fn from_millis(millis: u64) -> Duration {
        Duration(std::time::Duration::from_millis(millis))
    }

    pub const fn from_secs(secs: u64) -> Duration {
        Duration(std::time::Duration::from_secs(secs))
    }
}

fn nanos(text: &str) -> Option<u64> {
    if let Ok(nanos) = text.parse::<u64>() {
        return Some(nanos);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() || rest.len() == text.len() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(number_end)?;
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_end)?;
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scaled(number, *scale)?)?;
        rest = after;
    }
    Some(total)
}

/// Returns a number such as `1.5` times the scale, cut off below a nanosecond.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.bytes().take(18) {
        // Digits below a nanosecond add nothing.
        total = total.checked_add(u64::from(digit.wrapping_sub(b'0')) * place / 10)?;
        place /= 10;
    }
    Some(total)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if nanos < 1_000_000_000 {
            let (scale, unit) = match nanos {
                0..1_000 => (1, "ns"),
                1_000..1_000_000 => (1_000, "µs"),
                _ => (1_000_000, "ms"),
            };
            return write!(f, "{}{unit}", decimal(nanos, scale));
        }
        let (hours, minutes) = (nanos / 3_600_000_000_000, nanos / 60_000_000_000 % 60);
        let seconds = decimal(nanos % 60_000_000_000, 1_000_000_000);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        if seconds != "0" { write!(f, "{seconds}s") } else { Ok(()) }
    }
}

fn decimal(value: u128, scale: u128) -> String {
    let (whole, fraction) = (value / scale, value % scale);
    if fraction == 0 {
        return whole.to_string();
    }
    let places = scale.ilog10() as usize;
    format!("{whole}.{fraction:0places$}").trim_end_matches('0').to_owned()
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `200ms`, `30s` or `1h30m`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, nanos: u64) -> Result<Duration, E> {
                Ok(Duration::from_nanos(nanos))
            }

            fn visit_i64<E: serde::de::Error>(self, nanos: i64) -> Result<Duration, E> {
                let unsigned = u64::try_from(nanos);
                unsigned.map(Duration::from_nanos).map_err(|_| E::custom("a duration is not negative"))
            }
        }
        from.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: durations in every form that Go reads, also with long fractions.
    /// Guarantees: each has Go's value, to 20 nanoseconds.
    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("5", 5),
            ("200ms", 200_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("1h2m3.5s", 3_723_500_000_000),
            ("10us", 10_000),
            ("10µs", 10_000),
            ("1.25ms", 1_250_000),
            ("0.3333333333333333333h", 1_199_999_999_996),
        ];
        for (text, nanos) in cases {
            let read = text.parse::<Duration>().map(|duration| duration.0.as_nanos());
            assert!(
                read.as_ref().is_ok_and(|read| read.abs_diff(nanos) < 20),
                "{text}: {read:?}, not {nanos}"
            );
        }
    }

    /// Scenario: texts that Go does not read as a duration, also negative ones and those that are too large.
    /// Guarantees: each is an error that names the text.
    #[test]
    fn what_go_would_not_read_is_refused() {
        for text in ["", "s", "-5s", "5 s", "1d", "1.2.3s", ".s", "5m3", "ms5", "9999999999999h", "é"] {
            assert_eq!(text.parse::<Duration>(), Err(NotADuration(text.to_owned())));
        }
    }

    /// Scenario: durations are read and printed again.
    /// Guarantees: the printed text is the one that was read.
    #[test]
    fn a_duration_is_written_as_it_is_read() {
        for text in ["0s", "15ns", "1.5µs", "200ms", "1.5s", "30s", "1m", "1m30s", "1h", "1h0.5s", "2h45m"] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
        }
    }
}
