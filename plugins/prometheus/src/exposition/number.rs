//! Numbers as Go writes them (`%g`, shortest): values of `le` are labels, and those of other exporters look so.

use std::io::Write;

/// `0.5`, `17`, `1e+06`, `NaN`, `+Inf`.
pub(crate) fn write(out: &mut Vec<u8>, number: f64) {
    let size = number.abs();
    if number.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if number.fract() == 0.0 && size < 1e6 && !(number == 0.0 && number.is_sign_negative()) {
        out.extend_from_slice(itoa::Buffer::new().format(number as i32).as_bytes());
    } else if size == 0.0 || (1e-4..1e6).contains(&size) {
        // Writing to a vector does not fail, here and below.
        let _ = write!(out, "{number}");
    } else {
        write_with_exponent(out, number);
    }
}

/// As [`write()`], but a whole number is `17.0`.
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

/// Seconds with milliseconds.
pub(crate) fn write_seconds(out: &mut Vec<u8>, time_unix_nano: u64) {
    let _ = write!(out, "{}.{:03}", time_unix_nano / 1_000_000_000, time_unix_nano / 1_000_000 % 1_000);
}

/// The exponent with its sign, and two digits at least.
fn write_with_exponent(out: &mut Vec<u8>, number: f64) {
    let begin = out.len();
    let _ = write!(out, "{number:e}");
    let Some(e) = out.iter().rposition(|byte| *byte == b'e').filter(|e| *e >= begin) else { return };
    let digits = out.split_off(e + 1);
    let (sign, digits) = match digits.split_first() {
        Some((b'-', digits)) => (b'-', digits),
        _ => (b'+', digits.as_slice()),
    };
    out.push(sign);
    if digits.len() == 1 {
        out.push(b'0');
    }
    out.extend_from_slice(digits);
}

#[cfg(test)]
mod tests {
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
}
