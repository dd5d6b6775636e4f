//! Exemplars: measurements with the trace that they come from.

use spanloom_plugin::{hex, wire::metrics};

use crate::labels::{legacy_label_name, push_pair, value_text};

/// The most exemplars of a series.
const LIMIT: usize = 32;

/// The most characters in all names and values of an exemplar's labels, as OpenMetrics limits them.
const LABELS_LIMIT_CHARS: usize = 128;

/// The exemplars of one series, sorted by value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exemplars(pub(crate) Vec<Exemplar>);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exemplar {
    /// The labels as text, like `trace_id="…",span_id="…"`.
    pub(crate) labels: Box<str>,
    pub(crate) value: f64,
    pub(crate) time_unix_nano: u64,
}

impl Exemplars {
    /// Returns the exemplars, or `None` if there are none.
    pub(crate) fn of(exemplars: &metrics::Exemplars<'_>) -> Option<Box<Exemplars>> {
        let beyond = exemplars.iter().count().saturating_sub(LIMIT);
        let mut kept: Vec<Exemplar> = exemplars.iter().skip(beyond).filter_map(Exemplar::of).collect();
        // Of equal exemplars, a bucket shows the first that was sent.
        kept.reverse();
        kept.sort_by(|a, b| a.value.total_cmp(&b.value));
        (!kept.is_empty()).then(|| Box::new(Exemplars(kept)))
    }

    /// Returns the latest exemplar, for a counter.
    pub(crate) fn latest(&self) -> Option<&Exemplar> {
        self.0.iter().max_by_key(|exemplar| exemplar.time_unix_nano)
    }

    /// Returns the largest exemplar in a bucket. `above` is the upper bound of the bucket before, and `up_to`
    /// is the bucket's own.
    pub(crate) fn largest(&self, above: f64, up_to: f64) -> Option<&Exemplar> {
        self.0.iter().rev().find(|exemplar| exemplar.value <= up_to).filter(|exemplar| exemplar.value > above)
    }
}

impl Exemplar {
    fn of(exemplar: metrics::Exemplar<'_>) -> Option<Exemplar> {
        let value = exemplar.value?.as_f64();
        Some(Exemplar { labels: labels(&exemplar), value, time_unix_nano: exemplar.time_unix_nano })
            .filter(|exemplar| !exemplar.value.is_nan())
    }
}

/// Returns the ids, and as many attributes as fit.
fn labels(exemplar: &metrics::Exemplar<'_>) -> Box<str> {
    let (mut text, mut chars) = (String::new(), 0);
    let mut names: Vec<String> = vec!["trace_id".into(), "span_id".into()];
    for (name, id, length) in [("trace_id", exemplar.trace_id, 16), ("span_id", exemplar.span_id, 8)] {
        if id.len() == length && id.iter().any(|byte| *byte != 0) {
            let hex = hex::string(id);
            chars += name.len() + hex.len();
            push_pair(&mut text, name, [hex.as_str()]);
        }
    }
    for (key, value) in exemplar.filtered_attributes.iter() {
        let (name, value) = (legacy_label_name(key), value_text(value));
        let more = name.len() + value.chars().count();
        if !value.is_empty()
            && chars + more <= LABELS_LIMIT_CHARS
            && !names.iter().any(|other| *other == name)
        {
            chars += more;
            push_pair(&mut text, &name, [value.as_ref()]);
            names.push(name.into_owned());
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use spanloom_otlp::{KeyValue, exemplar};

    use super::*;
    use crate::encoded;

    fn exemplar(value: f64, attributes: &[(&str, &str)]) -> spanloom_otlp::Exemplar {
        spanloom_otlp::Exemplar {
            filtered_attributes: attributes.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect(),
            time_unix_nano: 7,
            value: Some(exemplar::Value::AsDouble(value)),
            span_id: vec![0xab; 8],
            trace_id: vec![1; 16],
        }
    }

    #[test]
    fn attributes_come_along_as_far_as_there_is_room() {
        let long = "x".repeat(60);
        let attributes = [("user.id", "7"), ("long", &long), ("span_id", "x")];
        let exemplars = Exemplars::of(&encoded::exemplars(vec![exemplar(1.0, &attributes)]));
        let text = &exemplars.unwrap().0[0].labels;
        let ids = r#"trace_id="01010101010101010101010101010101",span_id="abababababababab""#;
        assert_eq!(**text, format!(r#"{ids},user_id="7""#));
    }

    #[test]
    fn a_bucket_shows_the_largest_in_it() {
        let exemplars = [0.5, 1.0, 0.7, 3.0, f64::NAN].map(|value| exemplar(value, &[]));
        let exemplars = Exemplars::of(&encoded::exemplars(exemplars.into())).unwrap();
        let largest = |above, up_to| exemplars.largest(above, up_to).map(|exemplar| exemplar.value);
        assert_eq!(largest(f64::NEG_INFINITY, 0.6), Some(0.5));
        assert_eq!(largest(0.6, 1.0), Some(1.0));
        assert_eq!(largest(1.0, 2.0), None);
        assert_eq!(largest(2.0, f64::INFINITY), Some(3.0));
    }
}
