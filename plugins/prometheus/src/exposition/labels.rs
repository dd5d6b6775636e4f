//! Escapes the names of labels for scrapers that do not read UTF-8 names.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{Escaping, view::first_free};
use crate::labels::{escape_into, is_plain_label, pairs, unescaped};

/// The names of the labels of one metric. Different names stay different, so that no two series become one.
pub(super) struct LabelNames {
    /// The escaped names by the original ones. `None`: names stay as they are.
    escaped: Option<BTreeMap<String, String>>,
}

impl LabelNames {
    /// Makes the names. `texts` are the labels of all series, and `structural` is the label that the format
    /// adds.
    pub(super) fn new<'t>(
        escaping: Option<Escaping>,
        texts: impl Iterator<Item = &'t str>,
        structural: &str,
    ) -> LabelNames {
        let Some(escaping) = escaping else { return LabelNames { escaped: None } };
        let mut escaped: BTreeMap<String, String> = BTreeMap::new();
        for pair in texts.flat_map(pairs) {
            let name = raw(pair.name, pair.quoted);
            if !escaped.contains_key(&*name) {
                escaped.insert(name.into_owned(), String::new());
            }
        }
        let mut names: Vec<String> = escaped.keys().cloned().collect();
        // Names that stay as they are go first, so that no other name takes their place.
        names.sort_by_key(|name| !is_plain_label(name));
        let mut taken = BTreeSet::from(["__name__".to_owned(), structural.to_owned()]);
        for name in names {
            let candidates = [escaping, Escaping::Values].map(|escaping| escaping.label(&name));
            let free = first_free(candidates, |name| !taken.contains(name));
            taken.insert(free.clone());
            escaped.insert(name, free);
        }
        LabelNames { escaped: Some(escaped) }
    }

    /// Returns the text of a series' labels as it is shown. A text that has to be made is in `buffer`.
    pub(super) fn shown<'t>(&self, text: &'t str, buffer: &'t mut String) -> &'t str {
        let Some(escaped) = &self.escaped else { return text };
        buffer.clear();
        for pair in pairs(text) {
            let name = raw(pair.name, pair.quoted);
            let name = escaped.get(&*name).map_or(&*name, String::as_str);
            if !buffer.is_empty() {
                buffer.push(',');
            }
            escape_into(buffer, name);
            buffer.push_str("=\"");
            buffer.push_str(pair.value);
            buffer.push('"');
        }
        buffer
    }
}

fn raw(name: &str, quoted: bool) -> Cow<'_, str> {
    if quoted { unescaped(name) } else { Cow::Borrowed(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(texts: &[&str], escaping: Escaping) -> Vec<String> {
        let names = LabelNames::new(Some(escaping), texts.iter().copied(), "le");
        texts.iter().map(|text| names.shown(text, &mut String::new()).to_owned()).collect()
    }

    #[test]
    fn labels_of_one_metric_stay_apart_also_between_series() {
        let texts = [r#""a.b"="1""#, r#"a_b="1""#, r#"U__a_2e_b="1""#];
        assert_eq!(
            shown(&texts, Escaping::Underscores),
            [r#"U__a_2e_b_="1""#, r#"a_b="1""#, r#"U__a_2e_b="1""#]
        );
        assert_eq!(shown(&texts[..2], Escaping::Dots), [r#"a_dot_b="1""#, r#"a__b="1""#]);
    }

    #[test]
    fn no_label_becomes_one_that_means_something_else() {
        let texts = [r#"".le"="1","..name.."="2""#, r#""l.e"="3""#];
        assert_eq!(
            shown(&texts, Escaping::Underscores),
            [r#"_le="1",U___2e__2e_name_2e__2e_="2""#, r#"l_e="3""#]
        );
    }
}
