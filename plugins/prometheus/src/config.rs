//! The config that users write, and the settings that the code uses.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use spanloom_plugin::{ConfigError, Duration};

use crate::labels::label_name;

/// The Collector's keys and defaults. `series_limit` is our own.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PrometheusConfig {
    namespace: String,
    const_labels: BTreeMap<String, String>,
    send_timestamps: bool,
    metric_expiration: Duration,
    enable_open_metrics: bool,
    without_scope_info: bool,
    add_metric_suffixes: bool,
    translation_strategy: Option<TranslationStrategy>,
    resource_constant_labels: Option<PatternsConfig>,
    resource_to_telemetry_conversion: ConversionConfig,
    series_limit: u32,
    response_headers: BTreeMap<String, String>,

    // Refused, because the listener does neither TLS nor authentication.
    tls: Option<IgnoredAny>,
    auth: Option<IgnoredAny>,

    /// The address of the host's listener.
    #[serde(rename = "endpoint")]
    _endpoint: IgnoredAny,
    // Keys of the Collector's HTTP servers, without effect on a scrape.
    #[serde(rename = "transport")]
    _transport: IgnoredAny,
    #[serde(rename = "cors")]
    _cors: IgnoredAny,
    #[serde(rename = "max_request_body_size")]
    _max_request_body_size: IgnoredAny,
    #[serde(rename = "include_metadata")]
    _include_metadata: IgnoredAny,
    #[serde(rename = "compression_algorithms")]
    _compression_algorithms: IgnoredAny,
    #[serde(rename = "read_timeout")]
    _read_timeout: IgnoredAny,
    #[serde(rename = "read_header_timeout")]
    _read_header_timeout: IgnoredAny,
    #[serde(rename = "write_timeout")]
    _write_timeout: IgnoredAny,
    #[serde(rename = "idle_timeout")]
    _idle_timeout: IgnoredAny,
    #[serde(rename = "keep_alives_enabled")]
    _keep_alives_enabled: IgnoredAny,
    #[serde(rename = "middlewares")]
    _middlewares: IgnoredAny,
}

/// How OTLP names become Prometheus names.
#[derive(Clone, Copy, Deserialize)]
enum TranslationStrategy {
    UnderscoreEscapingWithSuffixes,
    UnderscoreEscapingWithoutSuffixes,
    #[serde(rename = "NoUTF8EscapingWithSuffixes")]
    NoUtf8EscapingWithSuffixes,
    NoTranslation,
}

/// Patterns with `*` and `?` for the keys of resource attributes.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PatternsConfig {
    included: Vec<String>,
    excluded: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConversionConfig {
    enabled: bool,
    exclude_service_attributes: bool,
}

/// The settings that the code uses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) shape: Shape,
    pub(crate) send_timestamps: bool,
    pub(crate) open_metrics: bool,
    /// `None`: series stay until the exporter stops.
    pub(crate) expiration_ms: Option<u64>,
    pub(crate) series_limit: usize,
    pub(crate) response_headers: Vec<(String, String)>,
}

/// The settings that the names and labels of series depend on. Series of one shape are not series of another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) names: NameSettings,
    /// The names as they are shown, with the values.
    pub(crate) const_labels: Vec<(String, String)>,
    pub(crate) scope_labels: bool,
    pub(crate) resource_labels: ResourceLabels,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NameSettings {
    pub(crate) namespace: String,
    /// Whether units and `_total` are added to names.
    pub(crate) suffixes: bool,
    /// Whether names keep all characters; otherwise characters that are not allowed become `_`.
    pub(crate) utf8: bool,
}

/// Selects the resource attributes that become labels of every series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResourceLabels {
    included: Vec<String>,
    excluded: Vec<String>,
}

impl Default for PrometheusConfig {
    fn default() -> PrometheusConfig {
        PrometheusConfig {
            namespace: String::new(),
            const_labels: BTreeMap::new(),
            send_timestamps: false,
            metric_expiration: Duration::from_secs(5 * 60),
            enable_open_metrics: false,
            without_scope_info: false,
            add_metric_suffixes: true,
            translation_strategy: None,
            resource_constant_labels: None,
            resource_to_telemetry_conversion: ConversionConfig::default(),
            series_limit: 1_000_000,
            response_headers: BTreeMap::new(),
            tls: None,
            auth: None,
            _endpoint: IgnoredAny,
            _transport: IgnoredAny,
            _cors: IgnoredAny,
            _max_request_body_size: IgnoredAny,
            _include_metadata: IgnoredAny,
            _compression_algorithms: IgnoredAny,
            _read_timeout: IgnoredAny,
            _read_header_timeout: IgnoredAny,
            _write_timeout: IgnoredAny,
            _idle_timeout: IgnoredAny,
            _keep_alives_enabled: IgnoredAny,
            _middlewares: IgnoredAny,
        }
    }
}

impl PrometheusConfig {
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        let unsupported = [("tls", self.tls.is_some()), ("auth", self.auth.is_some())];
        if let Some((key, _)) = unsupported.into_iter().find(|(_, given)| *given) {
            return Err(ConfigError::new(
                key,
                "the endpoint speaks plain HTTP to everyone: put a proxy before it, or listen on localhost",
            ));
        }
        if self.series_limit == 0 {
            return Err(ConfigError::new("series_limit", "at least 1"));
        }
        let names = self.names();
        // The labels of buckets, quantiles and names cannot be constant.
        if let Some(name) =
            self.const_labels.keys().find(|name| ["le", "quantile", "__name__"].contains(&name.as_str()))
        {
            return Err(ConfigError::new(format!("const_labels.{name}"), "Prometheus reserves this label"));
        }
        let label =
            |(name, value): (&String, &String)| (label_name(name, names.utf8).into_owned(), value.clone());
        let expiration_ms = u64::try_from(self.metric_expiration.as_millis()).unwrap_or(u64::MAX);
        Ok(Settings {
            shape: Shape {
                const_labels: self.const_labels.iter().map(label).collect(),
                scope_labels: !self.without_scope_info,
                resource_labels: self.resource_labels(),
                names,
            },
            send_timestamps: self.send_timestamps,
            open_metrics: self.enable_open_metrics,
            expiration_ms: (expiration_ms > 0).then_some(expiration_ms),
            series_limit: self.series_limit as usize,
            response_headers: self.response_headers.clone().into_iter().collect(),
        })
    }

    fn names(&self) -> NameSettings {
        let old = match self.add_metric_suffixes {
            true => TranslationStrategy::UnderscoreEscapingWithSuffixes,
            false => TranslationStrategy::UnderscoreEscapingWithoutSuffixes,
        };
        let (suffixes, utf8) = match self.translation_strategy.unwrap_or(old) {
            TranslationStrategy::UnderscoreEscapingWithSuffixes => (true, false),
            TranslationStrategy::UnderscoreEscapingWithoutSuffixes => (false, false),
            TranslationStrategy::NoUtf8EscapingWithSuffixes => (true, true),
            TranslationStrategy::NoTranslation => (false, true),
        };
        NameSettings { namespace: self.namespace.clone(), suffixes, utf8 }
    }

    fn resource_labels(&self) -> ResourceLabels {
        if let Some(PatternsConfig { included, excluded }) = self.resource_constant_labels.clone() {
            let everything = included.is_empty() && !excluded.is_empty();
            return ResourceLabels {
                included: if everything { vec!["*".into()] } else { included },
                excluded,
            };
        }
        let ConversionConfig { enabled, exclude_service_attributes } = self.resource_to_telemetry_conversion;
        let service = ["service.name", "service.instance.id", "service.namespace"].map(String::from);
        ResourceLabels {
            included: if enabled { vec!["*".into()] } else { Vec::new() },
            excluded: if exclude_service_attributes { service.into() } else { Vec::new() },
        }
    }
}

impl ResourceLabels {
    pub(crate) fn takes(&self, key: &str) -> bool {
        let any =
            |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern.as_bytes(), key.as_bytes()));
        any(&self.included) && !any(&self.excluded)
    }
}

/// Returns whether the text matches the pattern. `*` matches anything, and `?` matches one byte. Only the
/// last `*` is retried, which avoids exponential time.
fn matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => return true,
            (Some((b'*', after)), _) => {
                again = Some((after, text));
                pattern = after;
            }
            (Some((expected, after)), Some((byte, rest))) if *expected == b'?' || expected == byte => {
                (pattern, text) = (after, rest);
            }
            _ => {
                let Some((after, [_, rest @ ..])) = again else { return false };
                again = Some((after, rest));
                (pattern, text) = (after, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Result<Settings, ConfigError> {
        serde_json::from_str::<PrometheusConfig>(json).expect("a config").settings()
    }

    #[test]
    fn defaults_are_the_collectors() {
        let settings = settings(r#"{"endpoint": "0.0.0.0:8889"}"#).unwrap();
        assert_eq!(settings.expiration_ms, Some(300_000));
        assert_eq!((settings.send_timestamps, settings.open_metrics), (false, false));
        assert_eq!((settings.shape.names.suffixes, settings.shape.names.utf8), (true, false));
        assert!(settings.shape.scope_labels);
        assert!(!settings.shape.resource_labels.takes("host.name"));
    }

    #[test]
    fn the_strategy_wins_over_the_old_key() {
        let names = |json| {
            let names = settings(json).unwrap().shape.names;
            (names.suffixes, names.utf8)
        };
        assert_eq!(names(r#"{"add_metric_suffixes": false}"#), (false, false));
        let both = r#"{"add_metric_suffixes": false, "translation_strategy": "NoUTF8EscapingWithSuffixes"}"#;
        assert_eq!(names(both), (true, true));
        assert_eq!(names(r#"{"translation_strategy": "NoTranslation"}"#), (false, true));
    }

    #[test]
    fn resource_attributes_are_chosen_by_patterns_or_all_by_the_old_key() {
        let takes = |json, keys: &[&str]| {
            let labels = settings(json).unwrap().shape.resource_labels;
            keys.iter().map(|key| labels.takes(key)).collect::<Vec<_>>()
        };
        let keys = ["service.name", "k8s.pod.name", "k8s.pod.uid", "host.name"];
        let included =
            r#"{"resource_constant_labels": {"included": ["k8s.*", "h?st*"], "excluded": ["*.uid"]}}"#;
        assert_eq!(takes(included, &keys), [false, true, false, true]);
        let excluded = r#"{"resource_constant_labels": {"excluded": ["k8s.*"]}}"#;
        assert_eq!(takes(excluded, &keys), [true, false, false, true]);
        let old =
            r#"{"resource_to_telemetry_conversion": {"enabled": true, "exclude_service_attributes": true}}"#;
        assert_eq!(takes(old, &keys), [false, true, true, true]);
    }

    #[test]
    fn what_would_not_be_kept_is_refused() {
        assert_eq!(settings(r#"{"tls": {"cert_file": "a"}}"#).unwrap_err().path, "tls");
        assert_eq!(settings(r#"{"auth": {"authenticator": "a"}}"#).unwrap_err().path, "auth");
        assert_eq!(settings(r#"{"const_labels": {"le": "1"}}"#).unwrap_err().path, "const_labels.le");
        assert_eq!(settings(r#"{"series_limit": 0}"#).unwrap_err().path, "series_limit");
    }

    #[test]
    fn the_schema_names_the_keys_that_are_read_and_no_others() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../config.schema.json")).expect("JSON");
        let named = |pointer: &str| -> Vec<String> {
            let mut keys: Vec<String> =
                schema.pointer(pointer).expect(pointer).as_object().expect(pointer).keys().cloned().collect();
            keys.sort();
            keys
        };
        // serde lists the known keys in the error for an unknown one.
        let read = |json: &str| -> Vec<String> {
            let error =
                serde_json::from_str::<PrometheusConfig>(json).err().expect("an unknown key").to_string();
            let expected = error.split_once("expected ").expect("a list").1;
            let mut keys: Vec<String> = expected.split('`').skip(1).step_by(2).map(String::from).collect();
            keys.sort();
            keys
        };
        assert_eq!(read(r#"{"?": 0}"#), named("/properties"));
        for key in ["resource_constant_labels", "resource_to_telemetry_conversion"] {
            let json = format!(r#"{{"{key}": {{"?": 0}}}}"#);
            assert_eq!(read(&json), named(&format!("/properties/{key}/properties")));
        }
    }

    #[test]
    fn a_pattern_with_many_stars_ends() {
        assert!(matches(b"*a*b*c", b"xxaxxbxxc"));
        assert!(!matches("a*".repeat(50).as_bytes(), format!("{}b", "a".repeat(49)).as_bytes()));
        assert!(matches(b"", b"") && matches(b"*", b"") && !matches(b"?", b""));
    }
}
