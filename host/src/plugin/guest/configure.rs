//! Asking a plugin what it says of a config, without a pipeline.

use super::{Shared, failure::CallError, instance::Instance, limits::Limits, plugin::Plugin};

/// What a plugin does not take of a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `keys[2]`, `tls.ca_file`; empty for the whole.
    pub path: String,
    pub message: String,
}

impl Plugin {
    /// Has a guest of its own configured, and lets go of it. It reaches nothing outside.
    pub async fn try_configure(
        &self,
        component: &str,
        config: &str,
        limits: &Limits,
    ) -> Result<Result<(), Refusal>, CallError> {
        let nobody = Shared::of_nobody(component, &self.name, limits)?;
        let mut guest = Instance::start(&self.exports, &nobody).await?;
        guest.configure(self.role, config).await
    }
}
