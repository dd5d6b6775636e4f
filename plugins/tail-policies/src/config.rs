//! The config that users write. Names and defaults are those of the Collector's `tail_sampling`.

use serde::{Deserialize, Deserializer, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    #[serde(deserialize_with = "null_is_default")]
    pub policies: Vec<PolicyConfig>,
    pub sample_on_first_match: bool,
    pub sampling_strategy: Strategy,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Decides on each trace once.
    #[default]
    TraceComplete,
    /// Decides only what more spans cannot change, and leaves the rest undecided.
    SpanIngest,
}

/// A policy, or a part of one. Only the section of its type counts.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    #[serde(default)]
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    #[serde(default, deserialize_with = "null_is_default")]
    pub latency: LatencyConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub numeric_attribute: NumericConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub probabilistic: ProbabilisticConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub status_code: StatusCodeConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub string_attribute: StringConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub rate_limiting: RateConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub bytes_limiting: BytesConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub span_count: SpanCountConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub trace_state: TraceStateConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub boolean_attribute: BooleanConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub ottl_condition: OttlConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub and: AndConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub not: NotConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub drop: DropConfig,
    #[serde(default, deserialize_with = "null_is_default")]
    pub composite: CompositeConfig,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    AlwaysSample,
    Latency,
    NumericAttribute,
    Probabilistic,
    StatusCode,
    StringAttribute,
    RateLimiting,
    BytesLimiting,
    SpanCount,
    TraceState,
    TraceFlags,
    BooleanAttribute,
    OttlCondition,
    And,
    Not,
    Drop,
    Composite,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatencyConfig {
    pub threshold_ms: i64,
    /// Zero: no upper bound.
    pub upper_threshold_ms: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NumericConfig {
    pub key: String,
    /// Zero: no lower bound.
    pub min_value: i64,
    /// Zero: no upper bound.
    pub max_value: i64,
    pub invert_match: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbabilisticConfig {
    pub hash_salt: String,
    pub sampling_percentage: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatusCodeConfig {
    #[serde(deserialize_with = "null_is_default")]
    pub status_codes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StringConfig {
    pub key: String,
    #[serde(deserialize_with = "null_is_default")]
    pub values: Vec<String>,
    pub enabled_regex_matching: bool,
    /// Zero or less: 128.
    pub cache_max_size: i64,
    pub invert_match: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    pub spans_per_second: i64,
    /// Zero or less: twice the rate.
    pub burst_capacity: i64,
    /// A key of our own: each value has the rate by itself. Empty: all traces share it.
    pub key: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BytesConfig {
    pub bytes_per_second: i64,
    /// Zero or less: twice the rate.
    pub burst_capacity: i64,
    /// A key of our own: each value has the rate by itself. Empty: all traces share it.
    pub key: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpanCountConfig {
    pub min_spans: i32,
    /// Zero: no upper bound.
    pub max_spans: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceStateConfig {
    pub key: String,
    #[serde(deserialize_with = "null_is_default")]
    pub values: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BooleanConfig {
    pub key: String,
    pub value: bool,
    pub invert_match: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OttlConfig {
    /// Has no effect: no condition that is taken can fail.
    pub error_mode: Option<ErrorMode>,
    #[serde(deserialize_with = "null_is_default")]
    pub span: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub spanevent: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorMode {
    Ignore,
    Propagate,
    Silent,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AndConfig {
    #[serde(deserialize_with = "null_is_default")]
    pub and_sub_policy: Vec<PolicyConfig>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotConfig {
    pub not_sub_policy: Option<Box<PolicyConfig>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DropConfig {
    #[serde(deserialize_with = "null_is_default")]
    pub drop_sub_policy: Vec<PolicyConfig>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompositeConfig {
    pub max_total_spans_per_second: i64,
    /// Has no effect, as in the Collector: the order of `composite_sub_policy` counts.
    #[serde(deserialize_with = "null_is_default")]
    pub policy_order: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub composite_sub_policy: Vec<PolicyConfig>,
    #[serde(deserialize_with = "null_is_default")]
    pub rate_allocation: Vec<RateAllocationConfig>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateAllocationConfig {
    pub policy: String,
    pub percent: i64,
}

/// A key without a value (`policies:`) has the default, as in the Collector.
fn null_is_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}
