//! The labels of series: converts attributes to the text between braces. The text is made once and identifies
//! the series.

mod name;
mod text;
mod value;

pub(crate) use name::{is_plain_label, label_name, legacy_label_name};
pub(crate) use text::{escape_into, pairs, push_pair, unescaped};
pub(crate) use value::value_text;

use std::borrow::Cow;

use spanloom_plugin::wire::Value;

/// The longest text of a series' labels, in bytes. Longer labels are refused.
const LIMIT_BYTES: usize = 16 * 1024;

/// The labels that no attribute may replace, sorted by name: constant labels, `job`, `instance`, and those of
/// the scope.
#[derive(Default)]
pub(crate) struct Reserved(Vec<(String, String)>);

/// Makes the texts of series, one after another, and reuses its buffers.
#[derive(Default)]
pub(crate) struct Writer {
    text: String,
}

/// An attribute with the name that it is shown with.
struct Label<'a> {
    name: Cow<'a, str>,
    /// The original key. Orders the values of attributes whose names have become one.
    key: &'a str,
    value: Cow<'a, str>,
}

impl Reserved {
    /// Adds a label. An existing name keeps its value, and a label without a value is left out.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if let Err(place) = self.0.binary_search_by(|(other, _)| other.as_str().cmp(name)) {
            self.0.insert(place, (name.to_owned(), value.to_owned()));
        }
    }

    /// Does the same as [`add`](Reserved::add), but adds the label under another name if the name exists.
    pub(crate) fn add_beside(&mut self, name: &str, value: &str) {
        self.add(&free_name(name.into(), self, ""), value);
    }

    fn has(&self, name: &str) -> bool {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(name)).is_ok()
    }
}

impl Writer {
    /// Returns the labels sorted by name, like `a="1",b="2"`, or `None` if they are too long.
    ///
    /// An attribute with a reserved name, or with the name `structural` (`le`, `quantile`), becomes
    /// `exported_…`, as Prometheus does with labels of targets. The values of attributes whose names become
    /// one are joined by `;`. Of several attributes with one key the first counts.
    pub(crate) fn write<'a>(
        &mut self,
        reserved: &Reserved,
        structural: &str,
        attributes: impl Iterator<Item = (&'a str, Value<'a>)>,
        utf8: bool,
    ) -> Option<&str> {
        let mut labels: Vec<Label<'a>> = attributes
            .map(|(key, value)| Label {
                name: free_name(label_name(key, utf8), reserved, structural),
                key,
                value: value_text(value),
            })
            .filter(|label| !label.value.is_empty())
            .collect();
        labels.sort_by(|a, b| (&a.name, a.key).cmp(&(&b.name, b.key)));
        labels.dedup_by(|b, a| a.key == b.key);
        self.text.clear();
        self.merge(reserved, &labels);
        (self.text.len() <= LIMIT_BYTES).then_some(self.text.as_str())
    }

    /// Merges two sorted lists that have no name in common.
    fn merge(&mut self, reserved: &Reserved, labels: &[Label<'_>]) {
        let mut reserved = reserved.0.iter().peekable();
        for same in labels.chunk_by(|a, b| a.name == b.name) {
            let Some(first) = same.first() else { continue };
            while let Some((name, value)) = reserved.next_if(|(name, _)| name.as_str() < first.name.as_ref())
            {
                push_pair(&mut self.text, name, [value.as_str()]);
            }
            push_pair(&mut self.text, &first.name, same.iter().map(|label| label.value.as_ref()));
        }
        for (name, value) in reserved {
            push_pair(&mut self.text, name, [value.as_str()]);
        }
    }
}

fn free_name<'a>(mut name: Cow<'a, str>, reserved: &Reserved, structural: &str) -> Cow<'a, str> {
    while name == "__name__" || name == structural || reserved.has(&name) {
        name = Cow::Owned(format!("exported_{name}"));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reserved: &[(&str, &str)], attributes: &[(&str, &str)], utf8: bool) -> String {
        let mut kept = Reserved::default();
        for (name, value) in reserved {
            kept.add(name, value);
        }
        let attributes = attributes.iter().map(|(key, value)| (*key, Value::Str(value)));
        Writer::default().write(&kept, "le", attributes, utf8).map(String::from).unwrap_or_default()
    }

    #[test]
    fn labels_are_sorted_and_escaped() {
        let text = written(&[("job", "shop")], &[("z", "1"), ("a.b", "x\"y\\\n")], false);
        assert_eq!(text, r#"a_b="x\"y\\\n",job="shop",z="1""#);
    }

    #[test]
    fn attributes_whose_names_become_one_are_joined_in_the_order_of_their_keys() {
        assert_eq!(written(&[], &[("a_b", "3"), ("a.b", "2"), ("a-b", "1")], false), r#"a_b="1;2;3""#);
        assert_eq!(written(&[], &[("a.b", "2"), ("a_b", "3")], true), r#""a.b"="2",a_b="3""#);
        assert_eq!(written(&[], &[("a", "first"), ("a", "second")], false), r#"a="first""#);
    }

    #[test]
    fn reserved_names_stay_who_they_are() {
        let text = written(&[("job", "shop"), ("exported_le", "y")], &[("job", "x"), ("le", "5")], false);
        assert_eq!(text, r#"exported_exported_le="5",exported_job="x",exported_le="y",job="shop""#);
        assert_eq!(written(&[], &[("__name__", "x")], true), r#"exported___name__="x""#);
    }

    #[test]
    fn a_label_without_a_value_is_none() {
        assert_eq!(written(&[("job", "")], &[("a", "")], false), "");
    }

    #[test]
    fn labels_of_a_book_are_refused() {
        let book = "x".repeat(LIMIT_BYTES);
        let attributes = [("a", Value::Str(&book))].into_iter();
        assert_eq!(Writer::default().write(&Reserved::default(), "", attributes, false), None);
    }
}
