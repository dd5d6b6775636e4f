//! What an operator may ask of a running process.

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::status::{Reload, Status};
use crate::swap::attempt::Attempt;

/// What an operator may ask for. Called by any number of tasks; each call ends by itself, and one that nobody waits for any
/// more is either done in full or not at all.
#[async_trait]
pub trait Operator: Send + Sync {
    async fn status(&self) -> Status;

    /// Runs another version of the plugin. That the file is refused is an outcome and no error.
    async fn swap(&self, plugin: &str, request: SwapRequest) -> Result<Attempt, OperatorError>;

    /// Runs the version before the current one again.
    async fn rollback(&self, plugin: &str) -> Result<Attempt, OperatorError>;

    /// From now on, changes of the plugin's file are not acted on.
    async fn pause(&self, plugin: &str) -> Result<(), OperatorError>;

    /// Changes of the plugin's file are acted on again. What came of the one that was made meanwhile, if there was one.
    async fn resume(&self, plugin: &str) -> Result<Option<Attempt>, OperatorError>;

    /// Reads the config again.
    async fn reload(&self) -> Result<Reload, OperatorError>;
}

/// Why a request was not acted on at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    #[error("no plugin {name}; {}", there_are(known))]
    UnknownPlugin { name: String, known: Vec<String> },
    /// As things stand it cannot be done: nothing to go back to, no file.
    #[error("{0}")]
    Impossible(String),
    /// Too many wait already, or the service ends.
    #[error("{0}; try again later")]
    Unavailable(String),
}

/// The body of `POST /v1/plugins/{name}/swap`; may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwapRequest {
    /// From the root. `None`: the configured one, as it is now.
    pub file: Option<PathBuf>,
    /// Changes that are refused unless they are named here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Allowance>,
}

/// A change that a new version may bring only if the operator names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowance {
    /// The new version has another role than the running one, or takes or emits fewer signals.
    RoleChange,
}

fn there_are(known: &[String]) -> String {
    match known {
        [] => "there is none".to_owned(),
        known => format!("there are: {}", known.join(", ")),
    }
}
