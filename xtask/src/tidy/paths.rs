//! Finds the modules of its own crate that a Rust file names, in `use` items and in paths in code. Tests are
//! left out.

/// A token of a file: a word, or a single character that is outside comments and strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Sign(char),
}

/// Returns the paths of its own crate that a file names, each from the crate's root and with its line.
///
/// `module` is the path of the file's own module. Items under `#[cfg(test)]` are left out.
pub(super) fn imports(text: &str, module: &[String]) -> Vec<(usize, Vec<String>)> {
    let tokens = without_tests(tokens(text));
    let mut reader = Reader { tokens: &tokens, at: 0, found: Vec::new() };
    while let Some((_, token)) = reader.tokens.get(reader.at) {
        let is_start = matches!(token, Token::Word("crate" | "super" | "self"));
        let goes_on = reader.is_after(&[Token::Sign(':')]);
        let is_visibility = reader.is_after(&[Token::Sign('('), Token::Word("in")]);
        if is_start && !goes_on && !is_visibility && reader.has_colons(reader.at + 1) {
            reader.path(&mut Vec::new());
        } else {
            reader.at += 1;
        }
    }
    let absolute = |(line, path): (usize, Vec<&str>)| Some((line, from_root(&path, module)?));
    reader.found.into_iter().filter_map(absolute).collect()
}

/// Returns a path from the crate's root: `super::x` in the module `a::b` is `a::x`.
///
/// Returns `None` if the path leads out of the crate.
fn from_root(path: &[&str], module: &[String]) -> Option<Vec<String>> {
    let ups = path.iter().filter(|name| **name == "super").count();
    let kept = match path.first() {
        Some(&"crate") => 0,
        _ => module.len().checked_sub(ups)?,
    };
    let below = path.iter().filter(|name| !matches!(**name, "crate" | "super" | "self"));
    let own = module.get(..kept)?.iter().cloned();
    Some(own.chain(below.map(|name| (*name).to_owned())).collect())
}

struct Reader<'t, 'a> {
    tokens: &'t [(usize, Token<'a>)],
    at: usize,
    found: Vec<(usize, Vec<&'a str>)>,
}

impl<'a> Reader<'_, 'a> {
    fn token(&self, at: usize) -> Option<Token<'a>> {
        self.tokens.get(at).map(|(_, token)| *token)
    }

    fn has_colons(&self, at: usize) -> bool {
        [at, at + 1].into_iter().all(|at| self.token(at) == Some(Token::Sign(':')))
    }

    /// Returns whether these tokens stand directly before the current one.
    fn is_after(&self, before: &[Token<'_>]) -> bool {
        let start = self.at.checked_sub(before.len());
        let stands = start.and_then(|start| self.tokens.get(start..self.at));
        stands.is_some_and(|stands| stands.iter().map(|(_, token)| token).eq(before))
    }

    /// Reads a path. If the path ends in a list, reads each path of the list.
    fn path(&mut self, above: &mut Vec<&'a str>) {
        let line = self.tokens.get(self.at).map_or(0, |(line, _)| *line);
        let above_len = above.len();
        while let Some(Token::Word(name)) = self.token(self.at) {
            above.push(name);
            self.at += 1;
            if !self.has_colons(self.at) {
                break;
            }
            self.at += 2;
        }
        if self.token(self.at) == Some(Token::Sign('{')) && self.ends_in_colons() {
            self.list(above);
        } else {
            self.found.push((line, above.clone()));
        }
        above.truncate(above_len);
    }

    fn ends_in_colons(&self) -> bool {
        self.at.checked_sub(2).is_some_and(|at| self.has_colons(at))
    }

    /// Reads a list such as `{a, b::{c, d}, e as f}`.
    fn list(&mut self, above: &mut Vec<&'a str>) {
        self.at += 1;
        while let Some(token) = self.token(self.at) {
            match token {
                Token::Sign('}') => {
                    self.at += 1;
                    return;
                }
                Token::Word("as") => self.at += 2,
                Token::Word(_) => self.path(above),
                Token::Sign(_) => self.at += 1,
            }
        }
    }
}

/// Removes each item that is compiled for tests alone.
fn without_tests(tokens: Vec<(usize, Token<'_>)>) -> Vec<(usize, Token<'_>)> {
    const MARK: [Token<'_>; 7] = [
        Token::Sign('#'),
        Token::Sign('['),
        Token::Word("cfg"),
        Token::Sign('('),
        Token::Word("test"),
        Token::Sign(')'),
        Token::Sign(']'),
    ];
    let mut kept = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if rest.len() >= MARK.len() && rest.iter().zip(MARK).all(|((_, token), mark)| *token == mark) {
            rest = rest.get(MARK.len()..).map(after_item).unwrap_or_default();
        } else {
            kept.push(*first);
            rest = after;
        }
    }
    kept
}

/// Returns the tokens after an item. The item ends at a `;`, at the `}` of its body, or at a `,` if it is a
/// field.
fn after_item<'t, 'a>(tokens: &'t [(usize, Token<'a>)]) -> &'t [(usize, Token<'a>)] {
    let mut depth = 0_usize;
    for (at, (_, token)) in tokens.iter().enumerate() {
        match token {
            Token::Sign('{' | '(' | '[') => depth += 1,
            Token::Sign(')' | ']') => depth = depth.saturating_sub(1),
            Token::Sign('}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return tokens.get(at + 1..).unwrap_or_default();
                }
            }
            Token::Sign(';' | ',') if depth == 0 => return tokens.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    &[]
}

/// Splits a file into tokens, each with its line.
fn tokens(text: &str) -> Vec<(usize, Token<'_>)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).or_else(|| word(rest)).unwrap_or(first.len_utf8());
        let (token, after) = rest.split_at(length);
        if is_word(first) && length == word(rest).unwrap_or_default() {
            tokens.push((line, Token::Word(token)));
        } else if length == first.len_utf8() && !first.is_whitespace() {
            tokens.push((line, Token::Sign(first)));
        }
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Returns the length of the word at the start of a text.
fn word(text: &str) -> Option<usize> {
    let length = text.find(|character| !is_word(character)).unwrap_or(text.len());
    (length > 0).then_some(length)
}

/// Returns the length of the comment, string or character at the start of a text.
fn skipped(text: &str) -> Option<usize> {
    let up_to = |end: &str, from: usize| {
        let found = text.get(from..).and_then(|rest| rest.find(end));
        Some(found.map_or(text.len(), |at| from + at + end.len()))
    };
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return up_to("*/", 2);
    }
    let prefix =
        ["br", "r", "b", "c"].into_iter().find(|prefix| text.starts_with(prefix)).unwrap_or_default();
    let body = text.get(prefix.len()..).unwrap_or_default();
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        if body.get(hashes..).is_some_and(|body| body.starts_with('"')) {
            return up_to(&format!("\"{}", "#".repeat(hashes)), prefix.len() + hashes + 1);
        }
    }
    if body.starts_with('"') {
        return Some(prefix.len() + quoted(body, '"'));
    }
    if body.starts_with('\'') && is_character(body) {
        return Some(prefix.len() + quoted(body, '\''));
    }
    None
}

/// Returns whether the text starts with a character literal; otherwise the quote starts a lifetime.
fn is_character(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    match characters.next() {
        Some('\\') => true,
        Some(_) => characters.next() == Some('\''),
        None => false,
    }
}

/// Returns the length of the quoted text at the start of a text, in which `\` escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            _ if character == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the paths that the file of the module `a::b` names, each with its line.
    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str)]) {
        let module = ["a", "b"].map(str::to_owned);
        let found = imports(text, &module);
        let found: Vec<_> = found.iter().map(|(line, path)| (*line, path.join("::"))).collect();
        let found: Vec<_> = found.iter().map(|(line, path)| (*line, path.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    /// Scenario: a file imports names in each way that the tree uses.
    /// Guarantees: each name is found, from the crate's root and with its line.
    #[test]
    fn every_way_of_importing_is_read() {
        check("use crate::config::Node;", &[(1, "config::Node")]);
        check(
            "use crate::{\n    c::{self, D},\n    e::F as G,\n    h::*,\n};",
            &[(2, "c"), (2, "c::D"), (3, "e::F"), (4, "h")],
        );
        check("pub(crate) use super::{c::D, super::e};", &[(1, "a::c::D"), (1, "e")]);
        check("use super::super::c::D;", &[(1, "c::D")]);
        check("pub use self::c::D;", &[(1, "a::b::c::D")]);
    }

    /// Scenario: paths stand in code, in visibilities, in strings and in comments.
    /// Guarantees: paths in code are found; words that only look like a path are not.
    #[test]
    fn paths_in_code_are_read() {
        check("fn f() -> crate::c::D {\n    super::e(|x| x)\n}", &[(1, "c::D"), (2, "a::e")]);
        check("pub(in crate::a) fn f(self: &Self) { self.x }", &[]);
        check("for x in crate::c::all() {}", &[(1, "c::all")]);
        check("pub(super) struct S<'a>(&'a str);\nuse std::{fmt, io};", &[]);
        check("fn f() { x::crate_name(\"crate::c\", 'c', b'\\'', r#\"crate::c\"#) } // crate::c", &[]);
        check("/// [`crate::c`]\n/* crate::c */ fn f() {}", &[]);
    }

    /// Scenario: a module of tests, and an import for tests, are followed by other imports.
    /// Guarantees: only the imports that follow are found.
    #[test]
    fn what_is_for_tests_alone_is_left_out() {
        let test = "#[cfg(test)]\nmod tests {\n    use crate::c::D;\n    fn f() { g(); }\n}\n";
        check(&format!("{test}use crate::e::F;"), &[(6, "e::F")]);
        check("#[cfg(test)]\nmod tests;\nuse crate::c::D;", &[(3, "c::D")]);
        check("#[cfg(test)]\nuse crate::{c, d};\nuse crate::e;", &[(3, "e")]);
    }
}
