//! Writes numbers as Go does (`%g`, shortest). The values of `le` are labels, and other exporters write them
//! in this form.

use std::io::Write;

/// Writes a number, like `0.5`, `17`, `1e+06`, `NaN` or `+Inf`.
pub(crate) fn write(out: &mut Vec<u8>, number: f64) {
    let size = number.abs();
    if number.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if number.fract() == 0.0 && size < 1e6 && !(number == 0.0 && number.is_sign_negative()) {
        out.extend_from_slice(itoa::Buffer::new().format(number as i32).as_bytes());
    } else if size == 0.0 {
        out.extend_from_slice(b"-0");
    } else if (1e-4..1e6).contains(&size) {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else {
        write_with_exponent(out, number);
    }
}

/// Does the same as [`write()`], but writes a whole number as `17.0`.
pub(crate) fn write_float(out: &mut Vec<u8>, number: f64) {
    let begin = out.len();
    write(out, number);
    let is_whole = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
    if out.get(begin..).unwrap_or_default().iter().all(is_whole) {
        out.extend_from_slice(b".0");
    }
}

pub(crate) fn write_int(out: &mut Vec<u8>, int: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(int).as_bytes());
}

/// Writes a time in seconds with milliseconds.
pub(crate) fn write_seconds(out: &mut Vec<u8>, time_unix_nano: u64) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{}.{:03}", time_unix_nano / 1_000_000_000, time_unix_nano / 1_000_000 % 1_000);
}

/// Writes one digit before the point, then the other digits, then the exponent with its sign and at least two
/// digits.
fn write_with_exponent(out: &mut Vec<u8>, number: f64) {
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(number.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    let zeros = digits().take_while(|digit| *digit == b'0').count();
    let exponent = exponent.parse::<i32>().unwrap_or_default() + whole.len() as i32 - 1 - zeros as i32;
    if number.is_sign_negative() {
        out.push(b'-');
    }
    out.extend(digits().skip(zeros).take(1));
    let point = out.len();
    out.push(b'.');
    out.extend(digits().skip(zeros + 1));
    let end = out.iter().rposition(|byte| *byte != b'0').map_or(point, |last| last + 1);
    // The point is left out if nothing follows it.
    out.truncate(if end == point + 1 { point } else { end });
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    if exponent.abs() < 10 {
        out.push(b'0');
    }
    out.extend_from_slice(itoa::Buffer::new().format(exponent.abs()).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(number: f64) -> String {
        let mut out = Vec::new();
        write(&mut out, number);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_as_go_writes_them() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.005, "0.005"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (999_999.0, "999999"),
            (999_999.5, "999999.5"),
            (1_000_000.0, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            // This number is exactly ….25.
            (562_949_953_421_312.2, "5.629499534213122e+14"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (number, expected) in cases {
            assert_eq!(text(number), expected);
            assert!(number.is_nan() || expected.parse() == Ok(number));
        }
    }

    #[test]
    fn openmetrics_wants_floats_to_look_like_some() {
        let text = |number| {
            let mut out = b"a ".to_vec();
            write_float(&mut out, number);
            String::from_utf8(out).unwrap()
        };
        assert_eq!((text(1.0), text(-0.5), text(1e6)), ("a 1.0".into(), "a -0.5".into(), "a 1e+06".into()));
        assert_eq!((text(f64::NAN), text(f64::INFINITY)), ("a NaN".into(), "a +Inf".into()));
    }

    #[test]
    fn times_are_seconds_with_milliseconds() {
        let mut out = Vec::new();
        write_seconds(&mut out, 1_700_000_000_012_345_678);
        assert_eq!(out, b"1700000000.012");
    }

    /// Formats the standard library's digits. If two numbers are equally near and short, the standard library
    /// takes the larger one. Go and our code take the even one.
    fn expected(number: f64) -> String {
        if number == 0.0 || (1e-4..1e6).contains(&number.abs()) {
            return number.to_string();
        }
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
    }

    fn finite() -> impl Strategy<Value = f64> {
        let decimal = (any::<i32>(), -20..20).prop_map(|(digits, e)| f64::from(digits) * 10_f64.powi(e));
        let near_a_power = (0..2046_u64, -2..3_i64)
            .prop_map(|(exponent, by)| f64::from_bits((exponent << 52).saturating_add_signed(by)));
        prop_oneof![any::<f64>(), decimal, near_a_power, (-1e7..1e7), any::<i64>().prop_map(|int| int as f64)]
            .prop_filter("finite", |number| number.is_finite())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Scenario: any number. Guarantees that the text has the fewest digits that identify the number, in
        /// Go's layout.
        #[test]
        fn numbers_have_the_shortest_digits_that_tell_them(number in finite()) {
            let (text, expected) = (text(number), expected(number));
            prop_assert_eq!(text.parse(), Ok(number));
            let but_last = |text: &str| {
                let (mantissa, exponent) = text.split_once('e').unwrap_or((text, ""));
                (mantissa[..mantissa.len() - 1].to_owned(), exponent.to_owned())
            };
            prop_assert_eq!(but_last(&text), but_last(&expected));
        }
    }
}
