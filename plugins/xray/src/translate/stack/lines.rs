//! Lines with where they lie, so that several can be one text.

/// A line of a text, without its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// Where it begins, in bytes.
    pub(super) start: usize,
    /// Where it ends, its line feed left out.
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

/// Of `path:line`, from the right: paths have colons too. None if no number stands there.
pub(super) fn path_and_line(place: &str) -> Option<(&str, u32)> {
    let (path, line) = place.rsplit_once(':')?;
    Some((path, line.parse().ok()?))
}

/// Of `path:line`, `path:` or `path`; the line is 0 where none is told.
pub(super) fn place(place: &str) -> (&str, u32) {
    path_and_line(place).unwrap_or((place.strip_suffix(':').unwrap_or(place), 0))
}

/// Splits a text that begins behind an opening parenthesis: what stands inside, and what follows the parenthesis that
/// closes it. A path may have parentheses too, so this is the one that makes a pair and ends a word.
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
    // What opened another one had none of its own.
    let (inside, rest) = text.rsplit_once(')')?;
    Some((inside, rest))
}
