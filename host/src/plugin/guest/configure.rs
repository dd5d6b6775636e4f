//! Asks a plugin whether it accepts a config, without a pipeline.

use super::{Shared, failure::CallError, instance::Instance, limits::Limits, plugin::Plugin};

/// A plugin's refusal of a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The place, such as `keys[2]` or `tls.ca_file`; empty for the whole config.
    pub path: String,
    pub message: String,
}

impl Plugin {
    /// Configures a separate guest, which cannot reach anything outside, and drops it.
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
