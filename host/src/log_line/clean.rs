//! Makes text from others (a destination, a guest, a sender) fit for one line.

use std::fmt::{self, Write};

/// The most bytes of a value that a log line shows.
pub const VALUE_LIMIT_BYTES: usize = 8 << 10;

/// A writer that passes text on, up to a limit. Characters that would begin a new line, control the terminal
/// or change the direction of the text are escaped: `\n`, `\u{1b}`, `\u{202e}`.
pub struct Clean<'w> {
    to: &'w mut dyn Write,
    room_bytes: usize,
    cut_bytes: usize,
}

impl<'w> Clean<'w> {
    pub fn new(to: &'w mut dyn Write, limit_bytes: usize) -> Clean<'w> {
        Clean { to, room_bytes: limit_bytes, cut_bytes: 0 }
    }

    /// Writes how much was left out, if anything was.
    pub fn finish(self) -> fmt::Result {
        match self.cut_bytes {
            0 => Ok(()),
            cut => write!(self.to, "… ({cut} bytes more)"),
        }
    }

    fn write_plain(&mut self, text: &str) -> fmt::Result {
        let end = if self.cut_bytes > 0 { 0 } else { text.floor_char_boundary(self.room_bytes) };
        self.room_bytes -= end;
        self.cut_bytes += text.len() - end;
        self.to.write_str(text.get(..end).unwrap_or_default())
    }

    /// Writes an escape as a whole, or not at all.
    fn write_escape(&mut self, escape: &str) -> fmt::Result {
        if escape.len() > self.room_bytes {
            self.room_bytes = 0;
        }
        self.write_plain(escape)
    }
}

impl Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_unfit(*character)) {
            let (plain, after) = rest.split_at(at);
            self.write_plain(plain)?;
            self.write_escape(&character.escape_default().to_string())?;
            rest = after.get(character.len_utf8()..).unwrap_or_default();
        }
        self.write_plain(rest)
    }
}

/// Returns the text on one line of at most this many bytes, with a note of how much was left out.
pub fn one_line(text: &str, limit_bytes: usize) -> String {
    let mut line = String::new();
    let mut clean = Clean::new(&mut line, limit_bytes);
    // Writing to a string cannot fail.
    let _ = clean.write_str(text).and_then(|()| clean.finish());
    line
}

fn is_unfit(character: char) -> bool {
    let turns = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let begins_a_line = matches!(character, '\u{2028}' | '\u{2029}');
    (character.is_control() && character != '\t') || turns || begins_a_line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: texts hold line breaks, escape sequences and marks of direction.
    /// Guarantees: these are escaped, and other characters stay as they are.
    #[test]
    fn what_would_begin_a_line_or_reach_the_terminal_is_written_out() {
        for (text, expected) in [
            ("as it is: é 漢 🎉 \t\\n", "as it is: é 漢 🎉 \t\\n"),
            ("a\nb\r\nc", "a\\nb\\r\\nc"),
            ("\u{1b}[31mred\u{9b}0m\u{7}\u{7f}", "\\u{1b}[31mred\\u{9b}0m\\u{7}\\u{7f}"),
            ("a\u{2028}b\u{202e}c\u{2069}", "a\\u{2028}b\\u{202e}c\\u{2069}"),
        ] {
            assert_eq!(one_line(text, 100), expected, "{text:?}");
        }
    }

    /// Scenario: texts are as long as the limit, or longer.
    /// Guarantees: a longer text is cut between characters, and the note counts the rest.
    #[test]
    fn what_is_too_long_is_cut_between_characters_and_the_rest_is_counted() {
        assert_eq!(one_line("abc", 3), "abc");
        assert_eq!(one_line("abcd", 3), "abc… (1 bytes more)");
        assert_eq!(one_line("aéé", 2), "a… (4 bytes more)");
        assert_eq!(one_line(&"x\n".repeat(1 << 20), 5), format!("x\\nx… ({} bytes more)", 3 * (1 << 20) - 4));
    }

    /// Scenario: a part does not fit, and a shorter one follows.
    /// Guarantees: nothing is shown after the cut.
    #[test]
    fn a_cut_ends_what_is_shown() {
        let mut line = String::new();
        let mut clean = Clean::new(&mut line, 4);
        for part in ["abc", "dé", "f"] {
            clean.write_str(part).unwrap();
        }
        clean.finish().unwrap();
        assert_eq!(line, "abcd… (3 bytes more)");
    }
}
