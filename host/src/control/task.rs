//! The one task that changes what runs. It handles changes of files, signals, operators' requests and
//! verdicts of trials one after another.

mod reload;
mod wishes;

use std::{sync::Arc, time::Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use wishes::Control;

use super::board::Board;
use crate::{
    component::{Factory as _, Registry},
    config::{Config, load::LoadedFile},
    control::operator::{Allowance, SwapRequest},
    plugin::{Live, Probation, Verdict, config::PluginConfig, factory::Plugins},
    service::{Opened, Service},
    swap::{
        attempt::{Attempt, Outcome},
        entry::Entry,
        exchange::{InPlace, NotReady, Ready, Request, Way, make_former_ready, make_ready, note, put_back},
        staged::Staged,
        trial::{Trial, Trials},
        watch::{Settled, Watch, WatchSettings, WatchedFile},
    },
};
use wishes::{PluginWish, Wish};

/// The sources that a config is read from.
#[derive(Clone, Default)]
pub struct Sources {
    /// The configs, as [`open`](crate::service::open) takes them.
    pub configs: Vec<String>,
    pub sets: Vec<String>,
    /// The components that the binary has.
    pub registry: Registry,
}

/// The control task, before it runs.
pub struct Controller {
    service: Service,
    config: Config,
    plugins: Plugins,
    sources: Sources,
    /// The files that the config was first read from.
    files: Vec<LoadedFile>,
    board: Arc<Board>,
    trials: Trials,
    watch: Watch,
    settled: mpsc::Receiver<Settled>,
    wishes: mpsc::Receiver<Wish>,
    /// Cancelled when the process is to end. A change that is only being prepared is given up then.
    stop: CancellationToken,
}

/// The reason why a version takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    File,
    Operator,
    /// An operator returns to the previous version.
    Rollback,
}

impl Controller {
    /// Creates the task, and watches the files of the running service.
    pub fn new(
        service: Service,
        opened: Opened,
        sources: Sources,
        stop: CancellationToken,
    ) -> (Controller, Control) {
        let (watch, settled) = Watch::start(WatchSettings::default());
        let board = Arc::new(Board::new(service.telemetry.clone()));
        let (control, wishes) = Control::new(board.clone());
        let Opened { config, plugins, files, .. } = opened;
        let trials = Trials::default();
        let controller = Controller {
            service,
            config,
            plugins,
            sources,
            files,
            board,
            trials,
            watch,
            settled,
            wishes,
            stop,
        };
        reload::note_success(&controller.service.telemetry);
        controller.show();
        controller.watch();
        (controller, control)
    }

    /// Runs until `stop` is cancelled. Returns the service, which still runs.
    pub async fn run(mut self) -> Service {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.service,
                () = self.trials.decided() => self.conclude().await,
                Some(settled) = self.settled.recv() => self.settle(settled).await,
                Some(wish) = self.wishes.recv() => self.fulfil(wish).await,
            }
        }
    }

    /// Handles a file that has changed.
    async fn settle(&mut self, settled: Settled) {
        if self.files.iter().any(|file| file.path == settled.path) {
            self.reload().await;
            return;
        }
        let (since, mut is_rejected) = (Instant::now(), false);
        for name in self.board.names() {
            let is_its = |entry: &Entry| entry.path.as_ref() == Some(&settled.path) && !entry.paused;
            if self.board.entry(&name).is_some_and(|entry| is_its(&entry)) {
                let attempt = self.take_file(&name, since).await;
                is_rejected |= attempt.is_some_and(|attempt| attempt.outcome == Outcome::Rejected);
            }
        }
        if is_rejected && self.board.has_rejected_config() {
            // The rejected config may have been written for this file.
            self.reload().await;
        }
    }

    /// Makes the configured file's version take over if the file has changed.
    async fn take_file(&mut self, name: &str, since: Instant) -> Option<Attempt> {
        let entry = self.board.entry(name)?;
        let ready = self.prepared(make_ready(&self.config, name, &entry, Request::default())).await;
        self.exchange(name, ready, since, By::File).await
    }

    /// Waits for the preparation, unless the process is to end first.
    async fn prepared(
        &self,
        ready: impl Future<Output = Result<Ready, NotReady>>,
    ) -> Result<Ready, NotReady> {
        self.stop.run_until_cancelled(ready).await.unwrap_or(Err(NotReady::Ending))
    }

    async fn fulfil(&mut self, wish: Wish) {
        match wish {
            Wish::Plugin { name, what, answer } => {
                if let Some(attempt) = self.plugin(&name, what).await {
                    // The operator may no longer wait for the answer.
                    let _ = answer.send(attempt);
                }
            }
            Wish::Reload { answer } => {
                if let Some(reload) = self.reload().await {
                    let _ = answer.send(reload);
                }
            }
        }
    }

    /// Carries out a request about a plugin. Returns `None` if the plugin is gone or the process ends.
    async fn plugin(&mut self, name: &str, what: PluginWish) -> Option<Attempt> {
        let (entry, since) = (self.board.entry(name)?, Instant::now());
        match what {
            PluginWish::Swap(SwapRequest { file, allow }) => {
                let request = Request {
                    file: file.as_deref(),
                    is_wish: true,
                    may_change_role: allow.contains(&Allowance::RoleChange),
                };
                let ready = self.prepared(make_ready(&self.config, name, &entry, request)).await;
                self.exchange(name, ready, since, By::Operator).await
            }
            PluginWish::Rollback => {
                let ready = self.prepared(make_former_ready(&self.config, &entry)).await;
                self.exchange(name, ready, since, By::Rollback).await
            }
            PluginWish::Pause => {
                self.board.change(name, |entry| entry.paused = true);
                tracing::info!(plugin = name, "changes of its file are ignored");
                Some(Attempt::of(&entry.current, Outcome::Unchanged, None))
            }
            PluginWish::Resume => {
                self.board.change(name, |entry| entry.paused = false);
                tracing::info!(plugin = name, "its file is watched again");
                self.take_file(name, since).await
            }
        }
    }

    /// Makes a prepared version take over, and records the outcome.
    async fn exchange(
        &mut self,
        name: &str,
        ready: Result<Ready, NotReady>,
        since: Instant,
        by: By,
    ) -> Option<Attempt> {
        if let Err(NotReady::Ending) = ready {
            return None;
        }
        self.conclude().await;
        let entry = self.board.entry(name)?;
        let outcome = match ready {
            Ok(ready) => self.take_over(name, ready, by).await,
            Err(not_ready) => Err(not_ready),
        };
        let attempt = outcome.unwrap_or_else(|not_ready| not_ready.attempt(&entry.current));
        let mut attempt = attempt.shortened();
        attempt.took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        note(&self.service.telemetry, name, &attempt);
        if attempt.outcome != Outcome::Unchanged {
            self.board.change(name, |entry| entry.last = Some(attempt.clone()));
        }
        Some(attempt)
    }

    /// Makes a version take over as the plugin's `swap` settings say. With `swap.shadow`, a changed file only
    /// runs on copies, but a version that an operator asks for takes over.
    async fn take_over(&mut self, name: &str, ready: Ready, by: By) -> Result<Attempt, NotReady> {
        let Ready { next, staged, way } = ready;
        let parts = match way {
            Way::InPlace(parts) => parts,
            Way::Anew(why) => {
                let mut attempt = self.build_anew(name, next, &why, by).await?;
                put_in_place(name, staged, &mut attempt).await;
                return Ok(attempt);
            }
        };
        let swap = next.swap().cloned().unwrap_or_default();
        // If no component runs the plugin, there is nothing for a canary or a shadow to do.
        let is_used = !parts.lives().is_empty();
        if swap.shadow && by == By::File && is_used {
            let rejected = |why| NotReady::rejected(&next, why);
            parts.admit_shadow().await.map_err(rejected)?;
            return Ok(Attempt::of(&next, Outcome::Shadowing, None));
        }
        if !self.trials.supersede(name) {
            self.conclude().await;
        }
        let former = self.board.entry(name).map(|entry| entry.current);
        let Some(former) = former else { return Err(NotReady::Ending) };
        let lives = parts.lives();
        let probation = Arc::new(Probation::new(swap.probation()));
        let mut trial = Trial { next, former, probation, lives, is_canary: false, staged: None };
        match swap.canary {
            // The version ran well before, and an operator asks for it, so it takes over at once and without
            // a trial.
            _ if by == By::Rollback => self.admit(name, parts, &trial, By::Rollback).await,
            Some(share) if is_used => {
                trial.lives.iter().for_each(Live::keep);
                let admitted = parts.admit_canary(share.0, &trial.probation).await;
                admitted.map_err(|why| NotReady::rejected(&trial.next, why))?;
                (trial.is_canary, trial.staged) = (true, staged);
                let attempt = Attempt::of(&trial.next, Outcome::Canary, None);
                self.begin(name, trial);
                Ok(attempt)
            }
            _ => {
                let mut attempt = self.admit(name, parts, &trial, by).await?;
                if attempt.outcome == Outcome::Swapped {
                    put_in_place(name, staged, &mut attempt).await;
                    self.begin(name, trial);
                }
                Ok(attempt)
            }
        }
    }

    /// Makes the version take over in all components.
    async fn admit(&self, name: &str, parts: InPlace, trial: &Trial, by: By) -> Result<Attempt, NotReady> {
        let next = &trial.next;
        let probation = (by != By::Rollback).then_some(&trial.probation);
        if let Err(why) = parts.admit(probation).await {
            self.board.change(name, |entry| entry.refused = Some(next.plugin().sha256));
            return Ok(Attempt::of(next, Outcome::RolledBack, Some(why)));
        }
        let attempt = Attempt::of(next, Outcome::Swapped, None);
        self.board.change(name, |entry| {
            entry.swapped(next.clone(), attempt.clone());
            if by == By::Rollback {
                entry.went_back();
            }
        });
        Ok(attempt)
    }

    fn begin(&mut self, name: &str, trial: Trial) {
        self.board.change(name, |entry| entry.probation = Some(trial.probation.clone()));
        self.trials.begin(name, trial);
    }

    /// Carries out the verdicts of the trials that have one.
    async fn conclude(&mut self) {
        for (name, trial) in self.trials.take_decided() {
            match trial.probation.verdict() {
                Some(Verdict::Kept) => self.keep(&name, trial).await,
                Some(Verdict::Worse(why)) => self.put_back(&name, &trial, why.clone()).await,
                // Another config has ended the trial.
                _ => trial.end().await,
            }
        }
    }

    async fn keep(&self, name: &str, trial: Trial) {
        let version = &trial.next.plugin().description.version;
        tracing::info!(plugin = name, version, "the new version has proved itself");
        if !trial.is_canary {
            trial.lives.iter().for_each(Live::keep);
            return;
        }
        for live in &trial.lives {
            live.promote().await;
        }
        let mut attempt = Attempt::of(&trial.next, Outcome::Swapped, None);
        put_in_place(name, trial.staged, &mut attempt).await;
        note(&self.service.telemetry, name, &attempt);
        self.board.change(name, |entry| entry.swapped(trial.next, attempt));
    }

    async fn put_back(&self, name: &str, trial: &Trial, why: String) {
        put_back(&trial.lives).await;
        let attempt = Attempt::of(&trial.next, Outcome::RolledBack, Some(why));
        note(&self.service.telemetry, name, &attempt);
        self.board.change(name, |entry| {
            entry.refused = Some(trial.next.plugin().sha256);
            entry.current = trial.former.clone();
            if !trial.is_canary {
                // The version that runs again is the former version itself.
                entry.former = None;
            }
            entry.last = Some(attempt);
        });
    }

    /// Puts the running plugins on the board.
    fn show(&self) {
        let lives = self.service.lives();
        let entries = self.plugins.iter().map(|plugin| {
            let (name, role) = (plugin.name(), plugin.plugin().role);
            let config = plugin.swap().and_then(|_| PluginConfig::of(&self.config, name));
            let path = config.map(|config| config.path);
            let is_its = |live: &&Live| live.plugin_name() == name && live.running().plugin.role == role;
            let lives = lives.iter().filter(is_its).cloned().collect();
            // A file's plugin has its name to itself. Built-in plugins of different kinds may share one.
            let is_shared =
                self.plugins.iter().any(|other| other.name() == name && other.plugin().role != role);
            let name = match plugin.swap() {
                None if is_shared => format!("{name} ({role})"),
                _ => name.to_owned(),
            };
            (name, Entry::new(plugin, path, lives))
        });
        self.board.set(entries);
    }

    fn watch(&self) {
        let plugins = self.plugins.iter().filter(|plugin| plugin.swap().is_some_and(|swap| swap.watch));
        let plugins = plugins.filter_map(|plugin| {
            let path = PluginConfig::of(&self.config, plugin.name())?.path;
            Some(WatchedFile { path, known: Some(plugin.plugin().sha256) })
        });
        let configs = self.files.iter();
        let configs = configs.map(|file| WatchedFile { path: file.path.clone(), known: Some(file.sha256) });
        self.watch.set(plugins.chain(configs));
    }
}

/// Replaces the configured file with the running version's file. If that fails, the version still runs, and
/// the attempt says why.
async fn put_in_place(name: &str, staged: Option<Staged>, attempt: &mut Attempt) {
    let Some(staged) = staged else { return };
    if let Err(error) = staged.put_in_place().await {
        let why = format!("cannot replace the configured file, which the next start will run: {error}");
        tracing::warn!(plugin = name, "{why}");
        attempt.why = Some(why);
    }
}
