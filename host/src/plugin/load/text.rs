//! Makes a guest's text fit for a line of the log, an answer or a terminal.

use std::borrow::Cow;

/// The limit of a failure's message, of a config error and of a guest's last words. The rest is cut off.
pub(super) const MESSAGE_LIMIT_BYTES: usize = 1024;

/// Returns the text without line breaks and control characters, and no longer than the limit.
pub(in crate::plugin) fn one_line(text: &str, limit_bytes: usize) -> Cow<'_, str> {
    let end = text.floor_char_boundary(limit_bytes);
    let (kept, is_cut) = (text.get(..end).unwrap_or_default(), end < text.len());
    if !is_cut && !kept.contains(is_unfit) {
        return kept.into();
    }
    let mut line = String::with_capacity(kept.len() + 16);
    for character in kept.chars() {
        if is_unfit(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    if is_cut {
        line.push('…');
    }
    line.into()
}

/// Does the same for a text that is kept.
pub(in crate::plugin) fn message(text: impl Into<String>) -> String {
    let text = text.into();
    match one_line(&text, MESSAGE_LIMIT_BYTES) {
        Cow::Borrowed(_) => text,
        Cow::Owned(line) => line,
    }
}

/// Returns true for control characters, for line separators, and for characters that change the direction of
/// text.
fn is_unfit(character: char) -> bool {
    (character.is_control() && character != '\t')
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: texts have line breaks, control characters and more bytes than the limit.
    /// Guarantees: each becomes one harmless line within the limit.
    #[test]
    fn a_text_becomes_one_line_and_no_longer_than_it_may() {
        assert!(matches!(one_line("tab\tand é", 100), Cow::Borrowed("tab\tand é")));
        assert_eq!(one_line("a\n2026 ERROR forged\r\u{1b}[31m", 100), r"a\n2026 ERROR forged\r\u{1b}[31m");
        assert_eq!(one_line("\u{202e}txt.exe\u{2028}", 100), r"\u{202e}txt.exe\u{2028}");
        assert_eq!(one_line("ééé", 3), "é…");
        assert_eq!(message("x".repeat(10 << 20)).len(), MESSAGE_LIMIT_BYTES + '…'.len_utf8());
    }
}
