//! Repairs JSON with invalid text: lone surrogates, and bytes that are not UTF-8.

/// The most bytes by which the document may grow. A document that would grow more is not repaired.
const GROWTH_LIMIT_BYTES: usize = 1 << 20;

const REPLACEMENT: &[u8; 4] = b"fffd";

/// Returns the document with U+FFFD in place of invalid text. Returns `None` if all text is valid, or if too
/// much is invalid.
pub(super) fn mended(json: &[u8]) -> Option<Vec<u8>> {
    let growth: usize = json.utf8_chunks().map(|chunk| growth(chunk.invalid())).sum();
    if growth > GROWTH_LIMIT_BYTES {
        return None;
    }
    let mut text = String::from_utf8_lossy(json).into_owned().into_bytes();
    let replaced = replace_lone_surrogates(&mut text);
    (replaced || text != json).then_some(text)
}

fn growth(invalid: &[u8]) -> usize {
    if invalid.is_empty() { 0 } else { char::REPLACEMENT_CHARACTER.len_utf8() - invalid.len() }
}

/// Replaces each `\ud800` to `\udfff` that is not half of a pair by `\ufffd`. Returns whether there was one.
fn replace_lone_surrogates(text: &mut [u8]) -> bool {
    let (mut at, mut replaced) = (0, false);
    while let Some(escape) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += escape;
        at += match (unit(text, at), unit(text, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                if let Some(digits) = text.get_mut(at + 2..at + 6) {
                    digits.copy_from_slice(REPLACEMENT);
                }
                replaced = true;
                6
            }
            // Skips the character after the backslash too, which may itself be a backslash.
            _ => 2,
        };
    }
    replaced
}

/// Returns the UTF-16 unit that `\u` and four digits at this place stand for.
fn unit(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)? as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &[u8], expected: Option<&str>) {
        assert_eq!(mended(json).as_deref(), expected.map(str::as_bytes), "{}", String::from_utf8_lossy(json));
    }

    #[test]
    fn lone_surrogates_and_bad_bytes_become_replacement_characters() {
        check(br#""\ud800""#, Some(r#""\ufffd""#));
        check(br#""\uDEADx\ud83d\uDE00\ud83d""#, Some(r#""\ufffdx\ud83d\uDE00\ufffd""#));
        check(br#""\ud83d\ud83d\ude00""#, Some(r#""\ufffd\ud83d\ude00""#));
        check(b"\"a\xffb\xe6\xbc\"", Some("\"a\u{fffd}b\u{fffd}\""));
    }

    #[test]
    fn what_is_text_stays_as_it_is() {
        for json in
            [r#""\ud83d\ude00 é 漢""#, r#""\\ud800""#, r#""\\\\ud800""#, r#""\u00"#, r#""\"#, "", "{}"]
        {
            check(json.as_bytes(), None);
        }
        check(&vec![0xff; GROWTH_LIMIT_BYTES], None);
    }
}
