//! Writes text of any length in pieces.

use std::{fmt, io};

/// The text that is collected before it is written. Nearly every batch is written in one piece, so that other
/// lines of the log do not come between its own.
const PIECE_BYTES: usize = 64 << 10;

/// A writer that escapes what it is given: for a terminal, or for JSON.
pub(super) struct Pieces<'w> {
    to: &'w mut dyn io::Write,
    is_json: bool,
    piece: String,
    outcome: io::Result<()>,
}

impl<'w> Pieces<'w> {
    pub(super) fn new(to: &'w mut dyn io::Write, is_json: bool) -> Pieces<'w> {
        Pieces { to, is_json, piece: String::new(), outcome: Ok(()) }
    }

    /// Appends text that needs no escapes.
    pub(super) fn plain(&mut self, mut text: &str) -> fmt::Result {
        while !text.is_empty() {
            let (now, rest) = text.split_at(text.floor_char_boundary(PIECE_BYTES));
            self.piece.push_str(now);
            if self.piece.len() >= PIECE_BYTES {
                self.write_piece()?;
            }
            text = rest;
        }
        Ok(())
    }

    /// Writes what is left. Returns the error that ended the writing, if one did.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.outcome.is_ok() {
            // The error is in `outcome`.
            let _ = self.write_piece();
        }
        self.outcome.and_then(|()| self.to.flush())
    }

    fn write_piece(&mut self) -> fmt::Result {
        self.outcome = self.to.write_all(self.piece.as_bytes());
        self.piece.clear();
        if self.outcome.is_ok() { Ok(()) } else { Err(fmt::Error) }
    }

    /// Returns whether the character has to be escaped. The Collector writes all but those of JSON as they are;
    /// here none controls the operator's terminal.
    fn is_escaped(&self, character: char) -> bool {
        match character {
            '"' | '\\' | '\n' | '\t' => self.is_json,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
            '\u{2028}' | '\u{2029}' => true,
            other => other.is_control(),
        }
    }

    fn escape(&mut self, character: char) -> fmt::Result {
        let escape = match (character, self.is_json) {
            ('"' | '\\', true) => format!("\\{character}"),
            ('\n', _) => "\\n".to_owned(),
            ('\t', _) => "\\t".to_owned(),
            ('\r', _) => "\\r".to_owned(),
            // All that are escaped lie below U+FFFF.
            (other, true) => format!("\\u{:04x}", u32::from(other)),
            (other, false) => other.escape_unicode().to_string(),
        };
        self.plain(&escape)
    }
}

impl fmt::Write for Pieces<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, character)) =
            rest.char_indices().find(|(_, character)| self.is_escaped(*character))
        {
            let (plain, after) = rest.split_at(at);
            self.plain(plain)?;
            self.escape(character)?;
            rest = after.get(character.len_utf8()..).unwrap_or_default();
        }
        self.plain(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Keeps each write apart.
    #[derive(Default)]
    struct Writes(Vec<String>);

    impl io::Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(String::from_utf8(bytes.to_vec()).map_err(io::Error::other)?);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(text: &str, is_json: bool) -> Vec<String> {
        let mut writes = Writes::default();
        let mut pieces = Pieces::new(&mut writes, is_json);
        pieces.write_str(text).unwrap();
        pieces.finish().unwrap();
        writes.0
    }

    /// Scenario: a text has line breaks, quotes, and characters that control a terminal.
    /// Guarantees: line breaks stay where the Collector prints them, and nothing controls the terminal.
    #[test]
    fn what_controls_a_terminal_is_escaped() {
        let text = "a\n\tb\r \"c\\\" \u{1b}[2J \u{202e} é 漢";
        assert_eq!(written(text, false), ["a\n\tb\\r \"c\\\" \\u{1b}[2J \\u{202e} é 漢"]);
        assert_eq!(written(text, true), [r#"a\n\tb\r \"c\\\" \u001b[2J \u202e é 漢"#]);
        let json: String = serde_json::from_str(&format!("\"{}\"", written(text, true).concat())).unwrap();
        assert_eq!(json, text);
    }

    /// Scenario: a text is far longer than a piece.
    /// Guarantees: it is written whole, in pieces that are bounded.
    #[test]
    fn long_text_is_written_in_pieces() {
        let text = "naïve\n".repeat(100_000);
        let writes = written(&text, false);
        assert!(writes.len() > 5 && writes.iter().all(|piece| piece.len() < 2 * PIECE_BYTES));
        assert_eq!(writes.concat(), text);
    }

    /// Scenario: the stream fails.
    /// Guarantees: the writing ends, with the stream's error.
    #[test]
    fn an_error_of_the_stream_ends_the_writing() {
        struct Broken;
        impl io::Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut broken = Broken;
        let mut pieces = Pieces::new(&mut broken, false);
        assert!(pieces.write_str(&"x".repeat(PIECE_BYTES)).is_err());
        assert_eq!(pieces.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
