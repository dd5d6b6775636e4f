//! Finds the references in a text.

use std::borrow::Cow;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(Cow<'a, str>),
    Reference(Reference<'a>),
}

/// A reference `${scheme:target:-default}`. The target and the default may hold references.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    /// The whole reference with its braces.
    pub whole: &'a str,
    /// The scheme; `env` if the reference names none.
    pub scheme: &'a str,
    pub target: &'a str,
    pub default: Option<&'a str>,
}

/// Splits a text into plain text and references. `$$` is a plain `$`, and so is a `$` before anything but
/// `{`.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        literal.push_str(before);
        let dollar = rest.get(before.len()..).unwrap_or_default();
        if let Some(after) = after.strip_prefix('$') {
            literal.push('$');
            rest = after;
        } else if after.starts_with('{') {
            let Some(len) = closing(after) else {
                return Err("this `${` has no `}`".to_owned());
            };
            let (whole, after) = dollar.split_at_checked(len + 1).unwrap_or((dollar, ""));
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
            }
            pieces.push(Piece::Reference(reference(whole)));
            rest = after;
        } else {
            literal.push('$');
            rest = after;
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal.into()));
    }
    Ok(pieces)
}

/// Returns the first `NAME` in capitals after a single `$`.
pub(super) fn bare_variable(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('$') {
        rest = after.strip_prefix('$').unwrap_or(after);
        if rest.len() < after.len() {
            continue;
        }
        let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
        let (name, behind) = after.split_at_checked(end)?;
        let is_name = name.len() > 1 && name.starts_with(|c: char| c.is_ascii_uppercase());
        if is_name && !behind.starts_with(|c: char| c.is_alphanumeric()) {
            return Some(name);
        }
    }
    None
}

fn reference(whole: &str) -> Reference<'_> {
    let body = whole.strip_prefix("${").and_then(|body| body.strip_suffix('}')).unwrap_or_default();
    let (scheme, rest) = match body.split_once(':') {
        Some((scheme, rest)) if !rest.starts_with('-') && is_scheme(scheme) => (scheme, rest),
        _ => ("env", body),
    };
    let default = if scheme == "env" { top_level(rest, ":-") } else { None };
    let (target, default) = match default.and_then(|at| rest.split_at_checked(at)) {
        Some((target, default)) => (target, default.strip_prefix(":-")),
        None => (rest, None),
    };
    Reference { whole, scheme, target, default }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '.' | '-'))
}

/// Returns the length of the text up to the brace that closes its first brace, inclusive.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 1 => return Some(at + 1),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// Returns the first position of the mark outside of inner braces.
fn top_level(text: &str, mark: &str) -> Option<usize> {
    let mut open = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open = open.saturating_sub(1),
            _ if open == 0 && text.get(at..).is_some_and(|rest| rest.starts_with(mark)) => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: references with and without scheme and default, also nested ones.
    /// Guarantees: each is split at its own separators, and not at those of an inner reference.
    #[test]
    fn a_reference_is_taken_apart_outside_of_the_inner_ones() {
        let cases = [
            ("${A}", ("env", "A", None)),
            ("${A:-b}", ("env", "A", Some("b"))),
            ("${env:A:-}", ("env", "A", Some(""))),
            ("${env:A:-b:-c}", ("env", "A", Some("b:-c"))),
            ("${env:${A:-x}:-b}", ("env", "${A:-x}", Some("b"))),
            ("${env:A:-{b: c}}", ("env", "A", Some("{b: c}"))),
            ("${file:./a:-b}", ("file", "./a:-b", None)),
            ("${http://x}", ("http", "//x", None)),
        ];
        for (whole, (scheme, target, default)) in cases {
            let read = pieces(whole).unwrap();
            assert_eq!(read, [Piece::Reference(Reference { whole, scheme, target, default })]);
        }
    }

    /// Scenario: texts with single and doubled `$`, and a reference without its closing brace.
    /// Guarantees: a single `$` is itself, `$$` is one `$`, and the open reference is an error.
    #[test]
    fn a_dollar_alone_is_itself() {
        for (text, plain) in [("a$b", "a$b"), ("$$", "$"), ("$$$$1", "$$1"), ("$${A}", "${A}"), ("€$", "€$")]
        {
            assert_eq!(pieces(text).unwrap(), [Piece::Text(plain.into())]);
        }
        assert!(pieces("${A").is_err());
    }
}
