//! The one task that changes what runs: what it is told by files, by signals and by operators it does one after another.

mod reload;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    board::{Board, Entry},
    exchange::{NotReady, Ready, Trial, make_former_ready, make_ready, note},
    status::{Attempt, Outcome, Reload, Status},
    watch::{Settled, Watch, WatchSettings, WatchedFile},
};
use crate::{
    admin::{Operator, OperatorError},
    component::{Factory as _, Registry},
    config::{Config, Opened, load::LoadedFile},
    plugin::{Probation, Verdict, factory::Plugins},
    service::Service,
};

/// Wishes of operators that wait.
const WISHES_LIMIT: usize = 16;

/// What a config is read from.
#[derive(Clone, Default)]
pub struct Sources {
    /// As [`Config::open`] takes them.
    pub configs: Vec<String>,
    pub sets: Vec<String>,
    /// What the binary has.
    pub registry: Registry,
}

/// Asks the task. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    wishes: mpsc::Sender<Wish>,
    board: Arc<Board>,
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
    watch: Watch,
    settled: mpsc::Receiver<Settled>,
    wishes: mpsc::Receiver<Wish>,
}

enum Wish {
    Plugin { name: String, what: PluginWish, answer: oneshot::Sender<Attempt> },
    Reload { answer: oneshot::Sender<Reload> },
}

/// What is to become of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PluginWish {
    /// This file takes the place of the configured one, or else that one is looked at.
    Swap {
        file: Option<PathBuf>,
    },
    Rollback,
    /// Changes of the file are left alone.
    Pause,
    Resume,
}

/// Who has a version take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    File,
    Operator,
    /// Of an operator, too.
    Rollback,
}

impl Control {
    /// Returns when it is done.
    async fn plugin(&self, name: &str, what: PluginWish) -> Result<Attempt, OperatorError> {
        if self.board.entry(name).is_none() {
            return Err(OperatorError::UnknownPlugin { name: name.to_owned(), known: self.board.names() });
        }
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Plugin { name: name.to_owned(), what, answer })?;
        answered.await.map_err(|_| ending())
    }

    fn wish(&self, wish: Wish) -> Result<(), OperatorError> {
        self.wishes.try_send(wish).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                OperatorError::Unavailable("too much is waiting".to_owned())
            }
            mpsc::error::TrySendError::Closed(_) => ending(),
        })
    }
}

fn ending() -> OperatorError {
    OperatorError::Unavailable("the service is ending".to_owned())
}

#[async_trait::async_trait]
impl Operator for Control {
    async fn status(&self) -> Status {
        self.board.status()
    }

    async fn swap(&self, plugin: &str, file: Option<PathBuf>) -> Result<Attempt, OperatorError> {
        self.plugin(plugin, PluginWish::Swap { file }).await
    }

    async fn rollback(&self, plugin: &str) -> Result<Attempt, OperatorError> {
        self.plugin(plugin, PluginWish::Rollback).await
    }

    async fn pause(&self, plugin: &str) -> Result<(), OperatorError> {
        self.plugin(plugin, PluginWish::Pause).await.map(drop)
    }

    async fn resume(&self, plugin: &str) -> Result<Option<Attempt>, OperatorError> {
        let attempt = self.plugin(plugin, PluginWish::Resume).await?;
        Ok(Some(attempt).filter(|attempt| attempt.outcome != Outcome::Unchanged))
    }

    async fn reload(&self) -> Result<Reload, OperatorError> {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Reload { answer })?;
        answered.await.map_err(|_| ending())
    }
}

impl Controller {
    /// Watches what the running service was made of.
    pub fn new(service: Service, opened: Opened, sources: Sources) -> (Controller, Control) {
        let (watch, settled) = Watch::start(WatchSettings::default());
        let (wishes_in, wishes) = mpsc::channel(WISHES_LIMIT);
        let board = Arc::new(Board::new());
        let control = Control { wishes: wishes_in, board: board.clone() };
        let Opened { config, plugins, files, .. } = opened;
        let controller =
            Controller { service, config, plugins, sources, files, board, watch, settled, wishes };
        reload::note_success(&controller.service.telemetry);
        controller.show();
        controller.watch();
        (controller, control)
    }

    /// Until it is stopped; returns what it leaves running.
    pub async fn run(mut self, stop: CancellationToken) -> Service {
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.service,
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
        let since = Instant::now();
        for name in self.board.names() {
            let Some(entry) = self.board.entry(&name) else { continue };
            if entry.path.as_ref() == Some(&settled.path) && !entry.paused {
                let ready = make_ready(&self.config, &name, &entry, None, false).await;
                self.exchange(&name, &entry, ready, since, By::File).await;
            }
        }
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
                let reload = self.reload().await;
                let _ = answer.send(reload);
            }
        }
    }

    /// None if there is no such plugin any more.
    async fn plugin(&mut self, name: &str, what: PluginWish) -> Option<Attempt> {
        let (entry, since) = (self.board.entry(name)?, Instant::now());
        let by = match what {
            PluginWish::Swap { .. } => By::Operator,
            PluginWish::Rollback => By::Rollback,
            PluginWish::Pause | PluginWish::Resume => By::File,
        };
        let ready = match what {
            PluginWish::Swap { file } => {
                let ready = make_ready(&self.config, name, &entry, file.as_deref(), true).await;
                match (ready, file, &entry.path) {
                    (Ok(ready), Some(file), Some(path)) => install(&file, path).await.map(|()| ready),
                    (ready, ..) => ready,
                }
            }
            PluginWish::Rollback => make_former_ready(&self.config, &entry).await,
            PluginWish::Pause | PluginWish::Resume => {
                let paused = what == PluginWish::Pause;
                self.board.change(name, |entry| entry.paused = paused);
                tracing::info!(
                    plugin = name,
                    paused,
                    "its file is {}",
                    if paused { "left alone" } else { "watched again" }
                );
                if paused {
                    return Some(Attempt::of(&entry.current, Outcome::Unchanged, None));
                }
                make_ready(&self.config, name, &entry, None, false).await
            }
        };
        Some(self.exchange(name, &entry, ready, since, by).await)
    }

    /// What is ready takes over; what came of it is noted.
    async fn exchange(
        &mut self,
        name: &str,
        entry: &Entry,
        ready: Result<Ready, NotReady>,
        since: Instant,
        by: By,
    ) -> Attempt {
        let mut attempt = match ready {
            Ok(ready) => self.admit(name, entry, ready, by).await,
            Err(NotReady::Unchanged) => Attempt::of(&entry.current, Outcome::Unchanged, None),
            Err(NotReady::Refused(sha256)) => {
                let why = "this file has failed before; it is tried again when it is another".to_owned();
                let sha256 = sha256.to_string();
                Attempt {
                    sha256,
                    version: None,
                    ..Attempt::of(&entry.current, Outcome::Unchanged, Some(why))
                }
            }
            Err(NotReady::Rejected { sha256, version, why }) => {
                self.board.change(name, |entry| entry.refused = sha256.or(entry.refused));
                let sha256 = sha256.map(|hash| hash.to_string()).unwrap_or_default();
                Attempt { sha256, version, ..Attempt::of(&entry.current, Outcome::Rejected, Some(why)) }
            }
        };
        attempt.took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        note(&self.service.telemetry, name, &attempt);
        if attempt.outcome != Outcome::Unchanged {
            self.board.change(name, |entry| entry.last = Some(attempt.clone()));
        }
        attempt
    }

    /// As the plugin's `swap` says. What an operator asks for is used, even where what comes by itself only runs on copies.
    async fn admit(&mut self, name: &str, entry: &Entry, ready: Ready, by: By) -> Attempt {
        let next = ready.next.clone();
        let swap = next.swap().cloned().unwrap_or_default();
        if swap.shadow && by == By::File {
            return match ready.admit_shadow().await {
                Ok(()) => Attempt::of(&next, Outcome::Shadowing, None),
                Err(why) => Attempt::of(&next, Outcome::Rejected, Some(why)),
            };
        }
        // What ran well before goes back at once.
        let canary = swap.canary.filter(|_| by != By::Rollback);
        let probation = Arc::new(Probation::new(swap.probation()));
        if let Some(before) = &entry.probation {
            before.decide(Verdict::Superseded);
        }
        let trial = Trial {
            board: self.board.clone(),
            telemetry: self.service.telemetry.clone(),
            name: name.to_owned(),
            next: next.clone(),
            former: entry.current.clone(),
            probation: probation.clone(),
            is_canary: canary.is_some(),
        };
        let attempt = if let Some(share) = canary {
            ready.admit_canary(share.0, &probation).await;
            Attempt::of(&next, Outcome::Canary, None)
        } else if let Err(why) = ready.admit(&probation).await {
            self.board.change(name, |entry| entry.refused = Some(next.plugin().sha256));
            return Attempt::of(&next, Outcome::RolledBack, Some(why));
        } else {
            let attempt = Attempt::of(&next, Outcome::Swapped, None);
            self.board.change(name, |entry| entry.swapped(next, attempt.clone()));
            if by == By::Rollback {
                // The file still holds what was left behind.
                self.board.change(name, |known| known.refused = Some(entry.current.plugin().sha256));
            }
            attempt
        };
        self.board.change(name, |entry| entry.probation = Some(probation));
        tokio::spawn(trial.watch_over());
        attempt
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
