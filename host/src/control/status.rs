//! What an operator sees: `spanloom status`, and `GET /v1/status` of the admin endpoint.

use std::{collections::BTreeMap, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::swap::{
    attempt::{Attempt, shorten},
    rfc3339,
};

/// Of the whole process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Of Spanloom.
    pub version: String,
    #[serde(with = "rfc3339")]
    pub started: SystemTime,
    pub config: ConfigStatus,
    /// By receiver, transport and signal.
    #[serde(default)]
    pub receivers: Vec<ReceiverStatus>,
    /// By pipeline and destination.
    #[serde(default)]
    pub destinations: Vec<DestinationStatus>,
    pub plugins: Vec<PluginStatus>,
}

/// What a receiver took of one signal over one transport, and what it sent back, in items. A connector is a receiver, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverStatus {
    pub receiver: String,
    /// `grpc`, `http`, `connector`
    pub transport: String,
    pub signal: String,
    pub accepted: u64,
    pub refused: u64,
}

/// What became of one pipeline's items on their way to one destination: `received = delivered + sampled_out + dropped +
/// in_flight`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationStatus {
    pub pipeline: String,
    /// An exporter or a connector.
    pub destination: String,
    pub received: u64,
    pub delivered: u64,
    pub sampled_out: u64,
    /// By reason.
    pub dropped: BTreeMap<String, u64>,
    pub in_flight: u64,
    /// Of the exporter, for all pipelines of the signal. None if it has none.
    pub queue: Option<QueueStatus>,
    /// When the first attempt to send failed after which none has succeeded.
    #[serde(with = "rfc3339::option")]
    pub failing_since: Option<SystemTime>,
    /// The last failed attempt to send, or, unless the destination fails now, loss of items if that was later.
    pub last_error: Option<ErrorStatus>,
}

/// In units of the queue's sizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    pub size: u64,
    pub capacity: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorStatus {
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// In one line, shortened.
    pub message: String,
}

impl Status {
    /// With each text cut that comes from elsewhere than the config. So the size of a status is bounded by what the config
    /// names.
    pub(super) fn shortened(mut self) -> Status {
        self.config.last = self.config.last.map(Reload::shortened);
        for plugin in &mut self.plugins {
            shorten(&mut plugin.version);
            plugin.last = plugin.last.take().map(Attempt::shortened);
            let difference = plugin.shadow.as_mut().and_then(|shadow| shadow.first_difference.as_mut());
            difference.into_iter().for_each(shorten);
        }
        self
    }
}

impl Reload {
    pub(super) fn shortened(mut self) -> Reload {
        self.why.iter_mut().for_each(shorten);
        self
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigStatus {
    /// When what runs was read.
    #[serde(with = "rfc3339")]
    pub loaded: SystemTime,
    /// The last time that it was to be read again.
    pub last: Option<Reload>,
}

/// What came of reading the config again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    pub outcome: ReloadOutcome,
    /// What was changed, or what was wrong.
    pub why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadOutcome {
    Reloaded,
    Unchanged,
    Rejected,
}

impl ReloadOutcome {
    /// Also the `outcome` label of `spanloom_config_reloads`.
    pub fn as_str(self) -> &'static str {
        match self {
            ReloadOutcome::Reloaded => "reloaded",
            ReloadOutcome::Unchanged => "unchanged",
            ReloadOutcome::Rejected => "rejected",
        }
    }
}

/// Of one plugin, in all components that use it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginStatus {
    /// In the config.
    pub name: String,
    pub role: String,
    /// Its own.
    pub version: String,
    pub sha256: String,
    /// None if it is built in.
    pub path: Option<String>,
    pub components: Vec<String>,
    /// The highest of its components.
    pub generation: u64,
    #[serde(with = "rfc3339")]
    pub since: SystemTime,
    pub state: PluginState,
    /// Whether changes of the file are left alone for now.
    pub paused: bool,
    /// Of the current generation, as all that follows.
    pub calls: u64,
    pub items: u64,
    pub busy_ns: u64,
    pub ns_per_item: Option<f64>,
    pub errors: Errors,
    /// The last attempt to replace it.
    pub last: Option<Attempt>,
    pub shadow: Option<ShadowStatus>,
}

/// Calls that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// Traps, overruns, wrong answers.
    pub accidents: u64,
    /// What the plugin itself said has failed.
    pub refusals: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    #[default]
    Serving,
    /// Held against the version before.
    Probation,
    /// A new version has a share of the batches.
    Canary,
    /// A new version runs on copies.
    Shadow,
}

/// How a new version's output compares with that of the version that runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShadowStatus {
    pub batches: u64,
    pub same: u64,
    pub different: u64,
    /// Calls of the new version that failed.
    pub failed: u64,
    /// Batches that it was not given, since it was busy.
    pub skipped: u64,
    pub first_difference: Option<String>,
}

#[cfg(test)]
mod tests {
    use crate::admin::tests::status;

    /// A plugin's version of megabytes, and as long an error.
    #[test]
    fn no_text_of_a_plugin_makes_a_status_large() {
        let mut long = status();
        let text = || "é".repeat(5 << 20);
        for plugin in &mut long.plugins {
            plugin.version = text();
            plugin.last.iter_mut().for_each(|last| (last.version, last.why) = (Some(text()), Some(text())));
            plugin.shadow.iter_mut().for_each(|shadow| shadow.first_difference = Some(text()));
        }
        long.config.last.iter_mut().for_each(|last| last.why = Some(text()));
        let shown = serde_json::to_string(&long.shortened()).unwrap();
        assert!(shown.len() < 20_000, "{}", shown.len());
        assert_eq!(status().shortened().plugins.len(), 2);
    }
}
