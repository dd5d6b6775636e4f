//! The entry of a built-in plugin that no file replaces.

use serde::Deserialize;

use super::Builtin;
use crate::{
    config::{Config, ConfigError, Node},
    plugin::{
        config::{LimitsConfig, OnFailure},
        outside::{GrantsConfig, http::grant},
    },
};

/// The keys of a built-in plugin without `path`.
///
/// ```yaml
/// plugins:
///   tail_sampling_policies: { limits: { call_timeout: 30s }, on_failure: pass }
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::plugin) struct BuiltinConfig {
    /// What is not given here is as wide as for every built-in plugin, and wider than for a file.
    #[serde(default)]
    pub(in crate::plugin) limits: LimitsConfig,
    #[serde(default)]
    pub(in crate::plugin) grants: GrantsConfig,
    #[serde(default)]
    pub(in crate::plugin) on_failure: OnFailure,
}

impl BuiltinConfig {
    /// Reads the entry of a built-in plugin. Without an entry, the defaults hold.
    pub(in crate::plugin) fn of(config: &Config, builtin: &Builtin) -> Result<BuiltinConfig, ConfigError> {
        let mut entries = config.plugins.iter();
        match entries.find(|(name, node)| builtin.is_called(name) && node.is_map()) {
            Some((_, node)) => BuiltinConfig::read(node, builtin),
            None => Ok(BuiltinConfig {
                limits: builtin.limits(),
                grants: GrantsConfig::default(),
                on_failure: OnFailure::default(),
            }),
        }
    }

    fn read(node: &Node, builtin: &Builtin) -> Result<BuiltinConfig, ConfigError> {
        let mut config: BuiltinConfig = node.read()?;
        let (given, usual) = (node.get("limits"), builtin.limits());
        let is_given =
            |key| given.is_some_and(|limits| limits.get(key).is_some_and(|value| !value.is_null()));
        let limits = &mut config.limits;
        if !is_given("memory_mib") {
            limits.memory_mib = usual.memory_mib;
        }
        if !is_given("held_mib") {
            limits.held_mib = usual.held_mib;
        }
        if !is_given("call_timeout") {
            limits.call_timeout = usual.call_timeout;
        }
        let grants = &config.grants;
        let parts = [
            config.limits.validate(),
            grant::validate(&grants.http).map_err(|error| error.below("grants::http")),
            grants
                .store
                .map_or(Ok(()), |store| store.open().map(drop))
                .map_err(|error| error.below("grants::store")),
        ];
        ConfigError::all(parts).map_err(|error| error.within(node))?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<BuiltinConfig, ConfigError> {
        let (config, _) = Config::read(&Node::parse("spanloom.yaml", text)?);
        BuiltinConfig::of(
            &config,
            Builtin::find(crate::id::Kind::Processor, "tail_sampling_policies").unwrap(),
        )
    }

    /// Scenario: the entry of a built-in plugin gives one limit and `on_failure`, or nothing; there is none.
    /// Guarantees: what is not given is as for the built-in plugin, not as for a file.
    #[test]
    fn a_built_in_plugin_needs_no_path() {
        let text = "plugins: {tail_sampling_policies: {limits: {call_timeout: 30s}, on_failure: pass}}";
        let config = read(text).unwrap();
        assert_eq!(config.on_failure, OnFailure::Pass);
        assert_eq!((config.limits.memory_mib, config.limits.call_timeout.0), (256, Duration::from_secs(30)));
        for text in ["plugins: {}", "plugins: {tail_sampling_policies: {}}", "plugins: {other: {path: x}}"] {
            let config = read(text).unwrap();
            assert_eq!(
                (config.limits.memory_mib, config.limits.call_timeout.0),
                (256, Duration::from_secs(10))
            );
        }
    }

    /// Scenario: the entry has keys that only a file has, and a limit out of its range.
    /// Guarantees: the error names the key.
    #[test]
    fn keys_of_a_file_are_refused_without_one() {
        for (keys, error) in [
            ("swap: {watch: false}", "unknown key `swap`"),
            ("limits: {memory_mib: 0}", "`memory_mib` is from 1 to 1024"),
        ] {
            let refused = read(&format!("plugins: {{tail_sampling_policies: {{{keys}}}}}")).unwrap_err();
            assert!(refused.to_string().contains(error), "{refused}");
        }
    }
}
