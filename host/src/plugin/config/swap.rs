//! Configures how a new version of its file replaces a plugin.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::Visitor};

use crate::config::{ConfigError, Duration};

/// `plugins.NAME.swap`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwapConfig {
    /// True to watch the file. Operators' requests are carried out in any case.
    pub watch: bool,
    /// How long a new version is compared with the previous one, which is restored if the new one is worse.
    /// 0: not at all.
    pub probation: Duration,
    /// How much larger the share of failed calls may be than the previous version's.
    pub max_error_rate: Share,
    /// How many times as long an item may take as with the previous version. At least 1.
    pub max_slowdown: f64,
    /// The share of the batches that a new version gets during its probation, if not all.
    pub canary: Option<Share>,
    /// True to run a new version on copies. Its output is compared and discarded. The version takes over when
    /// an operator asks for it.
    pub shadow: bool,
}

/// A share from 0 to 1, written `10%` or `0.1`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no share: write it as `10%`, or as `0.1`")]
pub struct NotAShare(String);

impl Default for SwapConfig {
    fn default() -> SwapConfig {
        SwapConfig {
            watch: true,
            probation: Duration::from_secs(30),
            max_error_rate: Share(0.001),
            max_slowdown: 3.0,
            canary: None,
            shadow: false,
        }
    }
}

impl SwapConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let on = |key: &str, message: &str| Some(ConfigError::on(&format!("swap::{key}"), message));
        let slowdown =
            || on("max_slowdown", "`max_slowdown` is at least 1: how many times the time it may take");
        let both = || {
            on(
                "shadow",
                "`shadow` uses nothing of a new version, and `canary` a share of it: write one of them",
            )
        };
        let canary = || on("canary", "`canary` needs a `probation` to last for");
        let nobody =
            || on("canary", "`canary` is more than 0%: to use nothing of a new version write `shadow: true`");
        let wrong = [
            (!self.max_slowdown.is_finite() || self.max_slowdown < 1.0).then(slowdown),
            (self.shadow && self.canary.is_some()).then(both),
            (self.canary.is_some() && self.probation.0.is_zero()).then(canary),
            self.canary.is_some_and(|share| share.0 <= 0.0).then(nobody),
        ];
        let findings = wrong.into_iter().flatten().flatten().flat_map(ConfigError::into_findings);
        ConfigError::from_findings(findings.collect())
    }
}

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Share, NotAShare> {
        let parsed = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().map(|percent: f64| percent / 100.0),
            None => text.trim().parse(),
        };
        match parsed {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Share(share)),
            _ => Err(NotAShare(text.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Share, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Share;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a share, as `10%` or `0.1`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Share, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_f64<E: serde::de::Error>(self, share: f64) -> Result<Share, E> {
                share.to_string().parse().map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, share: i64) -> Result<Share, E> {
                self.visit_f64(share as f64)
            }

            fn visit_u64<E: serde::de::Error>(self, share: u64) -> Result<Share, E> {
                self.visit_f64(share as f64)
            }
        }

        from.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Node;

    fn read(config: serde_json::Value) -> Result<SwapConfig, String> {
        let read: SwapConfig =
            Node::from_json(config).read().map_err(|error: ConfigError| error.to_string())?;
        read.validate().map_err(|error| error.to_string()).map(|()| read)
    }

    /// Scenario: shares are written as percentages and numbers, and wrongly.
    /// Guarantees: the first two are read, and wrong ones are refused.
    #[test]
    fn shares_are_percent_or_numbers() {
        let canary = |share| read(json!({ "canary": share })).map(|config| config.canary.unwrap().0);
        assert_eq!(canary(json!("10%")), Ok(0.1));
        assert_eq!(canary(json!("0.5 %")), Ok(0.005));
        assert_eq!(canary(json!(0.25)), Ok(0.25));
        assert_eq!(canary(json!(1)), Ok(1.0));
        for wrong in [json!("ten"), json!("101%"), json!(-1), json!(10), json!("NaN"), json!("")] {
            assert!(canary(wrong.clone()).unwrap_err().contains("is no share"), "{wrong}");
        }
    }

    /// Scenario: settings exclude one another, or are out of range.
    /// Guarantees: each is refused with what to write.
    #[test]
    fn what_excludes_one_another_is_refused() {
        assert!(read(json!({ "shadow": true, "canary": "10%" })).unwrap_err().contains("write one of them"));
        assert!(
            read(json!({ "probation": "0s", "canary": "10%" })).unwrap_err().contains("needs a `probation`")
        );
        assert!(read(json!({ "canary": 0 })).unwrap_err().contains("`shadow: true`"));
        assert!(read(json!({ "max_slowdown": 0.5 })).unwrap_err().contains("at least 1"));
        assert!(read(json!({ "probaton": "1s" })).unwrap_err().contains("did you mean"));
        assert_eq!(read(json!({})), Ok(SwapConfig::default()));
    }
}
