//! Makes text safe and readable on a terminal: escaped, limited in length, with readable units.

use std::{
    fmt::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Appends at most `limit` characters of the text, and escapes those that a terminal would interpret. Returns
/// whether the text was cut.
pub(super) fn escape_into(out: &mut String, text: &str, limit: usize) -> bool {
    let mut characters = text.chars();
    for character in characters.by_ref().take(limit) {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if is_unsafe(other) => drop(write!(out, "{}", other.escape_unicode())),
            other => out.push(other),
        }
    }
    characters.next().is_some()
}

/// Returns the escaped text. A text longer than `limit` characters is cut, and its length is added.
pub(super) fn escape(text: &str, limit: usize) -> String {
    let mut out = String::new();
    if escape_into(&mut out, text, limit) {
        out.push('…');
        out.push_str(&length(text.len()));
    }
    out
}

/// Returns the text escaped and cut to the width of a column.
pub(super) fn fit(text: &str, width: usize) -> String {
    let mut out = String::new();
    escape_into(&mut out, text, width + 1);
    if out.chars().count() > width {
        out = out.chars().take(width.saturating_sub(1)).collect();
        out.push('…');
    }
    out
}

/// Returns the note that follows a value that was cut.
pub(super) fn length(bytes: usize) -> String {
    format!(" ({bytes} bytes)")
}

/// Returns whether a character is a control character, changes the direction of the text, or breaks the line.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Returns the first eight digits of an id, which are enough to distinguish traces by eye.
pub(super) fn short_hex(bytes: &[u8]) -> String {
    hex(bytes.get(..4).unwrap_or(bytes))
}

/// Returns a time in UTC as `13:49:01.234`.
pub(super) fn clock(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_millis(time).to_string();
    text.get(11..23).unwrap_or_default().to_owned()
}

/// Does the same as [`clock`]. Zero, which stands for an unknown time, becomes `-`.
pub(super) fn clock_nano(unix_nano: u64) -> String {
    if unix_nano == 0 { "-".to_owned() } else { clock(UNIX_EPOCH + Duration::from_nanos(unix_nano)) }
}

/// Returns a time as `2026-11-22T13:49:01.234567890Z`. Zero, which stands for an unknown time, becomes `-`.
pub(super) fn timestamp(unix_nano: u64) -> String {
    if unix_nano == 0 {
        return "-".to_owned();
    }
    humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(unix_nano)).to_string()
}

/// Returns the time from `start` to `end` in three digits and a unit. The duration is negative if the clock
/// went back.
pub(super) fn duration(start_unix_nano: u64, end_unix_nano: u64) -> String {
    match end_unix_nano.checked_sub(start_unix_nano) {
        Some(nanos) => humane(nanos),
        None => format!("-{}", humane(start_unix_nano - end_unix_nano)),
    }
}

fn humane(nanos: u64) -> String {
    let float = nanos as f64;
    match nanos {
        0..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => three_digits(float / 1e3, "µs"),
        1_000_000..1_000_000_000 => three_digits(float / 1e6, "ms"),
        1_000_000_000..60_000_000_000 => three_digits(float / 1e9, "s"),
        _ => {
            let seconds = nanos / 1_000_000_000;
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            if hours > 0 { format!("{hours}h{minutes:02}m") } else { format!("{minutes}m{seconds:02}s") }
        }
    }
}

fn three_digits(value: f64, unit: &str) -> String {
    match value {
        ..9.995 => format!("{value:.2}{unit}"),
        ..99.95 => format!("{value:.1}{unit}"),
        _ => format!("{value:.0}{unit}"),
    }
}

pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count} B"),
        1_024..1_048_576 => format!("{:.1} KiB", count as f64 / 1_024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a text holds sequences that move the cursor, clear the screen, or reverse the text.
    /// Guarantees: they are shown escaped, without effect, and other characters stay as they are.
    #[test]
    fn nothing_in_the_text_reaches_the_terminal_as_a_command() {
        assert_eq!(escape("a\x1b[2J\r\n\u{9b}31m\u{202e}x", 100), r"a\u{1b}[2J\r\n\u{9b}31m\u{202e}x");
        assert_eq!(escape("naïve 日本 😀", 100), "naïve 日本 😀");
    }

    /// Scenario: texts are as long as the limit, or longer.
    /// Guarantees: a longer text is cut, and its length is shown.
    #[test]
    fn a_long_text_is_cut_and_its_length_named() {
        assert_eq!(escape("abcdef", 6), "abcdef");
        assert_eq!(escape("äbcdefg", 3), "äbc… (8 bytes)");
        assert_eq!(fit("GET /products", 8), "GET /pr…");
        assert_eq!(fit("\x1b\x1b", 8), r"\u{1b}\…");
    }

    /// Scenario: durations from nanoseconds to hours, and a negative one.
    /// Guarantees: each has three digits and a unit.
    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let expected = [
            (0, "0ns"),
            (999, "999ns"),
            (1_234, "1.23µs"),
            (12_345_678, "12.3ms"),
            (412_300_000, "412ms"),
            (9_999_000_000, "10.0s"),
            (83_000_000_000, "1m23s"),
            (7_384_000_000_000, "2h03m"),
        ];
        for (nanos, text) in expected {
            assert_eq!(duration(5, 5 + nanos), text);
        }
        assert_eq!(duration(3_000, 1_000), "-2.00µs");
    }

    /// Scenario: times are shown, among them zero and the latest possible.
    /// Guarantees: each is in UTC, and zero is `-`.
    #[test]
    fn times_are_utc_and_zero_is_unknown() {
        assert_eq!(clock_nano(1_800_000_000_123_456_789), "08:00:00.123");
        assert_eq!(timestamp(1_800_000_000_123_456_789), "2027-01-15T08:00:00.123456789Z");
        assert_eq!((clock_nano(0), timestamp(0)), ("-".to_owned(), "-".to_owned()));
        assert_eq!(timestamp(u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }
}
