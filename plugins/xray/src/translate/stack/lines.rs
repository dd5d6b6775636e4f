//! Splits a text into lines with their offsets, so that several lines can be joined into one text.

/// A line of a text, without its line end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// The offset of its beginning, in bytes.
    pub(super) start: usize,
    /// The offset of its end, without the line feed.
    pub(super) end: usize,
}

pub(super) fn of(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |whole| {
        let begin = start;
        start += whole.len();
        let text = whole.trim_end_matches(['\n', '\r']);
        Line { text, start: begin, end: begin + text.len() }
    })
}

/// Parses `path:line` from the right, because paths may have colons. Returns `None` if the last part is not a
/// number.
pub(super) fn path_and_line(place: &str) -> Option<(&str, u32)> {
    let (path, line) = place.rsplit_once(':')?;
    Some((path, line.parse().ok()?))
}

/// Parses `path:line`, `path:` or `path`. The line is 0 if there is none.
pub(super) fn place(place: &str) -> (&str, u32) {
    path_and_line(place).unwrap_or((place.strip_suffix(':').unwrap_or(place), 0))
}

/// Splits a text after an opening parenthesis into the text inside and the text after the closing one. Paths
/// may have parentheses too, so the closing one is the one that matches and ends a word.
pub(super) fn closed(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth > 1 => depth -= 1,
            ')' => {
                let (inside, rest) = (text.get(..at)?, text.get(at + 1..)?);
                if rest.is_empty() || rest.starts_with(char::is_whitespace) {
                    return Some((inside, rest));
                }
            }
            _ => {}
        }
    }
    // An opening parenthesis in the path has no closing one.
    let (inside, rest) = text.rsplit_once(')')?;
    Some((inside, rest))
}
