//! The config that users write. Names and defaults are those of the Collector's `span_metrics`.

use serde::Deserialize;
use serde::de::IgnoredAny;
use spanloom_aggregate::{Buckets, null_is_default};
use spanloom_plugin::{ConfigError, Duration};

use crate::glob::Glob;
use crate::shape::{Dimension, Family, Shape, Source};

/// The default bounds, in milliseconds.
const DEFAULT_BOUNDS_MS: [f64; 16] =
    [2., 4., 6., 8., 10., 50., 100., 200., 400., 800., 1000., 1400., 2000., 5000., 10_000., 15_000.];
const DEFAULT_MAX_SIZE: u32 = 160;
/// The dimensions that every series has unless they are excluded.
const BUILT_IN: [(&str, Source); 5] = [
    ("service.name", Source::Service),
    ("span.name", Source::Name),
    ("span.kind", Source::Kind),
    ("status.code", Source::Status),
    ("collector.instance.id", Source::Instance),
];

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) dimensions: Vec<DimensionConfig>,
    pub(crate) calls_dimensions: Vec<DimensionConfig>,
    pub(crate) exclude_dimensions: Vec<String>,
    dimensions_cache_size: IgnoredAny,
    pub(crate) resource_metrics_cache_size: usize,
    pub(crate) resource_metrics_key_attributes: Vec<String>,
    pub(crate) aggregation_temporality: Temporality,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) histogram: HistogramConfig,
    pub(crate) metrics_flush_interval: Duration,
    /// Zero: never.
    pub(crate) metrics_expiration: Duration,
    /// Zero: never.
    pub(crate) series_expiration: Duration,
    pub(crate) metric_timestamp_cache_size: usize,
    /// A key without a value is empty, as in the Collector.
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) namespace: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) exemplars: ExemplarsConfig,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) events: EventsConfig,
    pub(crate) include_instrumentation_scope: Vec<String>,
    /// Zero: no limit.
    pub(crate) aggregation_cardinality_limit: usize,
    add_resource_attributes: IgnoredAny,
    pub(crate) enable_metrics_sampling_method: bool,
    /// A key of our own. If it is absent, the host sets it to the random id of its process.
    pub(crate) collector_instance_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DimensionConfig {
    /// Empty if there is a pattern.
    #[serde(default)]
    pub(crate) name: String,
    /// A pattern of attributes that are dimensions, or empty.
    #[serde(default)]
    pub(crate) glob: String,
    pub(crate) default: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Temporality {
    #[default]
    #[serde(rename = "AGGREGATION_TEMPORALITY_CUMULATIVE", alias = "cumulative")]
    Cumulative,
    #[serde(rename = "AGGREGATION_TEMPORALITY_DELTA", alias = "delta")]
    Delta,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HistogramConfig {
    pub(crate) disable: bool,
    pub(crate) unit: Unit,
    pub(crate) exponential: Option<ExponentialConfig>,
    pub(crate) explicit: Option<ExplicitConfig>,
    pub(crate) dimensions: Vec<DimensionConfig>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Unit {
    #[default]
    #[serde(rename = "ms", alias = "Ms", alias = "mS", alias = "MS")]
    Milliseconds,
    #[serde(rename = "s", alias = "S")]
    Seconds,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExponentialConfig {
    /// Whether the section counts.
    pub(crate) enabled: bool,
    /// Zero: the default of 160.
    pub(crate) max_size: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExplicitConfig {
    /// Whether the section counts.
    pub(crate) enabled: bool,
    pub(crate) buckets: Option<Vec<Duration>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExemplarsConfig {
    pub(crate) enabled: bool,
    pub(crate) max_per_data_point: usize,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventsConfig {
    pub(crate) enabled: bool,
    pub(crate) dimensions: Vec<DimensionConfig>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            dimensions: Vec::new(),
            calls_dimensions: Vec::new(),
            exclude_dimensions: Vec::new(),
            dimensions_cache_size: IgnoredAny,
            resource_metrics_cache_size: 1000,
            resource_metrics_key_attributes: Vec::new(),
            aggregation_temporality: Temporality::Cumulative,
            histogram: HistogramConfig::default(),
            metrics_flush_interval: Duration::from_secs(60),
            metrics_expiration: Duration::ZERO,
            series_expiration: Duration::ZERO,
            metric_timestamp_cache_size: 1000,
            namespace: "traces.span.metrics".to_owned(),
            exemplars: ExemplarsConfig::default(),
            events: EventsConfig::default(),
            include_instrumentation_scope: Vec::new(),
            aggregation_cardinality_limit: 0,
            add_resource_attributes: IgnoredAny,
            enable_metrics_sampling_method: false,
            collector_instance_id: None,
        }
    }
}

impl Default for ExponentialConfig {
    fn default() -> ExponentialConfig {
        ExponentialConfig { enabled: true, max_size: 0 }
    }
}

impl Default for ExplicitConfig {
    fn default() -> ExplicitConfig {
        ExplicitConfig { enabled: true, buckets: None }
    }
}

impl Default for ExemplarsConfig {
    fn default() -> ExemplarsConfig {
        ExemplarsConfig { enabled: false, max_per_data_point: 5 }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let above_zero = |path: &str, is: bool| {
            if is { Ok(()) } else { Err(ConfigError::new(path, "has to be above 0")) }
        };
        above_zero("metrics_flush_interval", !self.metrics_flush_interval.is_zero())?;
        above_zero("resource_metrics_cache_size", self.resource_metrics_cache_size > 0)?;
        let delta = self.aggregation_temporality == Temporality::Delta;
        above_zero("metric_timestamp_cache_size", !delta || self.metric_timestamp_cache_size > 0)?;
        self.histogram.validate()?;
        distinct("dimensions", &self.dimensions)?;
        distinct("calls_dimensions", &self.calls_dimensions)?;
        distinct("histogram.dimensions", &self.histogram.dimensions)?;
        if !self.events.enabled {
            return Ok(());
        }
        if self.events.dimensions.is_empty() {
            let message = "events are counted by their dimensions: name one, as `exception.type`";
            return Err(ConfigError::new("events.dimensions", message));
        }
        distinct("events.dimensions", &self.events.dimensions)
    }

    /// Returns the part of the config that decides which series there are and what each counts.
    pub(crate) fn shape(&self) -> Shape {
        let (calls, durations) = (&self.calls_dimensions, &self.histogram.dimensions);
        let with_durations = !self.histogram.disable;
        let mut families = if with_durations && (!calls.is_empty() || !durations.is_empty()) {
            vec![
                Family { calls: true, ..self.family(calls) },
                Family { durations: true, ..self.family(durations) },
            ]
        } else {
            vec![Family { calls: true, durations: with_durations, ..self.family(calls) }]
        };
        if self.events.enabled {
            families.push(Family { events: true, ..self.family(&self.events.dimensions) });
        }
        Shape {
            namespace: self.namespace.clone(),
            seconds: self.histogram.unit == Unit::Seconds,
            delta: self.aggregation_temporality == Temporality::Delta,
            buckets: Some(self.histogram.buckets()),
            families,
            resource_keys: self.resource_metrics_key_attributes.clone(),
            scopes: self.include_instrumentation_scope.clone(),
            text_keys: true,
        }
    }

    fn family(&self, more: &[DimensionConfig]) -> Family {
        let built_in = BUILT_IN.iter().filter(|(name, source)| {
            let unknown = *source == Source::Instance && self.collector_instance_id.is_none();
            !unknown && !self.exclude_dimensions.iter().any(|excluded| excluded == name)
        });
        let instance = |source| self.collector_instance_id.clone().filter(|_| source == Source::Instance);
        let mut dimensions: Vec<Dimension> =
            built_in.map(|(name, source)| Dimension::new(*source, name, instance(*source))).collect();
        if !self.include_instrumentation_scope.is_empty() {
            let names = ["span.instrumentation.scope.name", "span.instrumentation.scope.version"];
            let scope = names.into_iter().zip([Source::ScopeName, Source::ScopeVersion]);
            dimensions.extend(scope.map(|(name, source)| Dimension::new(source, name, None)));
        }
        if self.enable_metrics_sampling_method {
            dimensions.push(Dimension::new(Source::SamplingMethod, "sampling.method", None));
        }
        let mut family = Family { dimensions, ..Family::default() };
        for DimensionConfig { name, glob, default } in self.dimensions.iter().chain(more) {
            if glob.is_empty() {
                family.name(name, default.as_deref());
            } else {
                family.globs.push(glob.clone());
            }
        }
        family
    }
}

impl HistogramConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        if self.explicit().is_some() && self.exponential().is_some() {
            return Err(ConfigError::new(
                "histogram",
                "has either `explicit` or `exponential` buckets, not both",
            ));
        }
        if self.exponential().is_some_and(|it| it.max_size == 1 || it.max_size > 16_384) {
            return Err(ConfigError::new("histogram.exponential.max_size", "has to be from 2 to 16384"));
        }
        let buckets = self.explicit().and_then(|explicit| explicit.buckets.as_deref());
        if buckets.is_some_and(|buckets| !buckets.is_sorted_by(|a, b| a < b)) {
            return Err(ConfigError::new("histogram.explicit.buckets", "have to ascend"));
        }
        Ok(())
    }

    fn explicit(&self) -> Option<&ExplicitConfig> {
        self.explicit.as_ref().filter(|explicit| explicit.enabled)
    }

    fn exponential(&self) -> Option<&ExponentialConfig> {
        self.exponential.as_ref().filter(|exponential| exponential.enabled)
    }

    fn buckets(&self) -> Buckets {
        if let Some(exponential) = self.exponential() {
            let max_size = if exponential.max_size == 0 { DEFAULT_MAX_SIZE } else { exponential.max_size };
            return Buckets::exponential(max_size);
        }
        let milliseconds = self.unit == Unit::Milliseconds;
        let explicit = self.explicit().and_then(|explicit| explicit.buckets.as_ref());
        Buckets::explicit(match explicit {
            Some(buckets) => {
                let unit_nano = if milliseconds { 1e6 } else { 1e9 };
                buckets.iter().map(|bucket| bucket.as_nanos() as f64 / unit_nano).collect()
            }
            None => {
                let unit_ms = if milliseconds { 1.0 } else { 1000.0 };
                DEFAULT_BOUNDS_MS.iter().map(|bound| bound / unit_ms).collect()
            }
        })
    }
}

/// Checks that no dimension is named twice: in the list, or among the built-in ones. It may be in several
/// lists. A pattern must not match a name beside it.
fn distinct(path: &str, dimensions: &[DimensionConfig]) -> Result<(), ConfigError> {
    let built_in = |name: &str| BUILT_IN.iter().any(|(built_in, _)| *built_in == name);
    for (at, DimensionConfig { name, glob, default }) in dimensions.iter().enumerate() {
        let error = |key: &str, message: String| Err(ConfigError::new(format!("{path}[{at}]{key}"), message));
        match (name.is_empty(), glob.is_empty()) {
            (true, true) => return error("", "needs a `name` or a `glob`".to_owned()),
            (false, false) => return error("", "has either a `name` or a `glob`, not both".to_owned()),
            (false, true) => {
                if built_in(name) || dimensions.iter().take(at).any(|other| other.name == *name) {
                    let why = if built_in(name) { "is there without being named" } else { "is named twice" };
                    return error(".name", format!("`{name}` {why}"));
                }
            }
            (true, false) => {
                let pattern = match Glob::new(glob) {
                    Ok(pattern) => pattern,
                    Err(why) => return error(".glob", format!("`{glob}` is no pattern: {why}")),
                };
                if default.is_some() {
                    return error(".default", "a `glob` has no default".to_owned());
                }
                let names = BUILT_IN.iter().map(|(name, _)| *name);
                let mut names = names.chain(dimensions.iter().map(|other| other.name.as_str()));
                if let Some(name) = names.find(|name| !name.is_empty() && pattern.matches(name)) {
                    return error(
                        ".glob",
                        format!("`{glob}` matches `{name}`, which is a dimension without it"),
                    );
                }
            }
        }
    }
    Ok(())
}
