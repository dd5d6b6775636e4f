//! Holds the versions on trial: each is compared with the previous version until there is a verdict.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::staged::Staged;
use crate::plugin::{Live, Probation, Verdict, factory::PluginType};

/// How often a version on trial is compared with the previous one.
const COMPARISON: Duration = Duration::from_secs(1);

/// A version on trial.
pub(crate) struct Trial {
    pub(crate) next: Arc<PluginType>,
    pub(crate) former: Arc<PluginType>,
    pub(crate) probation: Arc<Probation>,
    /// The components that the trial runs in.
    pub(crate) lives: Vec<Live>,
    /// True if the version does not run in every instance yet.
    pub(crate) is_canary: bool,
    /// The file of a canary. It replaces the configured file if the canary is kept.
    pub(crate) staged: Option<Staged>,
}

/// The trials without a verdict, by plugin.
#[derive(Default)]
pub(crate) struct Trials {
    open: BTreeMap<String, Trial>,
    watchers: JoinSet<()>,
}

impl Trials {
    pub(crate) fn begin(&mut self, name: &str, trial: Trial) {
        self.watchers.spawn(watch(trial.probation.clone(), trial.lives.clone()));
        self.open.insert(name.to_owned(), trial);
    }

    /// Returns when a trial may have a verdict. Never returns while there is no trial.
    pub(crate) async fn decided(&mut self) {
        if self.watchers.join_next().await.is_none() {
            std::future::pending().await
        }
    }

    pub(crate) fn has_decided(&self) -> bool {
        self.open.values().any(|trial| trial.probation.verdict().is_some())
    }

    /// Removes and returns the trials that have a verdict.
    pub(crate) fn take_decided(&mut self) -> BTreeMap<String, Trial> {
        self.open.extract_if(.., |_, trial| trial.probation.verdict().is_some()).collect()
    }

    /// Ends a trial in favour of another version. Returns false if the trial already had a verdict.
    pub(crate) fn supersede(&mut self, name: &str) -> bool {
        if !self.open.get(name).is_none_or(Trial::is_superseded) {
            return false;
        }
        self.open.remove(name);
        true
    }

    /// Ends every trial except those whose components all stay as they are. Returns false if one of the
    /// trials already had a verdict.
    pub(crate) fn supersede_but(&self, untouched: &[Live]) -> bool {
        let goes_on = |live: &Live| untouched.iter().any(|one| one.is(live));
        let touched = self.open.values().filter(|trial| !trial.lives.iter().all(goes_on));
        // `count` visits every trial, so each of them ends, even after one that had a verdict.
        touched.filter(|trial| !trial.is_superseded()).count() == 0
    }
}

impl Trial {
    /// Ends the trial, and keeps the version where it runs. A canary gets no more batches.
    pub(crate) async fn end(&self) {
        for live in &self.lives {
            live.keep();
            live.dismiss().await;
        }
    }

    fn is_superseded(&self) -> bool {
        *self.probation.decide(Verdict::Superseded) == Verdict::Superseded
    }
}

/// Compares the versions until there is a verdict.
async fn watch(probation: Arc<Probation>, lives: Vec<Live>) {
    while probation.verdict().is_none() {
        let next = (Instant::now() + COMPARISON).min(probation.until());
        tokio::select! {
            () = probation.decided() => {}
            () = tokio::time::sleep_until(next.into()) => {
                if let Some(why) = lives.iter().find_map(Live::is_worse) {
                    probation.decide(Verdict::Worse(why));
                } else if Instant::now() >= probation.until() {
                    probation.decide(Verdict::Kept);
                }
            }
        }
    }
}
