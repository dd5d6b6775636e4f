//! Durations in configs, in Go's notation.

use std::{fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Deserializer, de::Visitor};

/// A duration in a config, in the Collector's notation: `200ms`, `1m30s`, `1.5h`. A bare number is
/// nanoseconds. A duration is never negative. It dereferences to a [`std::time::Duration`].
///
/// ```
/// use spanloom_plugin::{Duration, prelude::*, serde_json};
///
/// #[derive(Deserialize)]
/// #[serde(default)]
/// struct Config {
///     timeout: Duration,
/// }
///
/// impl Default for Config {
///     fn default() -> Config {
///         Config { timeout: Duration::from_millis(200) }
///     }
/// }
///
/// let config: Config = serde_json::from_str(r#"{"timeout": "1m30s"}"#).unwrap();
/// assert_eq!(config.timeout.as_secs(), 90);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub std::time::Duration);

/// Says why a text is not a duration, in the same words as the host for its own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotADuration {
    Negative,
    Unreadable(String),
}

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

impl Duration {
    pub const ZERO: Duration = Duration(std::time::Duration::ZERO);

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

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Duration, NotADuration> {
        let unreadable = || NotADuration::Unreadable(text.to_owned());
        if let Some(positive) = text.strip_prefix('-') {
            return Err(nanos(positive).map_or_else(unreadable, |_| NotADuration::Negative));
        }
        nanos(text.strip_prefix('+').unwrap_or(text)).map(Duration::from_nanos).ok_or_else(unreadable)
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

/// Returns a decimal number of units in nanoseconds.
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

impl Deref for Duration {
    type Target = std::time::Duration;

    fn deref(&self) -> &std::time::Duration {
        &self.0
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> std::time::Duration {
        duration.0
    }
}

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Duration {
        Duration(duration)
    }
}

impl fmt::Display for NotADuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotADuration::Negative => f.write_str("a duration is not negative"),
            NotADuration::Unreadable(text) => {
                write!(f, "`{text}` is not a duration: write it as `200ms`, `30s` or `1h30m`")
            }
        }
    }
}

impl std::error::Error for NotADuration {}

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
                unsigned.map(Duration::from_nanos).map_err(|_| E::custom(NotADuration::Negative))
            }
        }
        from.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("5", 5),
            ("+1s", 1_000_000_000),
            ("15ns", 15),
            ("10us", 10_000),
            ("10µs", 10_000),
            ("1.25ms", 1_250_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1h2m3.5s", 3_723_500_000_000),
        ];
        for (text, nanos) in cases {
            assert_eq!(text.parse(), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_go_would_not_read_is_refused() {
        for text in ["", "-", "s", "5 s", "1d", "1.2.3s", ".s", "5m3", "ms5", "9999999999999h", "é", "-é"] {
            assert_eq!(text.parse::<Duration>(), Err(NotADuration::Unreadable(text.to_owned())));
        }
    }

    #[test]
    fn a_config_says_what_is_wrong_with_its_duration() {
        let error = |json: &str| crate::config::read::<Duration>(json).unwrap_err().message;
        assert_eq!(error(r#""-5s""#), "a duration is not negative");
        assert_eq!(error("-5"), "a duration is not negative");
        assert_eq!(error(r#""fast""#), "`fast` is not a duration: write it as `200ms`, `30s` or `1h30m`");
        assert_eq!(
            error("true"),
            "invalid type: boolean `true`, expected a duration such as `200ms`, `30s` or `1h30m`"
        );
    }
}
