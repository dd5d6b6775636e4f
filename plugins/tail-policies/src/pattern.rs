//! Regular expressions as Go's `regexp` reads them.
//!
//! The library takes the same syntax, with classes (`\d`, `\w`, `\b`) of ASCII, as in Go. `\Q…\E` is rewritten. What it
//! does not have (`\pL`, numbers of bytes in octal) is an error where the config is read.

use std::collections::HashMap;

use regex_lite::Regex;

/// Patterns with the answers for the texts that were matched last.
#[derive(Debug)]
pub(crate) struct Patterns {
    patterns: Vec<Regex>,
    answers: HashMap<Box<str>, bool>,
    max_answers: usize,
}

const DEFAULT_ANSWERS: usize = 128;
/// The limit of the answers that are kept, whatever the config says.
const MAX_ANSWERS: usize = 65_536;
/// A longer text is matched each time.
const MAX_KEPT_BYTES: usize = 256;

impl Patterns {
    pub(crate) fn new(patterns: Vec<Regex>, cache_max_size: i64) -> Patterns {
        let max_answers = usize::try_from(cache_max_size).ok().filter(|size| *size > 0);
        let max_answers = max_answers.unwrap_or(DEFAULT_ANSWERS).min(MAX_ANSWERS);
        Patterns { patterns, answers: HashMap::new(), max_answers }
    }

    /// Returns whether any pattern matches a part of the text.
    pub(crate) fn match_text(&mut self, text: &str) -> bool {
        if let Some(answer) = self.answers.get(text) {
            return *answer;
        }
        let answer = self.patterns.iter().any(|pattern| pattern.is_match(text));
        if text.len() <= MAX_KEPT_BYTES {
            if self.answers.len() >= self.max_answers {
                self.answers.clear();
            }
            self.answers.insert(text.into(), answer);
        }
        answer
    }
}

/// Compiles a pattern of Go's. The error says what is wrong with it.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(&unquote(pattern))
        .map_err(|error| format!("`{pattern}` is no pattern that can be used: {error}"))
}

/// Rewrites `\Q…\E`, between which every character stands for itself.
fn unquote(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        written.push_str(before);
        if let Some(quoted) = escape.strip_prefix("\\Q") {
            let (quoted, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            written.push_str(&regex_lite::escape(quoted));
            rest = after;
        } else {
            let end = escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end);
            let (escape, after) = escape.split_at(end);
            written.push_str(escape);
            rest = after;
        }
    }
    written.push_str(rest);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_go() {
        for (pattern, text, expected) in [
            ("val*", "the value", true),
            ("^/health$", "/health", true),
            (r"\/health", "/healthz", true),
            (r"^\d+$", "٣", false),
            (r"^\w+$", "é", false),
            ("^.$", "é", true),
            ("a.c", "a\nc", false),
            ("(?s)a.c", "a\nc", true),
            ("(?i)error", "ERROR", true),
            (r"^\Qa.b*\E+$", "a.b**", true),
            (r"\Qa.b", "axb", false),
            ("[[:alpha:]]{2}", "ab", true),
            ("", "anything", true),
        ] {
            let pattern = compile(pattern).expect(pattern);
            assert_eq!(pattern.is_match(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_an_error() {
        for pattern in ["(", "a**b(", r"\pL", "[z-a]"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn the_answers_that_are_kept_are_bounded() {
        let mut patterns = Patterns::new(vec![compile("^a").expect("a pattern")], 2);
        let texts = ["a", "b", "ab", "a", "b"];
        assert_eq!(texts.map(|text| patterns.match_text(text)), [true, false, true, true, false]);
        assert!(patterns.answers.len() <= 2);
    }
}
