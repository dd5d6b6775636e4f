//! The operator of a running service is the task that changes it.

use std::path::PathBuf;

use async_trait::async_trait;

use super::{Operator, OperatorError};
use crate::swap::{
    control::{Control, ControlError, PluginWish},
    status::{Attempt, Reload, Status},
};

#[async_trait]
impl Operator for Control {
    async fn status(&self) -> Status {
        Control::status(self)
    }

    async fn swap(&self, plugin: &str, file: Option<PathBuf>) -> Result<Attempt, OperatorError> {
        Ok(self.plugin(plugin, PluginWish::Swap { file }).await?)
    }

    async fn rollback(&self, plugin: &str) -> Result<Attempt, OperatorError> {
        Ok(self.plugin(plugin, PluginWish::Rollback).await?)
    }

    async fn pause(&self, plugin: &str) -> Result<Attempt, OperatorError> {
        Ok(self.plugin(plugin, PluginWish::Pause).await?)
    }

    async fn resume(&self, plugin: &str) -> Result<Attempt, OperatorError> {
        Ok(self.plugin(plugin, PluginWish::Resume).await?)
    }

    async fn reload(&self) -> Result<Reload, OperatorError> {
        Ok(Control::reload(self).await?)
    }
}

impl From<ControlError> for OperatorError {
    fn from(error: ControlError) -> OperatorError {
        match error {
            ControlError::NoPlugin { name, known } => OperatorError::UnknownPlugin { name, known },
            ControlError::Busy => OperatorError::Unavailable("too much is waiting".to_owned()),
            ControlError::Ending => OperatorError::Unavailable("Spanloom is ending".to_owned()),
        }
    }
}
