//! The metrics that a scrape asks for by its query: `?name[]=up&name[]=target_info`.

use std::collections::BTreeSet;

/// The names that a scrape asks for, as they are without escaping. `None`: it asks for all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter(Option<BTreeSet<String>>);

impl Filter {
    /// Reads the query of a request. A parameter that cannot be decoded is ignored.
    pub(crate) fn of(query: &str) -> Filter {
        let parameters = query.split('&').filter(|parameter| !parameter.contains(';'));
        let names = parameters.filter_map(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (decoded(key)? == "name[]").then(|| decoded(value))?
        });
        let names: BTreeSet<String> = names.collect();
        Filter((!names.is_empty()).then_some(names))
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn takes(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(name))
    }
}

/// Decodes `%` with two digits, and `+` for a space.
fn decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str) -> Vec<String> {
        Filter::of(query).0.into_iter().flatten().collect()
    }

    #[test]
    fn a_query_may_have_several_names_in_any_encoding() {
        assert_eq!(names("name[]=up&name%5B%5D=gr%C3%B6%c3%9fe+x&other=y"), ["größe x", "up"]);
        assert_eq!(names("name[]="), [""]);
        assert_eq!(names("name[]"), [""]);
    }

    #[test]
    fn without_a_name_all_are_asked_for() {
        for query in ["", "name=up", "name[]=%2", "name[]=%zz", "name[]=%ff", "a;name[]=up"] {
            assert!(Filter::of(query).is_none() && Filter::of(query).takes("x"), "{query}");
        }
        assert!(Filter::of("name[]=up").takes("up") && !Filter::of("name[]=up").takes("x"));
    }
}
