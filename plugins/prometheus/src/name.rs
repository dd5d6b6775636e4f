//! Makes the names of metrics:
//! <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.

mod memo;

pub(crate) use memo::MetricNames;

use crate::{config::NameSettings, series::Kind, unit::UnitName};

/// The name and unit that a metric is shown with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricName {
    pub(crate) name: String,
    /// The unit at the end of the name (before `_total`), or empty.
    pub(crate) unit: String,
}

/// The longest name, in bytes. Longer names are refused.
const LIMIT_BYTES: usize = 1024;

/// Returns the name, or `None` if no valid character is left or the name is too long.
pub(crate) fn metric_name(settings: &NameSettings, name: &str, unit: &str, kind: Kind) -> Option<MetricName> {
    let ratio = kind == Kind::Gauge && unit.trim() == "1";
    let named = match (settings.utf8, settings.suffixes) {
        (false, true) => compliant(settings, name, &UnitName::of(unit).compliant(), ratio, kind),
        (false, false) => compliant(settings, name, &UnitName::default(), false, Kind::Unknown),
        (true, true) => as_is(settings, name, &UnitName::of(unit), ratio, kind),
        (true, false) => as_is(settings, name, &UnitName::default(), false, Kind::Unknown),
    };
    let says_something = settings.utf8 || named.name.bytes().any(|byte| byte != b'_');
    (says_something && !name.is_empty() && named.name.len() <= LIMIT_BYTES).then_some(named)
}

/// Returns whether the name is allowed in every version of the formats: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(is_plain_char)
}

pub(crate) fn is_plain_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Returns the namespace as the beginning of a name, like `ns_`, or an empty text.
pub(crate) fn prefix(settings: &NameSettings) -> String {
    let namespace = &settings.namespace;
    let mut prefix =
        if settings.utf8 { namespace.clone() } else { tokens(namespace).collect::<Vec<_>>().join("_") };
    if !prefix.is_empty() {
        prefix.push('_');
    }
    if !settings.utf8 && prefix.starts_with(|first: char| first.is_ascii_digit()) {
        prefix.insert(0, '_');
    }
    prefix
}

/// Splits a name at characters that are not allowed and at `_`, so that several in a row count as one.
fn tokens(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| c == '_' || !is_plain_char(c)).filter(|token| !token.is_empty())
}

fn compliant(settings: &NameSettings, name: &str, unit: &UnitName, ratio: bool, kind: Kind) -> MetricName {
    let mut words: Vec<&str> = tokens(name).collect();
    let mut said: Vec<&str> = Vec::new();
    for word in [unit.main.as_str(), unit.per.as_str()] {
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
            said.push(word);
        }
    }
    let mut last = |word| {
        words.retain(|other| *other != word);
        words.push(word);
    };
    if kind == Kind::Counter {
        last("total");
    }
    if ratio {
        last("ratio");
    }
    let mut name = prefix(settings);
    name.push_str(&words.join("_"));
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    let unit = if ratio { "ratio".to_owned() } else { unit.joined() };
    let before_total = name.strip_suffix("_total").filter(|_| kind == Kind::Counter).unwrap_or(&name);
    let ends =
        !unit.is_empty() && before_total.strip_suffix(&unit).is_some_and(|before| before.ends_with('_'));
    MetricName { unit: if ends { unit } else { String::new() }, name }
}

/// Adds suffixes to a name and changes nothing else.
fn as_is(settings: &NameSettings, name: &str, unit: &UnitName, ratio: bool, kind: Kind) -> MetricName {
    let mut whole = prefix(settings) + name;
    let suffix = match kind {
        Kind::Counter => "total",
        _ if ratio => "ratio",
        _ => "",
    };
    strip_word(&mut whole, suffix);
    strip_word(&mut whole, &unit.per);
    if !whole.ends_with(&unit.main) {
        push_word(&mut whole, &unit.main);
    }
    push_word(&mut whole, &unit.per);
    push_word(&mut whole, suffix);
    MetricName { name: whole, unit: String::new() }
}

fn push_word(name: &mut String, word: &str) {
    if !word.is_empty() {
        name.push('_');
        name.push_str(word);
    }
}

/// Removes a word from the end, together with the character before it.
fn strip_word(name: &mut String, word: &str) {
    if word.is_empty() {
        return;
    }
    let Some(before) = name.strip_suffix(word) else { return };
    let kept = before.char_indices().next_back().map_or(0, |(at, _)| at);
    if kept > 0 {
        name.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(utf8: bool, suffixes: bool, namespace: &str, name: &str, unit: &str, kind: Kind) -> String {
        let settings = NameSettings { namespace: namespace.into(), suffixes, utf8 };
        metric_name(&settings, name, unit, kind).map(|named| named.name).unwrap_or_default()
    }

    #[test]
    fn names_get_unit_and_total_and_lose_what_no_name_has() {
        let cases = [
            ("http.server.duration", "ms", Kind::Histogram, "http_server_duration_milliseconds"),
            ("requests", "1", Kind::Counter, "requests_total"),
            ("requests_total", "", Kind::Counter, "requests_total"),
            ("total_requests", "", Kind::Counter, "requests_total"),
            ("cpu.usage", "1", Kind::Gauge, "cpu_usage_ratio"),
            ("cpu_usage_ratio", "1", Kind::Gauge, "cpu_usage_ratio"),
            ("response_time_seconds", "s", Kind::Gauge, "response_time_seconds"),
            ("io", "By/s", Kind::Gauge, "io_bytes_per_second"),
            ("io", "1/s", Kind::Counter, "io_per_second_total"),
            ("disk.io", "By", Kind::Counter, "disk_io_bytes_total"),
            ("messages", "{message}", Kind::Counter, "messages_total"),
            ("messages", "{message}/s", Kind::Gauge, "messages_per_second"),
            ("memory", "KiBy", Kind::Gauge, "memory_kibibytes"),
            ("temperature", "Cel", Kind::Gauge, "temperature_celsius"),
            ("load", "%", Kind::Gauge, "load_percent"),
            ("clock", "Hz", Kind::Gauge, "clock_hertz"),
            ("a", "unit@with#special/chars", Kind::Gauge, "a_unit_with_special_per_chars"),
            ("a__b  c", "", Kind::Gauge, "a_b_c"),
            ("größe", "", Kind::Gauge, "gr_e"),
            ("2xx", "", Kind::Gauge, "_2xx"),
            ("app:rule", "", Kind::Gauge, "app:rule"),
            ("@#$", "", Kind::Gauge, ""),
            ("", "s", Kind::Gauge, ""),
        ];
        for (name, unit, kind, expected) in cases {
            assert_eq!(named(false, true, "", name, unit, kind), expected, "{name} in {unit}");
        }
    }

    #[test]
    fn the_namespace_comes_first() {
        assert_eq!(named(false, true, "my-app", "2xx", "", Kind::Counter), "my_app_2xx_total");
        assert_eq!(named(false, false, "1st", "a", "s", Kind::Counter), "_1st_a");
        assert_eq!(named(true, true, "mÿ", "a.b", "s", Kind::Counter), "mÿ_a.b_seconds_total");
    }

    #[test]
    fn without_suffixes_only_characters_change() {
        assert_eq!(named(false, false, "", "http.requests", "s", Kind::Counter), "http_requests");
        assert_eq!(named(true, false, "", "http.requests", "s", Kind::Counter), "http.requests");
    }

    #[test]
    fn with_utf8_suffixes_are_not_said_twice() {
        assert_eq!(named(true, true, "", "http.requests", "1/s", Kind::Gauge), "http.requests_per_second");
        assert_eq!(named(true, true, "", "cpu.seconds.total", "s", Kind::Counter), "cpu.seconds_total");
        assert_eq!(named(true, true, "", "usage.ratio", "1", Kind::Gauge), "usage_ratio");
        assert_eq!(named(true, true, "", "total", "", Kind::Counter), "total_total");
    }

    #[test]
    fn a_name_of_a_page_is_none() {
        assert_eq!(named(true, false, "", &"a".repeat(LIMIT_BYTES + 1), "", Kind::Gauge), "");
    }

    #[test]
    fn the_unit_is_told_where_the_name_ends_with_it() {
        let settings = NameSettings { namespace: String::new(), suffixes: true, utf8: false };
        let unit = |name, unit, kind| metric_name(&settings, name, unit, kind).unwrap().unit;
        assert_eq!(unit("a", "s", Kind::Counter), "seconds");
        assert_eq!(unit("a", "By/s", Kind::Gauge), "bytes_per_second");
        assert_eq!(unit("seconds.of", "s", Kind::Gauge), "");
        assert_eq!(unit("a", "1", Kind::Gauge), "ratio");
        assert_eq!(unit("a", "", Kind::Gauge), "");
    }
}
