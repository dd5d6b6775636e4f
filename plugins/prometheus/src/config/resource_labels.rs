//! The resource attributes that become labels of every series.

use std::str::Chars;

use serde::Deserialize;
use spanloom_plugin::ConfigError;

/// A section that selects resource attributes, by patterns with `*` and `?` for their keys. The older section also
/// has switches. In the newer one they may only be off, as the Collector prints them.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ConversionConfig {
    enabled: bool,
    exclude_service_attributes: bool,
    included: Vec<String>,
    excluded: Vec<String>,
}

/// Selects the resource attributes that become labels of every series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResourceLabels {
    included: Vec<String>,
    excluded: Vec<String>,
}

const OF_SERVICE: &[&str] = &["service.name", "service.instance.id", "service.namespace"];

/// Returns what `resource_constant_labels` selects, or else the older section.
pub(super) fn resource_labels(
    new: &ConversionConfig,
    old: &ConversionConfig,
) -> Result<ResourceLabels, ConfigError> {
    if let Some(key) = new.switch() {
        return Err(ConfigError::new(
            format!("resource_constant_labels.{key}"),
            "belongs to `resource_to_telemetry_conversion`; use `included` and `excluded` here",
        ));
    }
    let (new, patterns) =
        (ResourceLabels::of(&new.included, &new.excluded), ResourceLabels::of(&old.included, &old.excluded));
    let switch = old.switch();
    if let Some(key) = switch.filter(|_| !patterns.is_none()) {
        return Err(ConfigError::new(
            format!("resource_to_telemetry_conversion.{key}"),
            "cannot be set beside `included` and `excluded`",
        ));
    }
    if !new.is_none() && (switch.is_some() || !patterns.is_none()) {
        return Err(ConfigError::new(
            "resource_to_telemetry_conversion",
            "cannot be set beside `resource_constant_labels`, which replaces it",
        ));
    }
    Ok(match old.enabled {
        true => ResourceLabels::all_but(if old.exclude_service_attributes { OF_SERVICE } else { &[] }),
        false if new.is_none() => patterns,
        false => new,
    })
}

impl ConversionConfig {
    /// Returns the key of a switch that is on.
    fn switch(&self) -> Option<&'static str> {
        let switches =
            [("enabled", self.enabled), ("exclude_service_attributes", self.exclude_service_attributes)];
        switches.into_iter().find(|(_, on)| *on).map(|(key, _)| key)
    }
}

impl ResourceLabels {
    /// Makes the selection of patterns. Whoever says only what is excluded includes the others.
    fn of(included: &[String], excluded: &[String]) -> ResourceLabels {
        match included.is_empty() && !excluded.is_empty() {
            true => ResourceLabels { included: vec!["*".to_owned()], excluded: excluded.into() },
            false => ResourceLabels { included: included.into(), excluded: excluded.into() },
        }
    }

    fn all_but(excluded: &[&str]) -> ResourceLabels {
        let excluded = excluded.iter().copied().map(String::from).collect();
        ResourceLabels { included: vec!["*".to_owned()], excluded }
    }

    fn is_none(&self) -> bool {
        self.included.is_empty()
    }

    pub(crate) fn takes(&self, key: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, key));
        any(&self.included) && !any(&self.excluded)
    }
}

/// Returns whether the text matches the pattern. `*` matches anything, and `?` matches one character. Only
/// the last `*` is retried, which avoids exponential time.
fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut again: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let here = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                again = Some((pattern.clone(), here.clone()));
                text = here;
            }
            (Some(expected), Some(c)) if expected == '?' || expected == c => {}
            _ => {
                let Some((after, mut rest)) = again.take() else { return false };
                if rest.next().is_none() {
                    return false;
                }
                again = Some((after.clone(), rest.clone()));
                (pattern, text) = (after, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_with_many_stars_ends() {
        assert!(matches("*a*b*c", "xxaxxbxxc"));
        assert!(!matches(&"a*".repeat(50), &format!("{}b", "a".repeat(49))));
        assert!(matches("", "") && matches("*", "") && !matches("?", "") && matches("gr??e", "größe"));
    }
}
