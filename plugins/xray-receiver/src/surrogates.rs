//! Replaces escapes of surrogates that are not in a pair. JavaScript writes them for a text that was cut in the middle
//! of a character, and they make JSON invalid.

use std::borrow::Cow;
use std::ops::RangeInclusive;

const LEADING: RangeInclusive<u16> = 0xd800..=0xdbff;
const TRAILING: RangeInclusive<u16> = 0xdc00..=0xdfff;
/// The length of an escape like `\ud83d`.
const ESCAPE: usize = 6;

/// Returns JSON in which U+FFFD stands for each lone surrogate.
pub(crate) fn mend(json: Cow<'_, str>) -> Cow<'_, str> {
    let lone = lone(&json);
    if lone.is_empty() {
        return json;
    }
    let mut mended = String::with_capacity(json.len());
    let mut start = 0;
    for at in lone {
        mended.push_str(json.get(start..at).unwrap_or_default());
        mended.push_str("\\ufffd");
        start = at + ESCAPE;
    }
    mended.push_str(json.get(start..).unwrap_or_default());
    Cow::Owned(mended)
}

/// Returns the offsets of the escapes of lone surrogates.
fn lone(json: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = json.get(at..).and_then(|rest| rest.find('\\')) {
        at += next;
        match escaped(json, at) {
            None => at += 2,
            Some(unit) if LEADING.contains(&unit) => match escaped(json, at + ESCAPE) {
                Some(second) if TRAILING.contains(&second) => at += 2 * ESCAPE,
                _ => {
                    found.push(at);
                    at += ESCAPE;
                }
            },
            Some(unit) => {
                if TRAILING.contains(&unit) {
                    found.push(at);
                }
                at += ESCAPE;
            }
        }
    }
    found
}

/// Returns the UTF-16 code unit of an escape.
fn escaped(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_surrogates_without_a_pair_are_replaced() {
        let check = |json: &str, expected: &str| {
            assert_eq!(mend(json.into()), expected);
            assert!(serde_json::from_str::<String>(&mend(json.into())).is_ok(), "{json}");
        };
        check(r#""plain""#, r#""plain""#);
        check(r#""\ud83d\ude00""#, r#""\ud83d\ude00""#);
        check(r#""a\ud83d""#, r#""a\ufffd""#);
        check(r#""\uD83D\n\uDE00x""#, r#""\ufffd\n\ufffdx""#);
        check(r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#);
        check(r#""\\ud83d \u00fc\\""#, r#""\\ud83d \u00fc\\""#);
    }

    #[test]
    fn what_is_no_json_stays() {
        for json in ["\\", "\\u", "\\u12", "\\uüü", "\\ü", "\\u+123"] {
            assert_eq!(mend(json.into()), json);
        }
    }
}
