//! The outcome of one attempt to replace a plugin.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::plugin::factory::PluginType;

/// The outcome of one attempt to replace a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    pub outcome: Outcome,
    /// The hash of the file that was tried; empty if the file could not be read.
    pub sha256: String,
    /// The version that the plugin names, if the plugin was loaded.
    pub version: Option<String>,
    pub why: Option<String>,
    /// Milliseconds from the start of the attempt to its outcome.
    pub took_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Swapped,
    Unchanged,
    /// The new version gets a share of the batches.
    Canary,
    /// The new version was refused. The previous version still runs.
    Rejected,
    /// The new version ran, and the previous version runs again.
    RolledBack,
    /// The new version runs on copies of the batches.
    Shadowing,
}

/// The limit of each text that comes from a plugin, a destination or a file.
const TEXT_LIMIT_BYTES: usize = 2 << 10;

impl Attempt {
    pub(crate) fn shortened(mut self) -> Attempt {
        self.version.iter_mut().chain(&mut self.why).for_each(shorten);
        self
    }

    pub(crate) fn of(current: &PluginType, outcome: Outcome, why: Option<String>) -> Attempt {
        let plugin = current.plugin();
        Attempt {
            at: SystemTime::now(),
            outcome,
            sha256: plugin.sha256.to_string(),
            version: Some(plugin.description.version.clone()),
            why,
            took_ms: 0,
        }
    }

    /// Writes the attempt in one line: `plugin redactor: rejected: the file is cut short`.
    pub(crate) fn in_a_line(&self, plugin: &str) -> String {
        let why = self.why.iter().flat_map(|why| [": ", why]);
        format!("plugin {plugin}: {}{}", self.outcome.as_str(), why.collect::<String>())
    }
}

impl Outcome {
    /// Returns the name of the outcome, which is also the `outcome` label of `spanloom_plugin_swaps`.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Swapped => "swapped",
            Outcome::Unchanged => "unchanged",
            Outcome::Canary => "canary",
            Outcome::Rejected => "rejected",
            Outcome::RolledBack => "rolled_back",
            Outcome::Shadowing => "shadowing",
        }
    }
}

pub(crate) fn shorten(text: &mut String) {
    if text.len() > TEXT_LIMIT_BYTES {
        text.truncate(text.floor_char_boundary(TEXT_LIMIT_BYTES));
        text.push('…');
    }
}
