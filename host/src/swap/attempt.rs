//! What came of one attempt to replace a plugin.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::plugin::factory::PluginType;

/// What came of one attempt to replace a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    pub outcome: Outcome,
    /// Of the file that was tried; empty if it could not be read.
    pub sha256: String,
    /// What it calls itself, if it came so far.
    pub version: Option<String>,
    pub why: Option<String>,
    /// From the moment that the file was whole to the first batch's.
    pub took_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Swapped,
    Unchanged,
    /// It has a share of the batches.
    Canary,
    /// What ran runs on.
    Rejected,
    /// It ran, and the version before is back.
    RolledBack,
    /// It runs on copies.
    Shadowing,
}

/// Of each text that a plugin, a destination or a file gives.
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

    /// `plugin redactor: rejected: the file is cut short`
    pub(crate) fn in_a_line(&self, plugin: &str) -> String {
        let why = self.why.iter().flat_map(|why| [": ", why]);
        format!("plugin {plugin}: {}{}", self.outcome.as_str(), why.collect::<String>())
    }
}

impl Outcome {
    /// Also the `outcome` label of `spanloom_plugin_swaps`.
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
