//! The config that users write, and the settings that the code uses.

mod resource_labels;

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use spanloom_plugin::{ConfigError, Duration};

use self::resource_labels::{ConversionConfig, ResourceLabels, resource_labels};
use crate::labels::{is_plain_label, label_name};

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
    translation_strategy: TranslationStrategy,
    resource_constant_labels: ConversionConfig,
    resource_to_telemetry_conversion: ConversionConfig,
    series_limit: u32,
    response_headers: BTreeMap<String, String>,

    // Refused, because the listener does neither TLS nor authentication.
    tls: Option<IgnoredAny>,
    auth: Option<IgnoredAny>,

    // The strategy decides, as in the Collector.
    #[serde(rename = "add_metric_suffixes")]
    _add_metric_suffixes: IgnoredAny,

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
#[derive(Clone, Copy, Default, Deserialize)]
enum TranslationStrategy {
    // The Collector prints an empty text for a key that nobody set.
    #[default]
    #[serde(alias = "")]
    UnderscoreEscapingWithSuffixes,
    UnderscoreEscapingWithoutSuffixes,
    #[serde(rename = "NoUTF8EscapingWithSuffixes")]
    NoUtf8EscapingWithSuffixes,
    NoTranslation,
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

impl Default for PrometheusConfig {
    fn default() -> PrometheusConfig {
        PrometheusConfig {
            namespace: String::new(),
            const_labels: BTreeMap::new(),
            send_timestamps: false,
            metric_expiration: Duration::from_secs(5 * 60),
            enable_open_metrics: false,
            without_scope_info: false,
            translation_strategy: TranslationStrategy::default(),
            resource_constant_labels: ConversionConfig::default(),
            resource_to_telemetry_conversion: ConversionConfig::default(),
            series_limit: 1_000_000,
            response_headers: BTreeMap::new(),
            tls: None,
            auth: None,
            _add_metric_suffixes: IgnoredAny,
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
        let label = |(name, value): (&String, &String)| (const_label_name(name, names.utf8), value.clone());
        let expiration_ms = u64::try_from(self.metric_expiration.as_millis()).unwrap_or(u64::MAX);
        Ok(Settings {
            shape: Shape {
                const_labels: self.const_labels.iter().map(label).collect(),
                scope_labels: !self.without_scope_info,
                resource_labels: resource_labels(
                    &self.resource_constant_labels,
                    &self.resource_to_telemetry_conversion,
                )?,
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
        let (suffixes, utf8) = match self.translation_strategy {
            TranslationStrategy::UnderscoreEscapingWithSuffixes => (true, false),
            TranslationStrategy::UnderscoreEscapingWithoutSuffixes => (false, false),
            TranslationStrategy::NoUtf8EscapingWithSuffixes => (true, true),
            TranslationStrategy::NoTranslation => (false, true),
        };
        NameSettings { namespace: self.namespace.clone(), suffixes, utf8 }
    }
}

/// Returns the name of a constant label, which may begin with `_` and have several in a row. Prometheus
/// removes labels that begin with two.
fn const_label_name(name: &str, utf8: bool) -> String {
    match is_plain_label(name) && !name.starts_with("__") {
        true => name.to_owned(),
        false => label_name(name, utf8).into_owned(),
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
    fn only_the_strategy_decides_about_names() {
        let names = |json| {
            let names = settings(json).unwrap().shape.names;
            (names.suffixes, names.utf8)
        };
        assert_eq!(names(r#"{"add_metric_suffixes": false}"#), (true, false));
        let both = r#"{"add_metric_suffixes": false, "translation_strategy": "NoUTF8EscapingWithSuffixes"}"#;
        assert_eq!(names(both), (true, true));
        assert_eq!(names(r#"{"translation_strategy": "NoTranslation"}"#), (false, true));
        assert_eq!(names(r#"{"translation_strategy": ""}"#), (true, false));
    }

    #[test]
    fn resource_attributes_are_chosen_by_patterns_or_by_switches() {
        let takes = |json: &str, keys: &[&str]| {
            let labels = settings(json).unwrap().shape.resource_labels;
            keys.iter().map(|key| labels.takes(key)).collect::<Vec<_>>()
        };
        let keys = ["service.name", "k8s.pod.name", "k8s.pod.uid", "host.name"];
        for section in ["resource_constant_labels", "resource_to_telemetry_conversion"] {
            let of = |keys: &str| format!(r#"{{"{section}": {{{keys}}}}}"#);
            let included = of(r#""included": ["k8s.*", "h?st*"], "excluded": ["*.uid"]"#);
            assert_eq!(takes(&included, &keys), [false, true, false, true]);
            assert_eq!(takes(&of(r#""excluded": ["k8s.*"]"#), &keys), [true, false, false, true]);
            assert_eq!(takes(&of(r#""included": []"#), &keys), [false; 4]);
        }
        let old = |keys: &str| {
            format!(r#"{{"resource_constant_labels": {{}}, "resource_to_telemetry_conversion": {{{keys}}}}}"#)
        };
        let off = r#""enabled": false, "exclude_service_attributes": false, "excluded": []"#;
        let printed = format!(
            r#"{{"resource_constant_labels": {{{off}, "included": ["host.*"]}},
                "resource_to_telemetry_conversion": {{{off}, "included": []}}}}"#
        );
        assert_eq!(takes(&printed, &keys), [false, false, false, true]);
        let but_service = old(r#""enabled": true, "exclude_service_attributes": true"#);
        assert_eq!(takes(&but_service, &keys), [false, true, true, true]);
        assert_eq!(takes(&old(r#""exclude_service_attributes": true"#), &keys), [false; 4]);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let path = |json: &str| settings(json).unwrap_err().path;
        let both = r#"{"resource_to_telemetry_conversion": {"exclude_service_attributes": true, "included": ["a"]}}"#;
        assert_eq!(path(both), "resource_to_telemetry_conversion.exclude_service_attributes");
        let twice = r#"{"resource_constant_labels": {"included": ["a"]}, "resource_to_telemetry_conversion": {"enabled": true}}"#;
        assert_eq!(path(twice), "resource_to_telemetry_conversion");
        for switch in ["enabled", "exclude_service_attributes"] {
            let json = format!(r#"{{"resource_constant_labels": {{"{switch}": true, "included": ["a"]}}}}"#);
            assert_eq!(path(&json), format!("resource_constant_labels.{switch}"));
        }
    }

    #[test]
    fn constant_labels_keep_their_underscores() {
        let json = r#"{"const_labels": {"_a__b": "1", "c d": "2", "__e": "3", "f.g": "4"}}"#;
        let names = settings(json).unwrap().shape.const_labels.into_iter().map(|(name, _)| name);
        assert_eq!(names.collect::<Vec<_>>(), ["key_e", "_a__b", "c_d", "f_g"]);
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
}
