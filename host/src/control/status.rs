//! The status that an operator sees with `spanloom status` or `GET /v1/status` of the admin endpoint.

use std::{collections::BTreeMap, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::swap::{
    attempt::{Attempt, shorten},
    rfc3339,
};

/// The status of the whole process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of Spanloom.
    pub version: String,
    #[serde(with = "rfc3339")]
    pub started: SystemTime,
    pub config: ConfigStatus,
    /// One row for each receiver, transport and signal.
    #[serde(default)]
    pub receivers: Vec<ReceiverStatus>,
    /// One row for each receiver and transport that can lose requests or datagrams.
    #[serde(default)]
    pub untaken: Vec<UntakenStatus>,
    /// One row for each pipeline and destination.
    #[serde(default)]
    pub destinations: Vec<DestinationStatus>,
    pub plugins: Vec<PluginStatus>,
}

/// The items of one signal that a receiver accepted and refused over one transport. A connector is a receiver
/// too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverStatus {
    pub receiver: String,
    /// `grpc`, `http` or `connector`.
    pub transport: String,
    pub signal: String,
    pub accepted: u64,
    pub refused: u64,
}

/// The requests or datagrams of a receiver over one transport from which no telemetry was taken. They are in no other
/// figure, since nobody knows which items were in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntakenStatus {
    pub receiver: String,
    /// `http`, `grpc`, `tcp` or `udp`.
    pub transport: String,
    /// Those that the receiver's plugin rejected, by its reason.
    pub rejected: BTreeMap<String, u64>,
    /// The datagrams that were dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// What became of one pipeline's items on their way to one destination: `received = delivered + sampled_out +
/// dropped + in_flight`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationStatus {
    pub pipeline: String,
    /// The exporter or connector.
    pub destination: String,
    pub received: u64,
    pub delivered: u64,
    pub sampled_out: u64,
    /// The dropped items by reason.
    pub dropped: BTreeMap<String, u64>,
    pub in_flight: u64,
    /// The queue of the exporter, for all pipelines of the signal. `None` if there is no queue.
    pub queue: Option<QueueStatus>,
    /// The time of the first failed attempt to send since the last success.
    #[serde(with = "rfc3339::option")]
    pub failing_since: Option<SystemTime>,
    /// The last failed attempt to send, or a later loss of items. A loss does not count while the destination
    /// fails.
    pub last_error: Option<ErrorStatus>,
}

/// The fill of a queue, in units of the queue's sizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    pub size: u64,
    pub capacity: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorStatus {
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// The message in one line, shortened.
    pub message: String,
}

impl Status {
    /// Shortens each text that does not come from the config. So the config bounds the size of a status.
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
    /// When the running config was read.
    #[serde(with = "rfc3339")]
    pub loaded: SystemTime,
    /// The last attempt to read the config again.
    pub last: Option<Reload>,
}

/// The outcome of reading the config again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    pub outcome: ReloadOutcome,
    /// The changes, or the mistake.
    pub why: Option<String>,
    /// The plugins whose file has changed but was refused, so that their previous version still runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_plugins: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadOutcome {
    Reloaded,
    Unchanged,
    Rejected,
}

impl ReloadOutcome {
    /// Returns the name of the outcome, which is also the `outcome` label of `spanloom_config_reloads`.
    pub fn as_str(self) -> &'static str {
        match self {
            ReloadOutcome::Reloaded => "reloaded",
            ReloadOutcome::Unchanged => "unchanged",
            ReloadOutcome::Rejected => "rejected",
        }
    }
}

/// The status of one plugin, for all components that use it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginStatus {
    /// The name in the config.
    pub name: String,
    pub role: String,
    /// The version that the plugin names.
    pub version: String,
    pub sha256: String,
    /// The path of the file; `None` if the plugin is built in.
    pub path: Option<String>,
    pub components: Vec<String>,
    /// The highest generation of the components.
    pub generation: u64,
    #[serde(with = "rfc3339")]
    pub since: SystemTime,
    pub state: PluginState,
    /// True if changes of the file are ignored for now.
    pub paused: bool,
    /// The calls of the current generation. The fields that follow concern this generation too.
    pub calls: u64,
    pub items: u64,
    pub busy_ns: u64,
    pub ns_per_item: Option<f64>,
    pub errors: Errors,
    /// The failures of the last batches, if all of them have failed.
    #[serde(default)]
    pub failing: Option<FailingStatus>,
    /// The last attempt to replace the plugin.
    pub last: Option<Attempt>,
    pub shadow: Option<ShadowStatus>,
}

/// Five batches or more that failed in a row. The log says why they failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingStatus {
    /// The number of batches in the component that has the most.
    pub batches: u64,
    /// Whether the plugin fails on made-up data too and is left alone for a while. Otherwise the fault is in
    /// the batches, or in how the plugin handles them, and the plugin is called for each batch.
    pub left_alone: bool,
}

/// The number of failed calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// Traps, calls past their deadline, and invalid answers.
    pub accidents: u64,
    /// Failures that the plugin itself returned.
    pub refusals: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    #[default]
    Serving,
    /// The version is compared with the previous one.
    Probation,
    /// A new version has a share of the batches.
    Canary,
    /// A new version runs on copies of the batches.
    Shadow,
}

/// Compares a new version's output with the running version's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShadowStatus {
    pub batches: u64,
    pub same: u64,
    pub different: u64,
    /// Calls of the new version that failed.
    pub failed: u64,
    /// Batches that the new version was not given, because it was busy.
    pub skipped: u64,
    pub first_difference: Option<String>,
}

#[cfg(test)]
mod tests {
    use crate::admin::tests::status;

    /// Scenario: a plugin's version and errors are megabytes of text.
    /// Guarantees: the status stays small.
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
