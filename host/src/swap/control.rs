//! The one task that changes what runs: what it is told by files, by signals, by operators and by trials it does one after
//! another.

mod reload;
mod wishes;

use std::{path::Path, sync::Arc, time::Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use wishes::Control;

use super::{
    board::{Board, Entry},
    exchange::{NotReady, Ready, make_former_ready, make_ready, note, put_back},
    status::{Attempt, Outcome},
    trial::{Trial, Trials},
    watch::{Settled, Watch, WatchSettings, WatchedFile},
};
use crate::{
    component::{Factory as _, Registry},
    config::{Config, Opened, load::LoadedFile},
    plugin::{Live, Probation, Verdict, factory::Plugins},
    service::Service,
};
use wishes::{PluginWish, Wish};

/// What a config is read from.
#[derive(Clone, Default)]
pub struct Sources {
    /// As [`Config::open`] takes them.
    pub configs: Vec<String>,
    pub sets: Vec<String>,
    /// What the binary has.
    pub registry: Registry,
}

/// The task, before it runs.
pub struct Controller {
    service: Service,
    config: Config,
    plugins: Plugins,
    sources: Sources,
    /// What the config was read from first.
    files: Vec<LoadedFile>,
    board: Arc<Board>,
    trials: Trials,
    watch: Watch,
    settled: mpsc::Receiver<Settled>,
    wishes: mpsc::Receiver<Wish>,
    /// Cancelled when the process is to end: what only prepares a change is given up then.
    stop: CancellationToken,
}

/// Who has a version take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    File,
    Operator,
    /// Of an operator, too.
    Rollback,
}

impl Controller {
    /// Watches what the running service was made of.
    pub fn new(
        service: Service,
        opened: Opened,
        sources: Sources,
        stop: CancellationToken,
    ) -> (Controller, Control) {
        let (watch, settled) = Watch::start(WatchSettings::default());
        let board = Arc::new(Board::new());
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

    /// A file is another.
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
            // That one may be written for this file.
            self.reload().await;
        }
    }

    /// The configured file is looked at, and takes over if it is another.
    async fn take_file(&mut self, name: &str, since: Instant) -> Option<Attempt> {
        let entry = self.board.entry(name)?;
        let ready = self.prepared(make_ready(&self.config, name, &entry, None, false)).await;
        self.exchange(name, ready, since, By::File).await
    }

    /// What comes of the preparation, unless the process is to end before.
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
                    // Who asked may have gone.
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

    /// Returns `None` if there is no such plugin any more, or the process ends.
    async fn plugin(&mut self, name: &str, what: PluginWish) -> Option<Attempt> {
        let (entry, since) = (self.board.entry(name)?, Instant::now());
        match what {
            PluginWish::Swap { file } => {
                let ready =
                    self.prepared(make_ready(&self.config, name, &entry, file.as_deref(), true)).await;
                let ready = match (ready, file, &entry.path) {
                    (Ok(ready), Some(file), Some(path)) => install(&file, path).await.map(|()| ready),
                    (ready, ..) => ready,
                };
                self.exchange(name, ready, since, By::Operator).await
            }
            PluginWish::Rollback => {
                let ready = self.prepared(make_former_ready(&self.config, &entry)).await;
                self.exchange(name, ready, since, By::Rollback).await
            }
            PluginWish::Pause => {
                self.board.change(name, |entry| entry.paused = true);
                tracing::info!(plugin = name, "its file is left alone");
                Some(Attempt::of(&entry.current, Outcome::Unchanged, None))
            }
            PluginWish::Resume => {
                self.board.change(name, |entry| entry.paused = false);
                tracing::info!(plugin = name, "its file is watched again");
                self.take_file(name, since).await
            }
        }
    }

    /// What is ready takes over; what came of it is noted.
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
            Ok(ready) => Ok(self.admit(name, ready, by).await?),
            Err(NotReady::OtherShape { next, why }) => self.build_anew(name, next, &why).await,
            Err(not_ready) => Err(not_ready),
        };
        let mut attempt = outcome.unwrap_or_else(|not_ready| not_ready.attempt(&entry.current));
        attempt.took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        note(&self.service.telemetry, name, &attempt);
        if attempt.outcome != Outcome::Unchanged {
            self.board.change(name, |entry| entry.last = Some(attempt.clone()));
        }
        Some(attempt)
    }

    /// As the plugin's `swap` says. What an operator asks for is used, even where what comes by itself only runs on copies.
    async fn admit(&mut self, name: &str, ready: Ready, by: By) -> Option<Attempt> {
        let next = ready.next.clone();
        let swap = next.swap().cloned().unwrap_or_default();
        if swap.shadow && by == By::File {
            return Some(match ready.admit_shadow().await {
                Ok(()) => Attempt::of(&next, Outcome::Shadowing, None),
                Err(why) => Attempt::of(&next, Outcome::Rejected, Some(why)),
            });
        }
        if !self.trials.supersede(name) {
            self.conclude().await;
        }
        let (former, lives) = (self.board.entry(name)?.current, ready.lives());
        // What ran well before goes back at once.
        let canary = swap.canary.filter(|_| by != By::Rollback);
        let probation = Arc::new(Probation::new(swap.probation()));
        let attempt = if let Some(share) = canary {
            lives.iter().for_each(Live::keep);
            ready.admit_canary(share.0, &probation).await;
            Attempt::of(&next, Outcome::Canary, None)
        } else if let Err(why) = ready.admit(&probation).await {
            self.board.change(name, |entry| entry.refused = Some(next.plugin().sha256));
            return Some(Attempt::of(&next, Outcome::RolledBack, Some(why)));
        } else {
            let attempt = Attempt::of(&next, Outcome::Swapped, None);
            // After a rollback the file still holds what was left behind.
            let left = (by == By::Rollback).then(|| former.plugin().sha256);
            self.board.change(name, |entry| {
                entry.swapped(next.clone(), attempt.clone());
                entry.refused = left;
            });
            attempt
        };
        self.board.change(name, |entry| entry.probation = Some(probation.clone()));
        self.trials.begin(name, Trial { next, former, probation, lives, is_canary: canary.is_some() });
        Some(attempt)
    }

    /// What came of the trials that have ended.
    async fn conclude(&mut self) {
        for (name, trial) in self.trials.take_decided() {
            match trial.probation.verdict() {
                Some(Verdict::Kept) => self.keep(&name, trial).await,
                Some(Verdict::Worse(why)) => self.put_back(&name, &trial, why.clone()).await,
                // Another config ended it.
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
        let attempt = Attempt::of(&trial.next, Outcome::Swapped, None);
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
            entry.last = Some(attempt);
        });
    }

    /// Puts what runs on the board.
    fn show(&self) {
        let lives = self.service.lives();
        let entries = self.plugins.iter().map(|plugin| {
            let name = plugin.name().to_owned();
            let path = self.config.plugins.get(&name).map(|config| config.path.clone());
            let lives = lives.iter().filter(|live| live.plugin_name() == name).cloned().collect();
            (name, Entry::new(plugin, path, lives))
        });
        self.board.set(entries);
    }

    fn watch(&self) {
        let plugins = self.plugins.iter().filter(|plugin| plugin.swap().is_some_and(|swap| swap.watch));
        let plugins = plugins.filter_map(|plugin| {
            let path = self.config.plugins.get(plugin.name())?.path.clone();
            Some(WatchedFile { path, known: Some(plugin.plugin().sha256) })
        });
        let configs = self.files.iter();
        let configs = configs.map(|file| WatchedFile { path: file.path.clone(), known: Some(file.sha256) });
        self.watch.set(plugins.chain(configs));
    }
}

/// Puts the file in the place of the configured one, whole or not at all, so that the next start runs it too.
async fn install(file: &Path, path: &Path) -> Result<(), NotReady> {
    let (from, to) = (file.to_owned(), path.to_owned());
    let copy = move || -> std::io::Result<()> {
        // A link's target is what is configured.
        let to = std::fs::canonicalize(&to).unwrap_or(to);
        let folder = to.parent().unwrap_or(Path::new("."));
        let mut whole = tempfile::NamedTempFile::new_in(folder)?;
        std::io::copy(&mut std::fs::File::open(&from)?, &mut whole)?;
        if let Ok(before) = std::fs::metadata(&to) {
            whole.as_file().set_permissions(before.permissions())?;
        }
        whole.as_file().sync_all()?;
        whole.persist(&to)?;
        Ok(())
    };
    let outcome =
        tokio::task::spawn_blocking(copy).await.map_err(std::io::Error::other).and_then(|copied| copied);
    outcome.map_err(|error| NotReady::Rejected {
        sha256: None,
        version: None,
        why: format!("it cannot be put in the place of {}: {error}", path.display()),
    })
}
