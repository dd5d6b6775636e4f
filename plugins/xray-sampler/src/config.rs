//! The config that users write.

use serde::Deserialize;
use spanloom_plugin::{ConfigError, Duration};

use crate::local::Document;

/// The longest `timeout`.
const MAX_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) source: Source,
    /// The rules of the source `local`, and the fallback of the others. `None`: one trace a second and 5 %.
    pub(crate) rules: Option<Document>,
    /// The URL of the API, which the host always sets unless the source is `local`.
    pub(crate) endpoint: String,
    /// These are for the host, and only read here so that they are known.
    region: String,
    role_arn: String,
    external_id: String,
    profile: String,
    pub(crate) rules_interval: Duration,
    pub(crate) targets_interval: Duration,
    pub(crate) timeout: Duration,
}

/// Where the rules come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// The API, with signed requests.
    #[default]
    Service,
    /// The port of an X-Ray daemon, or of a proxy like it, which signs the requests.
    Proxy,
    Local,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            source: Source::Service,
            rules: None,
            endpoint: String::new(),
            region: String::new(),
            role_arn: String::new(),
            external_id: String::new(),
            profile: String::new(),
            rules_interval: Duration::from_secs(300),
            targets_interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
        }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if let Some(rules) = &self.rules {
            rules
                .validate()
                .map_err(|error| ConfigError::new(format!("rules.{}", error.path), error.message))?;
        }
        if self.source == Source::Local && self.rules.is_none() {
            return Err(ConfigError::new("rules", "is missing: the source `local` has no other rules"));
        }
        let is_url = ["http://", "https://"].iter().any(|scheme| self.endpoint.starts_with(scheme));
        if self.source != Source::Local && !is_url {
            let message = format!("`{}` is not a URL: write http:// or https:// and a host", self.endpoint);
            return Err(ConfigError::new("endpoint", message));
        }
        let times = [
            ("rules_interval", self.rules_interval),
            ("targets_interval", self.targets_interval),
            ("timeout", self.timeout),
        ];
        if let Some((key, _)) = times.into_iter().find(|(_, time)| time.as_millis() == 0) {
            return Err(ConfigError::new(key, "has to be at least a millisecond"));
        }
        if *self.timeout > MAX_TIMEOUT {
            let message = "has to be at most a minute: no trace is decided while a request waits";
            return Err(ConfigError::new("timeout", message));
        }
        Ok(())
    }
}
