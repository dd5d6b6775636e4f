//! Makes the names of metrics:
//! <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.

mod memo;

pub(crate) use memo::MetricNames;

use crate::{config::NameSettings, unit::UnitName};

/// The name and unit that a metric is shown with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricName {
    pub(crate) name: String,
    /// The unit at the end of the name (before `_total`), or empty.
    pub(crate) unit: String,
}

/// The types in OTLP on which the suffix of a name depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Instrument {
    /// A gauge. With the unit `1`, its name ends with `_ratio`.
    Gauge,
    /// A sum that is monotonic. Its name ends with `_total`.
    Counter,
    /// All others. A sum that is not monotonic counts things, whatever its unit.
    Other,
}

/// The longest name, in bytes. Longer names are refused.
const LIMIT_BYTES: usize = 1024;

/// Returns the name, or `None` if no valid character is left or the name is too long.
pub(crate) fn metric_name(
    settings: &NameSettings,
    name: &str,
    unit: &str,
    instrument: Instrument,
) -> Option<MetricName> {
    let suffix = match instrument {
        Instrument::Counter => "total",
        Instrument::Gauge if unit == "1" => "ratio",
        Instrument::Gauge | Instrument::Other => "",
    };
    let named = match (settings.utf8, settings.suffixes) {
        (false, true) => compliant(settings, name, &UnitName::of(unit).compliant(), suffix),
        (false, false) => escaped(settings, name),
        (true, true) => as_is(settings, name, &UnitName::of(unit), suffix),
        (true, false) => as_is(settings, name, &UnitName::default(), ""),
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

/// Makes a name with suffixes. Words are separated by one `_`, except in the namespace, which keeps each of
/// its own.
fn compliant(settings: &NameSettings, name: &str, unit: &UnitName, suffix: &str) -> MetricName {
    let namespace = settings.namespace.replace(|c: char| !is_plain_char(c), "_");
    let words = name.split(|c: char| c == '_' || !is_plain_char(c));
    let mut words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    for word in [unit.main.as_str(), unit.per.as_str()] {
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    if !suffix.is_empty() {
        words.retain(|word| *word != suffix);
        words.push(suffix);
    }
    if !namespace.is_empty() {
        words.insert(0, &namespace);
    }
    let name = digit_not_first(words.join("_"));
    let unit = if suffix == "ratio" { suffix.to_owned() } else { unit.joined() };
    let before_total = name.strip_suffix("_total").filter(|_| suffix == "total").unwrap_or(&name);
    let ends =
        !unit.is_empty() && before_total.strip_suffix(&unit).is_some_and(|before| before.ends_with('_'));
    MetricName { unit: if ends { unit } else { String::new() }, name }
}

/// Makes a name without suffixes. Characters that are not allowed become one `_`, several in a row too, and
/// each `_` of the name stays.
fn escaped(settings: &NameSettings, name: &str) -> MetricName {
    let joined = |text: &str| {
        let parts = text.split(|c: char| !is_plain_char(c)).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("_")
    };
    let (namespace, name) = (joined(&settings.namespace), joined(name));
    let name = if namespace.is_empty() { name } else { namespace + "_" + &name };
    MetricName { name: digit_not_first(name), unit: String::new() }
}

fn digit_not_first(mut name: String) -> String {
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// Adds suffixes to a name and changes nothing else.
fn as_is(settings: &NameSettings, name: &str, unit: &UnitName, suffix: &str) -> MetricName {
    let mut whole = settings.namespace.clone();
    if !whole.is_empty() {
        whole.push('_');
    }
    whole.push_str(name);
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

    fn named(
        utf8: bool,
        suffixes: bool,
        namespace: &str,
        name: &str,
        unit: &str,
        instrument: Instrument,
    ) -> String {
        let settings = NameSettings { namespace: namespace.into(), suffixes, utf8 };
        metric_name(&settings, name, unit, instrument).map(|named| named.name).unwrap_or_default()
    }

    #[test]
    fn names_get_unit_and_total_and_lose_what_no_name_has() {
        let cases = [
            ("http.server.duration", "ms", Instrument::Other, "http_server_duration_milliseconds"),
            ("requests", "1", Instrument::Counter, "requests_total"),
            ("requests_total", "", Instrument::Counter, "requests_total"),
            ("total_requests", "", Instrument::Counter, "requests_total"),
            ("cpu.usage", "1", Instrument::Gauge, "cpu_usage_ratio"),
            ("cpu_usage_ratio", "1", Instrument::Gauge, "cpu_usage_ratio"),
            ("response_time_seconds", "s", Instrument::Gauge, "response_time_seconds"),
            ("io", "By/s", Instrument::Gauge, "io_bytes_per_second"),
            ("io", "1/s", Instrument::Counter, "io_per_second_total"),
            ("disk.io", "By", Instrument::Counter, "disk_io_bytes_total"),
            ("messages", "{message}", Instrument::Counter, "messages_total"),
            ("messages", "{message}/s", Instrument::Gauge, "messages_per_second"),
            ("memory", "KiBy", Instrument::Gauge, "memory_kibibytes"),
            ("temperature", "Cel", Instrument::Gauge, "temperature_celsius"),
            ("load", "%", Instrument::Gauge, "load_percent"),
            ("clock", "Hz", Instrument::Gauge, "clock_hertz"),
            ("a", "unit@with#special/chars", Instrument::Gauge, "a_unit_with_special_per_chars"),
            ("a__b  c", "", Instrument::Gauge, "a_b_c"),
            ("größe", "", Instrument::Gauge, "gr_e"),
            ("2xx", "", Instrument::Gauge, "_2xx"),
            ("app:rule", "", Instrument::Gauge, "app:rule"),
            ("@#$", "", Instrument::Gauge, ""),
            ("", "s", Instrument::Gauge, ""),
        ];
        for (name, unit, instrument, expected) in cases {
            assert_eq!(named(false, true, "", name, unit, instrument), expected, "{name} in {unit}");
        }
    }

    #[test]
    fn the_namespace_comes_first() {
        assert_eq!(named(false, true, "my-app", "2xx", "", Instrument::Counter), "my_app_2xx_total");
        assert_eq!(named(false, false, "1st", "a", "s", Instrument::Counter), "_1st_a");
        assert_eq!(named(true, true, "mÿ", "a.b", "s", Instrument::Counter), "mÿ_a.b_seconds_total");
        assert_eq!(named(false, true, "my__n-s", "a__b", "", Instrument::Other), "my__n_s_a_b");
        assert_eq!(named(false, true, "ns", "@", "", Instrument::Counter), "ns_total");
    }

    #[test]
    fn without_suffixes_only_characters_change() {
        assert_eq!(named(false, false, "", "http.requests", "s", Instrument::Counter), "http_requests");
        assert_eq!(named(true, false, "", "http.requests", "s", Instrument::Counter), "http.requests");
        let escaped = |namespace, name| named(false, false, namespace, name, "", Instrument::Gauge);
        assert_eq!(escaped("my__n..s", "a__b  c_"), "my__n_s_a__b_c_");
        assert_eq!((escaped("", "_first"), escaped("", "9.")), ("_first".into(), "_9".into()));
        assert_eq!((escaped("", "__"), escaped("", "@")), (String::new(), String::new()));
    }

    #[test]
    fn with_utf8_suffixes_are_not_said_twice() {
        assert_eq!(
            named(true, true, "", "http.requests", "1/s", Instrument::Gauge),
            "http.requests_per_second"
        );
        assert_eq!(named(true, true, "", "cpu.seconds.total", "s", Instrument::Counter), "cpu.seconds_total");
        assert_eq!(named(true, true, "", "usage.ratio", "1", Instrument::Gauge), "usage_ratio");
        assert_eq!(named(true, true, "", "total", "", Instrument::Counter), "total_total");
    }

    #[test]
    fn only_a_gauge_is_a_ratio() {
        for (instrument, expected) in
            [(Instrument::Gauge, "u_ratio"), (Instrument::Other, "u"), (Instrument::Counter, "u_total")]
        {
            assert_eq!(named(false, true, "", "u", "1", instrument), expected);
            assert_eq!(named(true, true, "", "u", "1", instrument), expected);
        }
    }

    #[test]
    fn a_name_of_a_page_is_none() {
        assert_eq!(named(true, false, "", &"a".repeat(LIMIT_BYTES + 1), "", Instrument::Gauge), "");
    }

    #[test]
    fn the_unit_is_told_where_the_name_ends_with_it() {
        let settings = NameSettings { namespace: String::new(), suffixes: true, utf8: false };
        let unit = |name, unit, instrument| metric_name(&settings, name, unit, instrument).unwrap().unit;
        assert_eq!(unit("a", "s", Instrument::Counter), "seconds");
        assert_eq!(unit("a", "By/s", Instrument::Gauge), "bytes_per_second");
        assert_eq!(unit("seconds.of", "s", Instrument::Gauge), "");
        assert_eq!(unit("a", "1", Instrument::Gauge), "ratio");
        assert_eq!(unit("a", "", Instrument::Gauge), "");
    }
}
