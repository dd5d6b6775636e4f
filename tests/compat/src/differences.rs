//! `DIFFERENCES.md`: the differences that are known, each with its reason.

/// One row of a table of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name of a difference, `topic/input: aspect`. `*` stands for any text; without an aspect the row is
    /// about all of an input's aspects.
    pub(crate) pattern: String,
    /// True if the row stands below `## To be mended`.
    pub(crate) is_open: bool,
}

const OPEN: &str = "## To be mended";

/// Returns the rows of every table of the file, in order.
pub(crate) fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        if line.starts_with("## ") {
            is_open = line.trim() == OPEN;
        }
        let mut cells = line.strip_prefix('|').into_iter().flat_map(|row| row.split('|'));
        let first = cells.next().unwrap_or_default().trim();
        // A row names inputs as code; the head of a table and the line below it do not.
        if let Some(pattern) = first.strip_prefix('`').and_then(|name| name.strip_suffix('`')) {
            entries.push(Entry { pattern: pattern.to_owned(), is_open });
        }
    }
    entries
}

impl Entry {
    pub(crate) fn covers(&self, difference: &str) -> bool {
        let input = difference.split(": ").next().unwrap_or(difference);
        matches(&self.pattern, difference) || matches(&self.pattern, input)
    }

    /// Returns whether the row may cover differences of this topic.
    pub(crate) fn is_of(&self, topic: &str) -> bool {
        let room = self.pattern.split('/').next().unwrap_or_default();
        matches(room, topic)
    }
}

/// Returns whether a text is as the pattern says, with `*` for any text, an empty one too.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    let ends = (0..=rest.len()).filter(|end| rest.is_char_boundary(*end));
    ends.filter_map(|end| rest.get(end..)).any(|rest| matches(after, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a file with a table of each kind.
    /// Guarantees: rows are read, heads are not, and the section decides whether a row is open.
    #[test]
    fn rows_are_read_with_their_section() {
        let text =
            "| input | what |\n|---|---|\n| `http/a` | x |\n\n## To be mended\n\n| `grpc/*: body` | y |\n";
        let entry = |pattern: &str, is_open| Entry { pattern: pattern.to_owned(), is_open };
        assert_eq!(parse(text), [entry("http/a", false), entry("grpc/*: body", true)]);
    }

    /// Scenario: patterns with and without an aspect, and with `*`, are held against names.
    /// Guarantees: a row without an aspect covers all aspects, and `*` covers any text.
    #[test]
    fn a_pattern_covers_inputs_and_aspects() {
        let covers =
            |pattern: &str, name: &str| Entry { pattern: pattern.to_owned(), is_open: false }.covers(name);
        assert!(covers("http/get", "http/get: status"));
        assert!(covers("http/get: status", "http/get: status"));
        assert!(!covers("http/get: body", "http/get: status"));
        assert!(covers("http/*: status", "http/get: status"));
        assert!(covers("*/get*", "http/get-x: status"));
        assert!(!covers("http/get", "http/get-x: status"));
    }
}
