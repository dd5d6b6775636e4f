//! A running component that is a plugin: how its version or its config is replaced while batches pass.

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

/// Cheap to clone; all clones are the same component.
#[derive(Clone)]
pub struct Live(Arc<Pool>);

/// A generation that is ready to take batches.
pub struct Prepared(Box<Generation>);

/// What runs in a component at one moment.
#[derive(Clone)]
pub struct Running {
    pub generation: u64,
    pub plugin: Arc<Plugin>,
    pub since: SystemTime,
    /// Since then.
    pub figures: Figures,
}

/// Why the running generation stays.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It would have to be built anew, with another number of instances, say, or in another section of the config.
    #[error("{0}")]
    OtherShape(String),
    /// It does not take the config.
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
    /// Whether both are one component, of one pipeline.
    pub fn is(&self, other: &Live) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Its id.
    pub fn component(&self) -> &str {
        &self.0.component
    }

    /// In the config.
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

    /// Whether the batches of late have all failed.
    pub fn failing(&self) -> Option<Failing> {
        self.0.breaker.failing()
    }

    /// Starts and configures what a new generation will need first, and has it show on data made up for it that it works. Nothing
    /// of what runs is touched.
    ///
    /// # Errors
    /// When the component would have to be built anew, when an instance does not start, refuses the config, or fails.
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

    /// The flip: every call that begins from now on is the new generation's. What that one fails on while it is on trial is given
    /// to the former, which comes back if the verdict is against the new one.
    pub fn admit(&self, next: Prepared, probation: Option<Arc<Probation>>) {
        self.0.advance(Arc::from(next.0), probation);
    }

    /// Ends what answers HTTP for it, so that another may listen there. Whether there was anything.
    pub async fn stop_listening(&self) -> bool {
        self.0.stop_listening().await
    }

    /// Answers HTTP again.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn listen(&self) -> anyhow::Result<()> {
        self.0.listen().await
    }

    /// Returns when no instance of a former generation is left.
    pub async fn turned_over(&self) {
        self.0.turn_over().await;
    }

    /// Gives the new generation a share of the calls, 0 to 1, until it is [promoted](Live::promote) or
    /// [dismissed](Live::dismiss).
    ///
    /// # Errors
    /// When the component is ending: no call comes any more.
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

    /// Gives the new generation copies, until it is dismissed. It reaches nothing outside.
    ///
    /// # Errors
    /// When there is no nobody to be.
    pub async fn admit_shadow(&self, next: Prepared) -> Result<(), CallError> {
        self.dismiss().await;
        let Generation { number, plugin, settings, .. } = &*next.0;
        let nobody = Shared::of_nobody(&settings.component, &plugin.name, &settings.limits)?;
        self.0.set_shadow(Generation::new(*number, plugin, settings.clone(), nobody));
        Ok(())
    }

    /// The canary takes over, for all calls. What it holds is passed on first.
    pub async fn promote(&self) {
        let Some(settle) = self.settle() else { return };
        if let Some(canary) = self.0.end_candidate(&*settle).await {
            self.0.advance(Arc::new(canary.again(self.0.next_number())), None);
            self.0.turn_over().await;
        }
    }

    /// What runs beside the running generation ends.
    pub async fn dismiss(&self) {
        if let Some(settle) = self.settle() {
            self.0.end_candidate(&*settle).await;
        }
    }

    pub fn has_canary(&self) -> bool {
        self.0.has_canary()
    }

    /// How what runs on copies compares; none if nothing does.
    pub fn comparison(&self) -> Option<Comparison> {
        self.0.comparison()
    }

    fn settle(&self) -> Option<Arc<dyn Settle>> {
        self.0.settle.get()?.upgrade()
    }

    /// Puts the former generation back, if the current one is on trial.
    pub fn put_back(&self) {
        self.0.put_back();
    }

    /// What speaks against the generation on trial, if there is one.
    pub fn is_worse(&self) -> Option<String> {
        self.0.is_worse()
    }

    /// The current generation is on trial no more.
    pub fn keep(&self) {
        self.0.end_trial(&Verdict::Kept);
    }
}

/// What about a new generation cannot be had in the place of the current one.
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
    let endpoint =
        |of: &Generation| of.plugin.answers_http().then(|| handler::endpoint(&of.settings.config)).flatten();
    (endpoint(current) != endpoint(next)).then(|| "its HTTP endpoint changed".to_owned())
}

/// Has the new version show on made-up data that it works. An exporter is not asked, nor is what reaches outside: they may not
/// work where nothing is to be reached.
async fn self_check(next: &Generation) -> Result<(), CallError> {
    if next.plugin.role == Role::Exporter || next.settings.outside.is_granted() {
        return Ok(());
    }
    made_up::try_on(next).await
}

#[cfg(test)]
mod tests;
