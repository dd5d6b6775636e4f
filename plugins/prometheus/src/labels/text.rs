//! Writes the text between braces, and reads it for formats that need the parts.

use std::borrow::Cow;

use super::is_plain_label;

/// One label of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair<'a> {
    /// Escaped if it was quoted.
    pub(crate) name: &'a str,
    pub(crate) quoted: bool,
    /// Escaped.
    pub(crate) value: &'a str,
}

/// Appends `name="value"`, with several values joined by `;`, and with a comma before it if needed. Names
/// that are not allowed in every version of the formats are quoted.
pub(crate) fn push_pair<'v>(text: &mut String, name: &str, values: impl IntoIterator<Item = &'v str>) {
    if !text.is_empty() {
        text.push(',');
    }
    if is_plain_label(name) {
        text.push_str(name);
    } else {
        text.push('"');
        escape_into(text, name);
        text.push('"');
    }
    text.push_str("=\"");
    for (number, value) in values.into_iter().enumerate() {
        if number > 0 {
            text.push(';');
        }
        escape_into(text, value);
    }
    text.push('"');
}

/// Appends the value with `\`, `"` and line feeds escaped.
pub(crate) fn escape_into(text: &mut String, value: &str) {
    let mut rest = value;
    while let Some((before, after)) = rest.find(['\\', '"', '\n']).and_then(|at| rest.split_at_checked(at)) {
        text.push_str(before);
        let mut chars = after.chars();
        match chars.next() {
            Some('\n') => text.push_str("\\n"),
            Some(c) => text.extend(['\\', c]),
            None => {}
        }
        rest = chars.as_str();
    }
    text.push_str(rest);
}

/// Reverts [`escape_into`].
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut chars = text.chars();
    let next = || match chars.next()? {
        '\\' => chars.next().map(|c| if c == 'n' { '\n' } else { c }),
        c => Some(c),
    };
    Cow::Owned(std::iter::from_fn(next).collect())
}

/// Iterates over the labels of a text that [`push_pair`] made.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = Pair<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let quoted = rest.starts_with('"');
        let (name, after) = match quoted {
            true => quoted_text(rest)?,
            false => rest.split_at_checked(rest.find('=')?)?,
        };
        let (value, after) = quoted_text(after.strip_prefix('=')?)?;
        rest = after.strip_prefix(',').unwrap_or_default();
        Some(Pair { name, quoted, value })
    })
}

/// Returns the text between the quotes at the beginning, still escaped, and the text after them.
fn quoted_text(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((inner.get(..end)?, inner.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut text = String::new();
        push_pair(&mut text, "a", ["\\\"\n", "ü"]);
        push_pair(&mut text, "b.\"c\"", ["}=,"]);
        assert_eq!(text, "a=\"\\\\\\\"\\n;ü\",\"b.\\\"c\\\"\"=\"}=,\"");
        let read: Vec<Pair<'_>> = pairs(&text).collect();
        let first = Pair { name: "a", quoted: false, value: "\\\\\\\"\\n;ü" };
        assert_eq!(read, [first, Pair { name: "b.\\\"c\\\"", quoted: true, value: "}=," }]);
        assert_eq!(unescaped(first.value), "\\\"\n;ü");
        assert_eq!(pairs("").next(), None);
    }
}
