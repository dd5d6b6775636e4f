//! The meaning of a YAML scalar, by go-yaml's rules wherever a user of the Collector could notice a
//! difference.

/// A scalar as it is written. Its meaning depends on the type that is read, so `1.10` can still be text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scalar {
    pub text: String,
    /// Whether the scalar is neither quoted nor a block. Only a plain scalar can be a number, a boolean or
    /// nothing.
    pub plain: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning {
    Nothing,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

impl Scalar {
    pub(super) fn plain(text: impl Into<String>) -> Scalar {
        Scalar { text: text.into(), plain: true }
    }

    pub(super) fn text(text: impl Into<String>) -> Scalar {
        Scalar { text: text.into(), plain: false }
    }

    /// Returns the meaning by YAML 1.2's core schema, with go-yaml's additions to numbers: `0b`, octal with a
    /// leading zero, and `_`. `yes` and dates are text.
    pub(super) fn meaning(&self) -> Meaning {
        if !self.plain {
            return Meaning::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Nothing,
            "true" | "True" | "TRUE" => Meaning::Bool(true),
            "false" | "False" | "FALSE" => Meaning::Bool(false),
            text => number(text).unwrap_or(Meaning::Text),
        }
    }
}

fn number(text: &str) -> Option<Meaning> {
    let (negative, digits) = match text.split_at_checked(1) {
        Some(("-", rest)) => (true, rest),
        Some(("+", rest)) => (false, rest),
        _ => (false, text),
    };
    match digits {
        ".inf" | ".Inf" | ".INF" => {
            return Some(Meaning::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
        }
        ".nan" | ".NaN" | ".NAN" if digits == text => return Some(Meaning::Float(f64::NAN)),
        _ => {}
    }
    // An underscore separates digits; a leading underscore does not make a number.
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let digits = digits.replace('_', "");
    if let Some(magnitude) = integer(&digits) {
        let value = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        return Some(Meaning::Int(value));
    }
    let is_float = digits.contains(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    let value: f64 = is_float.then(|| digits.parse().ok()).flatten()?;
    Some(Meaning::Float(if negative { -value } else { value }))
}

fn integer(digits: &str) -> Option<u64> {
    let radix_of = |prefix: &str| match prefix {
        "0x" | "0X" => Some(16),
        "0o" | "0O" => Some(8),
        "0b" | "0B" => Some(2),
        _ => None,
    };
    let parse = |digits: &str, radix| {
        let clean = !digits.starts_with(['+', '-']);
        clean.then(|| u64::from_str_radix(digits, radix).ok()).flatten()
    };
    if let Some((prefix, rest)) = digits.split_at_checked(2)
        && let Some(radix) = radix_of(prefix)
    {
        return parse(rest, radix);
    }
    match digits.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => parse(octal, 8),
        _ => parse(digits, 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: plain scalars of every form are read, and one quoted number.
    /// Guarantees: each has the meaning that go-yaml gives it, and the quoted number is text.
    #[test]
    fn plain_scalars_mean_what_go_yaml_says() {
        let cases = [
            ("", Meaning::Nothing),
            ("~", Meaning::Nothing),
            ("null", Meaning::Nothing),
            ("true", Meaning::Bool(true)),
            ("False", Meaning::Bool(false)),
            ("yes", Meaning::Text),
            ("0", Meaning::Int(0)),
            ("-12", Meaning::Int(-12)),
            ("+12", Meaning::Int(12)),
            ("1_000", Meaning::Int(1000)),
            ("0x1F", Meaning::Int(31)),
            ("0o17", Meaning::Int(15)),
            ("017", Meaning::Int(15)),
            ("0b11", Meaning::Int(3)),
            ("089", Meaning::Float(89.0)),
            ("18446744073709551615", Meaning::Int(u64::MAX as i128)),
            ("18446744073709551616", Meaning::Float(18446744073709551616.0)),
            ("1.5", Meaning::Float(1.5)),
            (".5", Meaning::Float(0.5)),
            ("-1e3", Meaning::Float(-1000.0)),
            ("-.inf", Meaning::Float(f64::NEG_INFINITY)),
            ("2026-01-02", Meaning::Text),
            ("1.2.3", Meaning::Text),
            ("10s", Meaning::Text),
            ("localhost:4317", Meaning::Text),
            ("_1", Meaning::Text),
            (".", Meaning::Text),
            ("-", Meaning::Text),
            ("0x", Meaning::Text),
            ("0x-1", Meaning::Text),
        ];
        for (text, meaning) in cases {
            assert_eq!(Scalar::plain(text).meaning(), meaning, "{text:?}");
        }
        assert_eq!(Scalar::text("5").meaning(), Meaning::Text);
    }
}
