//! Computes how many spans a sampled span stands for, from its trace state (OpenTelemetry TraceState:
//! Probability Sampling).

use prost::Message;

/// Rounds adjusted counts up or down at random, so that their sum is right on average.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Rounding {
    /// The state of an xorshift64* generator. It is never 0 once used.
    #[prost(fixed64, tag = "1")]
    state: u64,
}

/// The number of thresholds, which have 56 bits.
const ALL: u64 = 1 << 56;
/// How many hex digits they have.
const DIGITS: usize = 14;
const LIMIT_BYTES: usize = 1024;
const LIMIT_VALUE_BYTES: usize = 256;
/// The Collector reads one member less than W3C allows.
const LIMIT_MEMBERS: usize = 31;

impl Rounding {
    /// Returns the adjusted count, or `None` if the trace state has no threshold or is malformed.
    pub(crate) fn count(&mut self, trace_state: &str) -> Option<u64> {
        let kept = ALL - threshold(trace_state)?;
        let (whole, rest) = (ALL / kept, ALL % kept);
        Some(whole + u64::from(rest != 0 && self.next() % kept < rest))
    }

    fn next(&mut self) -> u64 {
        let mut state = if self.state == 0 { 0x9e37_79b9_7f4a_7c15 } else { self.state };
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.state = state;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// Returns the threshold of `ot=th:c;rv:…`. As in the Collector, a mistake anywhere in the trace state means
/// that there is none.
fn threshold(trace_state: &str) -> Option<u64> {
    if trace_state.len() > LIMIT_BYTES || !trace_state.contains("ot=") {
        return None;
    }
    let mut found = None;
    for (number, member) in trace_state.split(',').enumerate() {
        let member = member.trim_matches([' ', '\t']);
        if number >= LIMIT_MEMBERS {
            return None;
        }
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        if !is_key(key) || !is_value(value) {
            return None;
        }
        if key == "ot" {
            found = threshold_of(value)?;
        }
    }
    found
}

/// Returns the threshold of OpenTelemetry's value if the value has one, or `None` if the value is malformed.
fn threshold_of(value: &str) -> Option<Option<u64>> {
    let mut found = None;
    for field in value.split(';') {
        let (key, value) = field.split_once(':')?;
        let first = |byte: &u8| byte.is_ascii_lowercase();
        if !starts(key, first, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return None;
        }
        if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
            return None;
        }
        match key {
            "th" => found = Some(threshold_of_digits(value)?),
            "rv" if value.len() != DIGITS || !is_hex(value) => return None,
            _ => {}
        }
    }
    Some(found)
}

/// Reads hex digits. Omitted last digits are zeros.
fn threshold_of_digits(digits: &str) -> Option<u64> {
    if digits.is_empty() || digits.len() > DIGITS || !is_hex(digits) {
        return None;
    }
    let value = u64::from_str_radix(digits, 16).ok()?;
    Some(value << (4 * (DIGITS - digits.len())))
}

fn is_hex(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns whether this is the key of a member (W3C Trace Context, "key").
fn is_key(key: &str) -> bool {
    let letter = |byte: &u8| byte.is_ascii_lowercase();
    let more = |byte: &u8| letter(byte) || byte.is_ascii_digit() || b"_-*/".contains(byte);
    match key.split_once('@') {
        None => key.len() <= 256 && starts(key, letter, more),
        Some((tenant, system)) => {
            tenant.len() <= 241
                && system.len() <= 14
                && starts(tenant, |byte| letter(byte) || byte.is_ascii_digit(), more)
                && starts(system, letter, more)
        }
    }
}

/// Returns whether this is the value of a member (W3C Trace Context, "value").
fn is_value(value: &str) -> bool {
    let printable = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    !value.is_empty()
        && value.len() <= LIMIT_VALUE_BYTES
        && value.bytes().all(printable)
        && !value.ends_with(' ')
}

/// Returns whether the text is not empty, and its first and its further bytes are what is given.
fn starts(text: &str, first: impl Fn(&u8) -> bool, more: impl Fn(&u8) -> bool) -> bool {
    text.as_bytes().split_first().is_some_and(|(head, tail)| first(head) && tail.iter().all(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_hex_with_its_last_zeros_left_out() {
        for (state, is) in [
            ("ot=th:8", Some(ALL / 2)),
            ("a=b, ot=rv:0123456789abcd;th:c,x=y", Some(ALL / 4 * 3)),
            ("x=y,ot=th:c;p:1", Some(ALL / 4 * 3)),
            ("ot=th:0", Some(0)),
            ("ot=th:C", Some(ALL / 4 * 3)),
            ("ot=th:fffffffffffff0", Some(ALL - 16)),
            ("ot=th:8;th:c", Some(ALL / 4 * 3)),
            ("1a-*/_@b=c,ot=th:8", Some(ALL / 2)),
            ("ot=p:1;r:2", None),
            ("", None),
        ] {
            assert_eq!(threshold(state), is, "{state}");
        }
    }

    #[test]
    fn a_malformed_trace_state_has_no_threshold() {
        let long = format!("ot=th:8,a={}", "x".repeat(257));
        let many = format!("ot=th:8{}", ",a=b".repeat(31));
        for state in [
            "ot=th:fffffffffffffff",
            "ot=th:zz",
            "ot=th:",
            "ot=th:8;",
            "ot=th:8;;x:1",
            "ot=th:8;rv:1",
            "ot=rv:0123456789abcg;th:8",
            "ot=th:8;X:1",
            "ot=th:8;x",
            "ot=th",
            "ot=th:8,x",
            "ot=th:8,=y",
            "ot=th:8,X=y",
            "ot=th:8,x=y=z",
            "ot=th:8,x=é",
            "ot=th:8,a@=b",
            "ot=",
            "xot=th:8",
            long.as_str(),
            many.as_str(),
        ] {
            assert_eq!(threshold(state), None, "{state}");
        }
    }

    #[test]
    fn whole_counts_are_exact_and_others_right_on_the_whole() {
        let mut rounding = Rounding::default();
        assert_eq!(rounding.count("ot=th:0"), Some(1));
        assert_eq!(rounding.count("ot=th:c"), Some(4));
        assert_eq!(rounding.count("vendor=1"), None);
        // A tenth is kept: the threshold is 0xe6666666666666.
        let sum: u64 = (0..10_000).filter_map(|_| rounding.count("ot=th:e66666")).sum();
        assert!((99_900..100_100).contains(&sum), "{sum}");
        let sum: u64 = (0..10_000).filter_map(|_| rounding.count("ot=th:5")).sum();
        assert!((14_400..14_700).contains(&sum), "{sum}");
    }
}
