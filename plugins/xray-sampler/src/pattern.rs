//! The wildcards of X-Ray's rules: `*` is any text, `?` any character. Letters of ASCII match in both cases.

/// A longer text is matched by its beginning.
pub(crate) const MAX_MATCHED_BYTES: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Box<str>);

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Pattern {
        Pattern(pattern.into())
    }

    /// Returns whether every text matches, and a missing one too.
    pub(crate) fn takes_all(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| byte == b'*')
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let text = text.get(..text.floor_char_boundary(MAX_MATCHED_BYTES)).unwrap_or_default();
        let (mut pattern, mut rest) = (self.0.chars(), text.chars());
        // The pattern behind the last star, and the text with which it was tried last.
        let mut retry = None;
        loop {
            match pattern.next() {
                Some('*') => {
                    retry = Some((pattern.clone(), rest.clone()));
                    continue;
                }
                Some(wanted) => match rest.next() {
                    Some(found) if wanted == '?' || wanted.eq_ignore_ascii_case(&found) => continue,
                    Some(_) => {}
                    None => return false,
                },
                None if rest.as_str().is_empty() => return true,
                None => {}
            }
            // The star takes one character more.
            let Some((behind, from)) = &mut retry else { return false };
            if from.next().is_none() {
                return false;
            }
            (pattern, rest) = (behind.clone(), from.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_texts_and_characters() {
        for (pattern, matching, others) in [
            ("*", &["", "a", "/a/b"][..], &[][..]),
            ("/api/*", &["/api/", "/api/a/b", "/API/x"], &["/api", "/ap/i", "x/api/"]),
            ("*.example.com", &["www.example.com", "a.b.EXAMPLE.com"], &["example.com", "www.example.com."]),
            ("/?/x", &["/a/x", "/é/x"], &["//x", "/ab/x"]),
            ("*ab*ac", &["abac", "xababyac", "abacac"], &["abab", "acab", "aba"]),
            ("GET", &["GET", "get"], &["GETS", "GE", ""]),
            ("a**?", &["ab", "abc"], &["a"]),
            ("", &[""], &["a"]),
        ] {
            let compiled = Pattern::new(pattern);
            assert!(matching.iter().all(|text| compiled.matches(text)), "{pattern}");
            assert!(!others.iter().any(|text| compiled.matches(text)), "{pattern}");
        }
    }

    #[test]
    fn only_stars_take_a_missing_text() {
        assert_eq!(
            ["*", "***", "", "?*", "a"].map(|text| Pattern::new(text).takes_all()),
            [true, true, false, false, false]
        );
    }

    /// Guarantees: a text from outside makes no match long.
    #[test]
    fn a_long_text_is_cut() {
        let long = format!("{}b", "a".repeat(10_000_000));
        assert!(!Pattern::new("*a*a*a*a*ab").matches(&long));
        assert!(Pattern::new("a*").matches(&long));
    }
}
