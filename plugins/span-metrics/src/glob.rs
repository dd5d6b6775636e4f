//! Patterns for the keys of attributes, whose words are separated by dots: `*` is any text without a dot, `**`
//! any text, `?` any character but a dot, `[abc]`, `[a-z]` and `[!a-z]` one of some characters, `{a,b}` one of
//! some patterns, and `\` takes the next character as it is.

use std::iter::Peekable;
use std::str::Chars;

/// The deepest nesting of braces.
const LIMIT_DEPTH: usize = 16;
/// The most states of a pattern.
const LIMIT_STATES: usize = 1024;

/// A pattern as an automaton. It reads each character of a key once, so no key takes long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glob {
    /// The first state is where a key begins, and the last is where it ends.
    states: Vec<State>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    /// The states that are entered without a character.
    skips: Vec<usize>,
    /// The characters that lead to other states.
    steps: Vec<(Test, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Char(char),
    /// Any character but a dot.
    InWord,
    Any,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Reads a pattern. The error says what is wrong with it.
    pub(crate) fn new(pattern: &str) -> Result<Glob, &'static str> {
        let mut glob = Glob { states: vec![State::default()] };
        let mut rest = pattern.chars().peekable();
        glob.sequence(&mut rest, 0, 0)?;
        Ok(glob)
    }

    pub(crate) fn matches(&self, key: &str) -> bool {
        let mut now = vec![false; self.states.len()];
        let mut next = now.clone();
        let mut open = vec![0];
        self.enter(&mut open, &mut now);
        for char in key.chars() {
            for (state, _) in self.states.iter().zip(&now).filter(|(_, is_in)| **is_in) {
                let steps = state.steps.iter().filter(|(test, _)| test.takes(char));
                open.extend(steps.map(|(_, to)| *to));
            }
            self.enter(&mut open, &mut next);
            std::mem::swap(&mut now, &mut next);
            next.fill(false);
        }
        now.last().copied().unwrap_or_default()
    }

    /// Enters the open states, and those that follow without a character.
    fn enter(&self, open: &mut Vec<usize>, into: &mut [bool]) {
        while let Some(at) = open.pop() {
            let Some(is_in) = into.get_mut(at).filter(|is_in| !**is_in) else { continue };
            *is_in = true;
            open.extend(self.states.get(at).into_iter().flat_map(|state| &state.skips));
        }
    }

    /// Reads a sequence from the state `from` on, and returns the state where it ends, which is the newest.
    fn sequence(
        &mut self,
        rest: &mut Peekable<Chars<'_>>,
        from: usize,
        depth: usize,
    ) -> Result<usize, &'static str> {
        let mut at = from;
        while let Some(char) = rest.next_if(|char| depth == 0 || !matches!(*char, ',' | '}')) {
            at = match char {
                '*' => {
                    let test = if rest.next_if_eq(&'*').is_some() { Test::Any } else { Test::InWord };
                    let many = self.add(at, None)?;
                    self.step(many, test, many);
                    self.add(many, None)?
                }
                '?' => self.add(at, Some(Test::InWord))?,
                '[' => {
                    let class = class(rest)?;
                    self.add(at, Some(class))?
                }
                '{' => self.alternatives(rest, at, depth + 1)?,
                '\\' => {
                    let char = rest.next().ok_or("it ends with a backslash")?;
                    self.add(at, Some(Test::Char(char)))?
                }
                char => self.add(at, Some(Test::Char(char)))?,
            };
        }
        Ok(at)
    }

    fn alternatives(
        &mut self,
        rest: &mut Peekable<Chars<'_>>,
        from: usize,
        depth: usize,
    ) -> Result<usize, &'static str> {
        if depth > LIMIT_DEPTH {
            return Err("its braces are nested too deeply");
        }
        let mut ends = Vec::new();
        loop {
            let begin = self.add(from, None)?;
            ends.push(self.sequence(rest, begin, depth)?);
            match rest.next() {
                Some(',') => {}
                Some(_) => break,
                None => return Err("a brace is not closed"),
            }
        }
        let Some(last) = ends.pop() else { return Err("a brace is empty") };
        let end = self.add(last, None)?;
        for from in ends {
            self.states.get_mut(from).into_iter().for_each(|state| state.skips.push(end));
        }
        Ok(end)
    }

    /// Adds a state that `from` leads to, by a character or without one.
    fn add(&mut self, from: usize, by: Option<Test>) -> Result<usize, &'static str> {
        let to = self.states.len();
        if to >= LIMIT_STATES {
            return Err("it is too long");
        }
        self.states.push(State::default());
        match by {
            Some(test) => self.step(from, test, to),
            None => self.states.get_mut(from).into_iter().for_each(|state| state.skips.push(to)),
        }
        Ok(to)
    }

    fn step(&mut self, from: usize, test: Test, to: usize) {
        if let Some(state) = self.states.get_mut(from) {
            state.steps.push((test, to));
        }
    }
}

/// Reads a class behind its opening bracket.
fn class(rest: &mut Peekable<Chars<'_>>) -> Result<Test, &'static str> {
    let negated = rest.next_if_eq(&'!').is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next().ok_or("a bracket is not closed")? {
            ']' if ranges.is_empty() => return Err("a bracket is empty"),
            ']' => return Ok(Test::Class { negated, ranges }),
            '\\' => rest.next().ok_or("a bracket is not closed")?,
            char => char,
        };
        let high = match rest.next_if_eq(&'-') {
            Some(_) => rest.next().filter(|high| *high != ']').ok_or("a range has no end")?,
            None => low,
        };
        if low > high {
            return Err("a range ends before it begins");
        }
        ranges.push((low, high));
    }
}

impl Test {
    fn takes(&self, char: char) -> bool {
        match self {
            Test::Char(own) => *own == char,
            Test::InWord => char != '.',
            Test::Any => true,
            Test::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)) != *negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_words_between_dots() {
        let cases: [(&str, &[&str], &[&str]); 11] = [
            ("k8s.*.name", &["k8s.cluster.name", "k8s..name"], &["k8s.a.b.name", "k8s.name", "k8s.a.names"]),
            ("db.**.name", &["db.a.name", "db.a.b.name", "db..name"], &["db.name", "xdb.a.name"]),
            ("**", &["", "a", "a.b"], &[]),
            ("*", &["", "a"], &["a.b"]),
            ("a?c", &["abc", "aéc"], &["a.c", "ac", "abbc"]),
            ("[ab].[!x-z][0-9_]", &["a.b1", "b.._"], &["c.b1", "a.x1", "a.b"]),
            (
                "http.{method,route,re*.{a,b}}",
                &["http.method", "http.route", "http.req.b"],
                &["http.", "http.req.c"],
            ),
            ("a{,b}c", &["ac", "abc"], &["abbc"]),
            (r"a\*\{b", &["a*{b"], &["ax{b"]),
            ("a,b}", &["a,b}"], &["a"]),
            ("", &[""], &["a"]),
        ];
        for (pattern, matching, others) in cases {
            let glob = Glob::new(pattern).expect(pattern);
            for key in matching {
                assert!(glob.matches(key), "{pattern} and {key}");
            }
            for key in others {
                assert!(!glob.matches(key), "{pattern} and {key}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (pattern, why) in [
            ("a[", "a bracket is not closed"),
            ("a[]", "a bracket is empty"),
            ("a[z-a]", "a range ends before it begins"),
            ("a[a-]", "a range has no end"),
            ("a{b,c", "a brace is not closed"),
            ("a\\", "it ends with a backslash"),
        ] {
            assert_eq!(Glob::new(pattern), Err(why), "{pattern}");
        }
        assert_eq!(Glob::new(&"{".repeat(17)), Err("its braces are nested too deeply"));
        assert_eq!(Glob::new(&"a".repeat(2000)), Err("it is too long"));
    }

    #[test]
    fn a_long_key_takes_no_longer_than_its_length() {
        let glob = Glob::new("**a**a**a**a**a**a**a**a**b").expect("a pattern");
        assert!(!glob.matches(&"a".repeat(10_000)));
    }
}
