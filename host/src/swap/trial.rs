//! New versions on trial: each is held against the one before until something is decided.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::staged::Staged;
use crate::plugin::{Live, Probation, Verdict, factory::PluginType};

/// How often a version on trial is compared with the one before.
const COMPARISON: Duration = Duration::from_secs(1);

/// A version on trial.
pub(crate) struct Trial {
    pub(crate) next: Arc<PluginType>,
    pub(crate) former: Arc<PluginType>,
    pub(crate) probation: Arc<Probation>,
    /// The components that try it.
    pub(crate) lives: Vec<Live>,
    /// It does not run everywhere yet.
    pub(crate) is_canary: bool,
    /// The file of a canary, which takes the place of the configured one if the canary is kept.
    pub(crate) staged: Option<Staged>,
}

/// Those that nothing has come of yet, by plugin.
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

    /// Returns when something may have been decided; never, while there is nothing on trial.
    pub(crate) async fn decided(&mut self) {
        if self.watchers.join_next().await.is_none() {
            std::future::pending().await
        }
    }

    pub(crate) fn has_decided(&self) -> bool {
        self.open.values().any(|trial| trial.probation.verdict().is_some())
    }

    /// The trials in which something was decided.
    pub(crate) fn take_decided(&mut self) -> BTreeMap<String, Trial> {
        self.open.extract_if(.., |_, trial| trial.probation.verdict().is_some()).collect()
    }

    /// Ends what is on trial for another version's sake. False if it has been decided on before.
    pub(crate) fn supersede(&mut self, name: &str) -> bool {
        if !self.open.get(name).is_none_or(Trial::is_superseded) {
            return false;
        }
        self.open.remove(name);
        true
    }

    /// Ends every trial but those whose components go on as they are. False if one of them has been decided on before.
    pub(crate) fn supersede_but(&self, untouched: &[Live]) -> bool {
        let goes_on = |live: &Live| untouched.iter().any(|one| one.is(live));
        let touched = self.open.values().filter(|trial| !trial.lives.iter().all(goes_on));
        // Every one of them ends, whatever came of another.
        touched.filter(|trial| !trial.is_superseded()).count() == 0
    }
}

impl Trial {
    /// What was on trial stays where it runs, and is given no share any more.
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

/// Until it is decided whether the new version is kept.
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
