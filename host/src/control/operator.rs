//! Lists what an operator may ask of a running process.

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    decisions::SamplingDecisions,
    status::{Reload, Status},
};
use crate::swap::attempt::Attempt;

/// The requests that an operator may make. Any number of tasks may call them. Each call returns in a limited
/// time. If the caller no longer waits, the change is made completely or not at all.
#[async_trait]
pub trait Operator: Send + Sync {
    async fn status(&self) -> Status;

    /// Returns the last decisions of the samplers.
    async fn decisions(&self) -> SamplingDecisions;

    /// Runs another version of the plugin. If the file is refused, this is an outcome and not an error.
    async fn swap(&self, plugin: &str, request: SwapRequest) -> Result<Attempt, OperatorError>;

    /// Runs the previous version again.
    async fn rollback(&self, plugin: &str) -> Result<Attempt, OperatorError>;

    /// Ignores changes of the plugin's file from now on.
    async fn pause(&self, plugin: &str) -> Result<(), OperatorError>;

    /// Acts on changes of the plugin's file again. Returns the outcome of the change during the pause, if
    /// there was one.
    async fn resume(&self, plugin: &str) -> Result<Option<Attempt>, OperatorError>;

    /// Reads the config again.
    async fn reload(&self) -> Result<Reload, OperatorError>;
}

/// The reason why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    #[error("no plugin {name}; {}", there_are(known))]
    UnknownPlugin { name: String, known: Vec<String> },
    /// The request is not possible now: for example, there is no version to go back to.
    #[error("{0}")]
    Impossible(String),
    /// Too many requests wait, or the service is ending.
    #[error("{0}; try again later")]
    Unavailable(String),
}

/// The body of `POST /v1/plugins/{name}/swap`. It may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwapRequest {
    /// The path of the file, from the root. `None`: the configured file, as it is now.
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
