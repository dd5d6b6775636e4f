//! Converts times: X-Ray has seconds as a decimal number, OTLP has nanoseconds.

use crate::json::Json;

const NANOS: u64 = 1_000_000_000;
const DIGITS: usize = 9;

/// Returns the nanoseconds since 1970, or `None` if the value is not a time that OTLP has.
///
/// Senders write the shortest decimal number that means their float, so the digits of that number are the time
/// that they meant. Multiplying the float would add an error of up to some hundred nanoseconds.
pub(crate) fn unix_nano(seconds: &Json<'_>) -> Option<u64> {
    match seconds {
        Json::Int(seconds) => u64::try_from(*seconds).ok()?.checked_mul(NANOS),
        Json::Double(seconds) if *seconds >= 0.0 => of_decimal(&seconds.to_string()),
        _ => None,
    }
}

/// Parses a decimal number without an exponent. Digits after the ninth are left out.
fn of_decimal(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.bytes().chain(std::iter::repeat(b'0')).take(DIGITS);
    let fraction = fraction.fold(0, |nanos, digit| 10 * nanos + u64::from(digit - b'0'));
    whole.parse::<u64>().ok()?.checked_mul(NANOS)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decimal_digits_are_the_time() {
        let check = |text: &str, expected: Option<u64>| {
            let value: Json<'_> = serde_json::from_str(text).expect("JSON");
            assert_eq!(unix_nano(&value), expected, "{text}");
        };
        check("1760000000.511", Some(1_760_000_000_511_000_000));
        check("1.795999351511E9", Some(1_795_999_351_511_000_000));
        check("1760000000.1234567", Some(1_760_000_000_123_456_700));
        check("1760000000", Some(1_760_000_000_000_000_000));
        check("0.0000000019", Some(1));
        check("1e10", Some(10_000_000_000_000_000_000));
        check("1e11", None);
        check("1e300", None);
        check("-1", None);
        check("-0.5", None);
        check("\"1760000000\"", None);
    }
}
