//! A running plugin component. Its version or config can be replaced while batches pass.

use std::{sync::Arc, time::SystemTime};

use super::{
    Pool,
    breaker::Failing,
    generation::{Figures, Generation},
    handler, made_up,
    probation::{Probation, Verdict},
    settings::StageSettings,
    shadow::Comparison,
    tending::Settle,
};
use crate::{
    config::ConfigError,
    plugin::{
        guest::{
            Shared,
            failure::{CallError, CallErrorKind},
            plugin::Plugin,
        },
        load::card::Role,
        outside::Outside,
    },
    telemetry::Telemetry,
};

/// A handle to a running plugin component. Clones are cheap, and all refer to the same component.
#[derive(Clone)]
pub struct Live(Arc<Pool>);

/// A generation that is ready to take batches.
pub struct Prepared(Box<Generation>);

/// The running version of a component at one moment.
#[derive(Clone)]
pub struct Running {
    pub generation: u64,
    pub plugin: Arc<Plugin>,
    pub since: SystemTime,
    /// The counts since then.
    pub figures: Figures,
}

/// Why a new generation cannot replace the running one.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The change requires a new component, because the number of instances or a section of the config
    /// differs, for example.
    #[error("{0}")]
    OtherShape(String),
    /// The plugin does not accept the config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Pool {
    pub(in crate::plugin) fn live(self: &Arc<Pool>) -> Live {
        Live(self.clone())
    }
}

impl Live {
    /// Returns whether both handles refer to the same component of the same pipeline.
    pub fn is(&self, other: &Live) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the component's id.
    pub fn component(&self) -> &str {
        &self.0.component
    }

    /// Returns the plugin's name in the config.
    pub fn plugin_name(&self) -> &str {
        self.0.metrics.plugin()
    }

    pub(in crate::plugin) fn telemetry(&self) -> &Arc<Telemetry> {
        self.0.metrics.telemetry()
    }

    pub(in crate::plugin) fn outside(&self) -> Outside {
        self.0.current().settings.outside.clone()
    }

    pub fn running(&self) -> Running {
        let current = self.0.current();
        Running {
            generation: current.number,
            plugin: current.plugin.clone(),
            since: current.since,
            figures: current.record.figures(),
        }
    }

    /// Returns the state of the breaker, if the last batches have all failed.
    pub fn failing(&self) -> Option<Failing> {
        self.0.breaker.failing()
    }

    /// Starts and configures the first instances of a new generation, and tries them on made-up data. The
    /// running generation is not touched.
    ///
    /// # Errors
    /// The component would have to be built again, or an instance does not start, refuses the config, or
    /// fails.
    pub async fn prepare(
        &self,
        plugin: &Arc<Plugin>,
        settings: StageSettings,
    ) -> Result<Prepared, PrepareError> {
        let pool = &self.0;
        let current = Arc::clone(&pool.current());
        let (before, outside) = (&current.settings, &settings.outside);
        let shared = if before.limits == settings.limits && before.outside.is(outside) {
            current.shared.clone()
        } else {
            settings.shared(plugin, pool.metrics.telemetry())
        };
        let next = Generation::new(pool.next_number(), plugin, settings, shared);
        if let Some(difference) = difference(&current, &next) {
            return Err(PrepareError::OtherShape(difference));
        }
        self_check(&next).await?;
        next.prepare(plugin.role, pool.usage().instances.max(1)).await?;
        Ok(Prepared(Box::new(next)))
    }

    /// Makes the new generation the current one for every call that begins from now on (the flip). While it
    /// is on trial, batches on which it fails are given to the previous generation, which returns if the
    /// verdict is against the new one.
    pub fn admit(&self, next: Prepared, probation: Option<Arc<Probation>>) {
        self.0.advance(Arc::from(next.0), probation);
    }

    /// Stops the component's HTTP listener, so that another can use its address. Returns whether there was a
    /// listener.
    pub async fn stop_listening(&self) -> bool {
        self.0.stop_listening().await
    }

    /// Starts the component's HTTP listener again.
    ///
    /// # Errors
    /// The listener cannot be started.
    pub async fn listen(&self) -> anyhow::Result<()> {
        self.0.listen().await
    }

    /// Waits until no instance of a former generation is left.
    pub async fn turned_over(&self) {
        self.0.turn_over().await;
    }

    /// Gives the new generation a share of the calls, from 0 to 1, until it is [promoted](Live::promote) or
    /// [dismissed](Live::dismiss).
    ///
    /// # Errors
    /// The component is ending, and gets no more calls.
    pub async fn admit_canary(
        &self,
        next: Prepared,
        share: f64,
        probation: Arc<Probation>,
    ) -> Result<(), CallError> {
        self.dismiss().await;
        let ending = || CallError::new(CallErrorKind::Start, format!("`{}` is ending", self.component()));
        let settle = self.settle().ok_or_else(ending)?;
        self.0.set_canary(*next.0, share, probation, settle);
        Ok(())
    }

    /// Gives copies of the batches to the new generation until it is dismissed. Its guests cannot reach
    /// anything outside.
    ///
    /// # Errors
    /// The shadow's isolated environment cannot be created.
    pub async fn admit_shadow(&self, next: Prepared) -> Result<(), CallError> {
        self.dismiss().await;
        let Generation { number, plugin, settings, .. } = &*next.0;
        let nobody = Shared::of_nobody(&settings.component, &plugin.name, &settings.limits)?;
        self.0.set_shadow(Generation::new(*number, plugin, settings.clone(), nobody));
        Ok(())
    }

    /// Makes the canary the running version for all calls. First passes on what the canary holds.
    pub async fn promote(&self) {
        let Some(settle) = self.settle() else { return };
        if let Some(canary) = self.0.end_candidate(&*settle).await {
            self.0.advance(Arc::new(canary.again(self.0.next_number())), None);
            self.0.turn_over().await;
        }
    }

    /// Ends the canary or shadow.
    pub async fn dismiss(&self) {
        if let Some(settle) = self.settle() {
            self.0.end_candidate(&*settle).await;
        }
    }

    pub fn has_canary(&self) -> bool {
        self.0.has_canary()
    }

    /// Returns how the shadow's outcomes compare, or `None` without a shadow.
    pub fn comparison(&self) -> Option<Comparison> {
        self.0.comparison()
    }

    fn settle(&self) -> Option<Arc<dyn Settle>> {
        self.0.settle.get()?.upgrade()
    }

    /// Restores the previous generation, if the current one is on trial.
    pub fn put_back(&self) {
        self.0.put_back();
    }

    /// Returns why the generation on trial is worse, if there is one and it is.
    pub fn is_worse(&self) -> Option<String> {
        self.0.is_worse()
    }

    /// Ends the trial and keeps the current generation.
    pub fn keep(&self) {
        self.0.end_trial(&Verdict::Kept);
    }
}

/// Returns the first difference that prevents the new generation from replacing the current one.
fn difference(current: &Generation, next: &Generation) -> Option<String> {
    let (old, new) = (&current.plugin, &next.plugin);
    if old.role != new.role {
        return Some(format!("it is a {}, and the one that runs a {}", new.role, old.role));
    }
    if old.description.concurrency != new.description.concurrency {
        let (old, new) = (old.description.concurrency, new.description.concurrency);
        return Some(format!("its concurrency is {new:?}, and that of the one that runs {old:?}"));
    }
    if current.instances() != next.instances() {
        return Some("`limits.instances` changed".to_owned());
    }
    if old.emits != new.emits {
        return Some("it emits other signals than the one that runs".to_owned());
    }
    if old.listens != new.listens {
        return Some("it listens to other things than the one that runs".to_owned());
    }
    let endpoint =
        |of: &Generation| of.plugin.answers_http().then(|| handler::endpoint(&of.settings.config)).flatten();
    (endpoint(current) != endpoint(next)).then(|| "its HTTP endpoint changed".to_owned())
}

/// Tries the new version on made-up data. Exporters and plugins that reach outside are not tried: without
/// what they reach, they may fail.
async fn self_check(next: &Generation) -> Result<(), CallError> {
    if next.plugin.role == Role::Exporter || next.settings.outside.is_granted() {
        return Ok(());
    }
    made_up::try_on(next).await
}

#[cfg(test)]
mod tests;
