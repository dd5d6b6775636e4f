//! The config, read again.

use std::{sync::Arc, time::SystemTime};

use super::{Controller, Sources};
use crate::{
    component::Factory as _,
    config::{Config, Opened, expand::process_env},
    plugin::{Live, Probation, Verdict},
    service::Changes,
    swap::{
        board::Entry,
        status::{Reload, ReloadOutcome},
    },
    telemetry::Telemetry,
};

/// Of a version that is held against the one before.
struct OpenTrial {
    probation: Arc<Probation>,
    lives: Vec<Live>,
    /// It has a share of the batches.
    is_canary: bool,
}

impl Controller {
    /// Reads the config again, and makes what runs what it says.
    pub(super) async fn reload(&mut self) -> Reload {
        let (outcome, what) = match self.reopen().await {
            Ok(changes) if changes.is_empty() => (ReloadOutcome::Unchanged, None),
            Ok(changes) => (ReloadOutcome::Reloaded, Some(changes.to_string())),
            Err(why) => (ReloadOutcome::Rejected, Some(why)),
        };
        note_reload(&self.service.telemetry, outcome, what.as_deref().unwrap_or_default());
        self.board.reloaded(outcome, what)
    }

    /// The error is why what ran runs on.
    async fn reopen(&mut self) -> Result<Changes, String> {
        let Sources { configs, sets, registry } = &self.sources;
        let mut opened = Config::open(configs, sets, &process_env, registry).await.map_err(|error| {
            tracing::error!("the config is wrong:\n{}", error.render(false));
            error.in_a_line()
        })?;
        for warning in &opened.warnings {
            tracing::warn!("the config is doubtful:\n{}", warning.warning(false));
        }
        self.hold_back(&mut opened);
        let trials = self.trials();
        let changes = self.service.reload(&opened).await.map_err(|error| format!("{error:#}"))?;
        let lives = self.service.lives();
        for trial in trials {
            trial.supersede(&lives).await;
        }
        (self.config, self.plugins) = (opened.config, opened.plugins);
        self.show();
        self.watch();
        Ok(changes)
    }

    fn trials(&self) -> Vec<OpenTrial> {
        let entries = self.board.names().into_iter().filter_map(|name| self.board.entry(&name));
        let trial = |entry: Entry| {
            let probation = entry.probation.filter(|probation| probation.verdict().is_none())?;
            let is_canary = entry.lives.iter().any(Live::has_canary);
            Some(OpenTrial { probation, lives: entry.lives, is_canary })
        };
        entries.filter_map(trial).collect()
    }

    /// A version that is on trial, was tried in vain, or is not to be tried does not come in with a config.
    fn hold_back(&self, opened: &mut Opened) {
        let held: Vec<_> = (opened.plugins.iter())
            .filter_map(|plugin| {
                let entry = self.board.entry(plugin.name())?;
                let is_held = entry.paused
                    || entry.refused == Some(plugin.plugin().sha256)
                    || plugin.swap().is_some_and(|swap| swap.shadow)
                    || entry.lives.iter().any(Live::has_canary);
                let is_other = plugin.plugin().sha256 != entry.current.plugin().sha256;
                (is_held && is_other).then_some(entry.current)
            })
            .collect();
        held.into_iter().for_each(|plugin| opened.plugins.put(plugin));
        opened.plugins.register(&mut opened.registry);
    }
}

impl OpenTrial {
    /// A version some of whose components are gone, or have another config, is on trial no more.
    async fn supersede(self, lives: &[Live]) {
        let is_there = |live: &Live| lives.iter().any(|one| one.is(live));
        if self.lives.iter().all(|live| is_there(live) && live.has_canary() == self.is_canary) {
            return;
        }
        self.probation.decide(Verdict::Superseded);
        for live in &self.lives {
            live.keep();
            live.dismiss().await;
        }
    }
}

fn note_reload(telemetry: &Telemetry, outcome: ReloadOutcome, what: &str) {
    telemetry.counter("spanloom_config_reloads", &[("outcome", outcome.as_str())]).increment(1);
    match outcome {
        ReloadOutcome::Reloaded => tracing::info!("the config is reloaded: {what}"),
        ReloadOutcome::Unchanged => tracing::info!("the config is read again: nothing has changed"),
        ReloadOutcome::Rejected => {
            tracing::error!("the config is rejected, what ran runs on: {what}");
            return;
        }
    }
    note_success(telemetry);
}

pub(super) fn note_success(telemetry: &Telemetry) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    telemetry.gauge("spanloom_config_last_success_timestamp_seconds", &[]).set(now.as_secs_f64());
}
