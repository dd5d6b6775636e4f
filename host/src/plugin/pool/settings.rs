//! How a component uses its plugin.

use std::sync::Arc;

use super::{Pool, generation::Generation, metrics::PluginMetrics};
use crate::{
    plugin::{
        config::OnFailure,
        guest::{Shared, failure::CallError, limits::Limits, plugin::Plugin},
        load::card::Role,
        outside::Outside,
    },
    sampling::recording::Recording,
    telemetry::Telemetry,
};

/// How a component uses its plugin.
#[derive(Clone)]
pub struct StageSettings {
    /// The component's id.
    pub component: String,
    /// The component's config, as JSON.
    pub config: String,
    pub limits: Limits,
    pub outside: Outside,
    pub on_failure: OnFailure,
    /// How a sampler's reasons are recorded in the spans of the traces that it kept.
    pub recording: Option<Arc<Recording>>,
}

impl StageSettings {
    /// Creates the pool of the component's guests. Fails if the first guest does not start, or refuses the
    /// config.
    pub(in crate::plugin) async fn pool(
        &self,
        plugin: &Arc<Plugin>,
        role: Role,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Arc<Pool>, CallError> {
        let metrics = PluginMetrics::new(telemetry, &self.component, &plugin.name);
        let first = Generation::new(1, plugin, self.clone(), self.shared(plugin, telemetry));
        let pool = Pool::new(&self.component, role, first, metrics);
        pool.warm_up().await?;
        Ok(Arc::new(pool))
    }

    /// Creates what the guests of one generation share.
    pub(in crate::plugin) fn shared(&self, plugin: &Plugin, telemetry: &Arc<Telemetry>) -> Arc<Shared> {
        Arc::new(Shared::new(&self.component, &plugin.name, &self.limits, self.outside.clone(), telemetry))
    }
}
