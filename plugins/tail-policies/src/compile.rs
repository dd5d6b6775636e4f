//! From a policy's config to the policy. An error names the key.

use std::collections::HashMap;

use spanloom_plugin::ConfigError;

use crate::{
    composite::{Composite, Part},
    condition::Conditions,
    config::{CompositeConfig, Kind, NumericConfig, PolicyConfig, StatusCodeConfig, StringConfig},
    limit::{Bucket, Cost, Limit},
    pattern::{self, Patterns},
    policy::Policy,
    test::{AttributeTest, LatencyTest, Matcher, ProbabilityTest, Test, Tested, TraceStateTest},
};

/// Compiles a policy of the list `policies`. `at` is its path.
pub(crate) fn policy(config: &PolicyConfig, at: &str) -> Result<Policy, ConfigError> {
    match config.kind {
        Kind::And => and(config, at),
        Kind::Not => not(config, at),
        Kind::Drop => {
            let at = format!("{at}.drop.drop_sub_policy");
            Ok(Policy::Drop(parts(&config.drop.drop_sub_policy, &at, part_of_and)?))
        }
        Kind::Composite => composite(&config.composite, &format!("{at}.composite")),
        _ => simple(config, at),
    }
}

fn and(config: &PolicyConfig, at: &str) -> Result<Policy, ConfigError> {
    let at = format!("{at}.and.and_sub_policy");
    Ok(Policy::And(parts(&config.and.and_sub_policy, &at, part_of_and)?))
}

fn not(config: &PolicyConfig, at: &str) -> Result<Policy, ConfigError> {
    let at = format!("{at}.not.not_sub_policy");
    match &config.not.not_sub_policy {
        Some(part) => Ok(Policy::Not(Box::new(simple(part, &at)?))),
        None => Err(ConfigError::new(at, "is missing: a policy of type `not` has one")),
    }
}

fn parts(
    configs: &[PolicyConfig],
    at: &str,
    part: fn(&PolicyConfig, &str) -> Result<Policy, ConfigError>,
) -> Result<Vec<Policy>, ConfigError> {
    let parts = configs.iter().enumerate();
    parts.map(|(number, config)| part(config, &format!("{at}[{number}]"))).collect()
}

fn part_of_and(config: &PolicyConfig, at: &str) -> Result<Policy, ConfigError> {
    if config.kind == Kind::Not { not(config, at) } else { simple(config, at) }
}

fn part_of_composite(config: &PolicyConfig, at: &str) -> Result<Policy, ConfigError> {
    if config.kind == Kind::And { and(config, at) } else { simple(config, at) }
}

fn composite(config: &CompositeConfig, at: &str) -> Result<Policy, ConfigError> {
    let max_total = config.max_total_spans_per_second as f64;
    let even = max_total / config.composite_sub_policy.len() as f64;
    let percents = config.rate_allocation.iter().map(|of| (of.policy.as_str(), of.percent));
    let percents: HashMap<&str, i64> = percents.collect();
    let at = format!("{at}.composite_sub_policy");
    let policies = parts(&config.composite_sub_policy, &at, part_of_composite)?;
    let parts = policies.into_iter().zip(&config.composite_sub_policy).map(|(policy, of)| {
        let percent = percents.get(of.name.as_str()).filter(|percent| **percent > 0);
        let allocated = percent.map_or(even, |percent| *percent as f64 / 100.0 * max_total);
        Part::new(&of.name, policy, allocated as i64)
    });
    Ok(Policy::Composite(Composite::new(config.max_total_spans_per_second, parts.collect())))
}

/// Compiles a policy that has no parts.
fn simple(config: &PolicyConfig, at: &str) -> Result<Policy, ConfigError> {
    let test = match config.kind {
        Kind::AlwaysSample => return Ok(Policy::AlwaysSample),
        Kind::RateLimiting => {
            let of = &config.rate_limiting;
            let bucket = Bucket::new(of.spans_per_second, of.burst_capacity);
            return Ok(Policy::Limit(Limit::new(Cost::Spans, bucket, &of.key)));
        }
        Kind::BytesLimiting => {
            let of = &config.bytes_limiting;
            let bucket = Bucket::new(of.bytes_per_second, of.burst_capacity);
            return Ok(Policy::Limit(Limit::new(Cost::Bytes, bucket, &of.key)));
        }
        Kind::Latency => Test::Latency(LatencyTest {
            above_ms: config.latency.threshold_ms,
            up_to_ms: config.latency.upper_threshold_ms,
        }),
        Kind::NumericAttribute => numeric(&config.numeric_attribute, at)?,
        Kind::Probabilistic => {
            let of = &config.probabilistic;
            Test::Probability(ProbabilityTest::new(&of.hash_salt, of.sampling_percentage))
        }
        Kind::StatusCode => status_code(&config.status_code, at)?,
        Kind::StringAttribute => string(&config.string_attribute, at)?,
        Kind::SpanCount => {
            let max = Some(i64::from(config.span_count.max_spans)).filter(|max| *max != 0);
            Test::SpanCount { min: i64::from(config.span_count.min_spans), max }
        }
        Kind::TraceState => {
            Test::TraceState(TraceStateTest::new(&config.trace_state.key, &config.trace_state.values))
        }
        Kind::TraceFlags => Test::TraceFlags,
        Kind::BooleanAttribute => {
            let of = &config.boolean_attribute;
            let matcher = Matcher::Bool(of.value);
            Test::Attribute(AttributeTest { key: of.key.clone(), matcher, invert: of.invert_match })
        }
        Kind::OttlCondition => {
            Test::Conditions(Conditions::new(&config.ottl_condition, &format!("{at}.ottl_condition"))?)
        }
        Kind::And | Kind::Not | Kind::Drop | Kind::Composite => {
            let message = "a policy with parts cannot stand here: `not` may be a part of `and` and `drop`, and `and` of \
                           `composite`";
            return Err(ConfigError::new(format!("{at}.type"), message));
        }
    };
    Ok(Policy::Test(Tested::new(test)))
}

fn numeric(config: &NumericConfig, at: &str) -> Result<Test, ConfigError> {
    let (min, max) = (config.min_value, config.max_value);
    if min == 0 && max == 0 {
        let message = "needs a `min_value` or a `max_value`; 0 counts as not set";
        return Err(ConfigError::new(format!("{at}.numeric_attribute"), message));
    }
    let bound = |value: i64, none: i64| if value == 0 { none } else { value };
    let matcher = Matcher::Range { min: bound(min, i64::MIN), max: bound(max, i64::MAX) };
    Ok(Test::Attribute(AttributeTest { key: config.key.clone(), matcher, invert: config.invert_match }))
}

fn string(config: &StringConfig, at: &str) -> Result<Test, ConfigError> {
    let matcher = if config.enabled_regex_matching {
        let compile = |(number, value): (usize, &String)| {
            let at = format!("{at}.string_attribute.values[{number}]");
            pattern::compile(value).map_err(|why| ConfigError::new(at, why))
        };
        let patterns: Result<Vec<_>, ConfigError> = config.values.iter().enumerate().map(compile).collect();
        Matcher::Patterns(Patterns::new(patterns?, config.cache_max_size))
    } else {
        Matcher::Texts(config.values.iter().filter(|value| !value.is_empty()).cloned().collect())
    };
    Ok(Test::Attribute(AttributeTest { key: config.key.clone(), matcher, invert: config.invert_match }))
}

fn status_code(config: &StatusCodeConfig, at: &str) -> Result<Test, ConfigError> {
    let at = format!("{at}.status_code.status_codes");
    if config.status_codes.is_empty() {
        return Err(ConfigError::new(at, "names no status: `OK`, `ERROR` or `UNSET`"));
    }
    let [mut unset, mut ok, mut error] = [false; 3];
    for (number, code) in config.status_codes.iter().enumerate() {
        match code.as_str() {
            "UNSET" => unset = true,
            "OK" => ok = true,
            "ERROR" => error = true,
            other => {
                let message = format!("`{other}` is no status: `OK`, `ERROR` or `UNSET`");
                return Err(ConfigError::new(format!("{at}[{number}]"), message));
            }
        }
    }
    Ok(Test::StatusCode([unset, ok, error]))
}
