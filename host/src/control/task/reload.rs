//! Reads the config again.
//!
//! A reload by itself changes no plugin's version. First the config is applied with the running versions.
//! Then each plugin file that has changed takes over as if only the file had changed, with its trial. If the
//! running versions do not accept the config, it is tried with the versions of the files, for which it may
//! have been written.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{By, Controller, Entry, NotReady, Sources};
use crate::{
    component::Registry,
    config::{
        ConfigError,
        expand::process_env,
        load::{Loaded, file, load},
    },
    control::status::{Reload, ReloadOutcome},
    files,
    plugin::{Live, factory::PluginType},
    service::{Changes, Opened, check::check, open_loaded},
    swap::attempt::{Attempt, Outcome},
    telemetry::Telemetry,
};

/// The maximum number of times that the config is read, if trials get their verdicts meanwhile.
const ATTEMPTS: usize = 3;

impl Controller {
    /// Reads the config again, and makes the service run it. Returns `None` if the process ends first.
    pub(super) async fn reload(&mut self) -> Option<Reload> {
        let mut reload = Reload {
            at: SystemTime::now(),
            outcome: ReloadOutcome::Reloaded,
            why: None,
            refused_plugins: Vec::new(),
        };
        match self.reopen().await {
            Ok(changes) => self.take_files(&changes, &mut reload).await,
            Err(_) if self.stop.is_cancelled() => return None,
            Err(why) => (reload.outcome, reload.why) = (ReloadOutcome::Rejected, Some(why)),
        }
        note_reload(&self.service.telemetry, reload.outcome, reload.why.as_deref().unwrap_or_default());
        reload.at = SystemTime::now();
        Some(self.board.reloaded(reload))
    }

    /// Opens the config and replaces the running one. The error says why the running config stays.
    async fn reopen(&mut self) -> Result<Changes, String> {
        let mut attempts = 1;
        loop {
            self.conclude().await;
            let opened = self.stop.run_until_cancelled(self.open()).await;
            let opened = opened.ok_or("the process ends")??;
            match self.replace(opened).await {
                Err(_) if attempts < ATTEMPTS && self.trials.has_decided() => attempts += 1,
                outcome => return outcome,
            }
        }
    }

    async fn open(&self) -> Result<Opened, String> {
        let Sources { configs, sets, registry } = self.sources.clone();
        let loading = files::in_time(move || {
            // A pipe is read to its end at the start, and cannot be read again.
            configs.iter().filter_map(|config| file(config)).try_for_each(|path| {
                files::open(&path).map(drop).map_err(|error| {
                    ConfigError::new(format!("cannot read {} again: {error}", path.display()))
                })
            })?;
            load(&configs, &sets, &process_env)
        });
        let loading = loading.await;
        let loaded = loading.map_err(|error| format!("the config cannot be read: {error}"))?;
        let opened = match loaded {
            Ok(loaded) => self.open_loaded(loaded, &registry).await,
            Err(error) => Err(error),
        };
        let opened = opened.map_err(|error| {
            // One log line for each line, since a log line cannot hold several.
            tracing::error!("the config has errors:");
            error.render(false).lines().for_each(|line| tracing::error!("{line}"));
            error.in_a_line()
        })?;
        for warning in &opened.warnings {
            tracing::warn!("the config has warnings:");
            warning.warning(false).lines().for_each(|line| tracing::warn!("{line}"));
        }
        Ok(opened)
    }

    /// Opens the config with the running versions of plugins. If they do not accept the config, opens it with
    /// the versions of the files, except for plugins that are paused or whose file has failed.
    async fn open_loaded(&self, loaded: Loaded, registry: &Registry) -> Result<Opened, ConfigError> {
        let running = self.board.running(|_| true);
        match open_loaded(loaded.clone(), registry, &running).await {
            Err(_) => {
                let held = self.board.running(|entry| entry.paused || entry.refused.is_some());
                open_loaded(loaded, registry, &held).await
            }
            opened => opened,
        }
    }

    /// Makes the service run the config. The error says why the running config stays.
    async fn replace(&mut self, opened: Opened) -> Result<Changes, String> {
        let trials = &self.trials;
        let may = |untouched: &[Live]| {
            let may = trials.supersede_but(untouched);
            anyhow::ensure!(may, "a trial got its verdict in the meantime");
            Ok(())
        };
        let changes = self.service.reload(&opened, may).await.map_err(|error| format!("{error:#}"))?;
        (self.config, self.plugins) = (opened.config, opened.plugins);
        self.show();
        self.conclude().await;
        self.watch();
        Ok(changes)
    }

    /// Builds a version's components again if it cannot run in the existing ones, as with another config. The
    /// existing ones drain.
    pub(super) async fn build_anew(
        &mut self,
        name: &str,
        next: Arc<PluginType>,
        why: &str,
        by: By,
    ) -> Result<Attempt, NotReady> {
        let mut plugins = self.board.running(|_| true);
        plugins.put(next.clone());
        let mut registry = self.sources.registry.clone();
        plugins.register(&mut registry);
        let config = self.config.clone();
        check(&config, &registry).map_err(|error| NotReady::rejected(&next, error.in_a_line()))?;
        let opened = Opened { config, registry, plugins, warnings: Vec::new(), files: Vec::new() };
        self.replace(opened).await.map_err(|why| NotReady::rejected(&next, why))?;
        self.board.change(name, |entry| match by {
            By::Rollback => entry.went_back(),
            By::File | By::Operator => entry.refused = None,
        });
        Ok(Attempt::of(&next, Outcome::Swapped, Some(format!("built anew: {why}"))))
    }

    /// Makes plugins' files that have changed take over, and notes in `reload` what was done.
    async fn take_files(&mut self, changes: &Changes, reload: &mut Reload) {
        let is_watched = |entry: &Entry| entry.path.is_some() && !entry.paused;
        let mut said = Vec::new();
        if changes.is_empty() {
            reload.outcome = ReloadOutcome::Unchanged;
        } else {
            said.push(changes.to_string());
        }
        for name in self.board.names() {
            if !self.board.entry(&name).is_some_and(|entry| is_watched(&entry)) {
                continue;
            }
            let Some(attempt) = self.take_file(&name, Instant::now()).await else { continue };
            match attempt.outcome {
                Outcome::Swapped | Outcome::Canary | Outcome::Shadowing => {
                    reload.outcome = ReloadOutcome::Reloaded;
                }
                Outcome::Rejected | Outcome::RolledBack => reload.refused_plugins.push(name.clone()),
                // Its file has failed before.
                Outcome::Unchanged if attempt.why.is_some() => reload.refused_plugins.push(name.clone()),
                Outcome::Unchanged => {}
            }
            if attempt.outcome != Outcome::Unchanged || attempt.why.is_some() {
                said.push(attempt.in_a_line(&name));
            }
        }
        reload.why = Some(said.join("; ")).filter(|said| !said.is_empty());
    }
}

fn note_reload(telemetry: &Telemetry, outcome: ReloadOutcome, what: &str) {
    telemetry.counter("spanloom_config_reloads", &[("outcome", outcome.as_str())]).increment(1);
    match outcome {
        ReloadOutcome::Reloaded => tracing::info!("the config is reloaded: {what}"),
        ReloadOutcome::Unchanged => tracing::info!("the config is read again: nothing has changed"),
        ReloadOutcome::Rejected => {
            tracing::error!("the config is rejected, and the running config stays: {what}");
            return;
        }
    }
    note_success(telemetry);
}

pub(super) fn note_success(telemetry: &Telemetry) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    telemetry.gauge("spanloom_config_last_success_timestamp_seconds", &[]).set(now.as_secs_f64());
}
