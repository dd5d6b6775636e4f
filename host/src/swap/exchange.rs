//! One plugin for another. All that can fail is done before the flip, beside what runs: read, hash, compile, check, configure,
//! try. Then a store, and the old instances hand over what they hold.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    board::{Board, Entry},
    status::{Attempt, Outcome},
};
use crate::{
    config::Config,
    plugin::{
        Live, Prepared, Probation, Verdict,
        factory::{PluginType, read_file},
        file::{PluginFile, Sha256},
    },
    telemetry::Telemetry,
};

/// How often a version on trial is compared with the one before.
const COMPARISON: Duration = Duration::from_secs(1);
/// For so long an attempt waits for the old instances to end; they may be in calls.
const TURNOVER: Duration = Duration::from_secs(10);

/// A version that may take over.
pub(super) struct Ready {
    pub(super) next: Arc<PluginType>,
    prepared: Vec<(Live, Prepared)>,
}

/// Why what runs runs on.
#[derive(Debug)]
pub(super) enum NotReady {
    /// It is what runs.
    Unchanged,
    /// This file has been tried.
    Refused(Sha256),
    Rejected {
        sha256: Option<Sha256>,
        version: Option<String>,
        why: String,
    },
}

/// Reads a file and makes ready what runs with it. An operator's wish is tried though it has failed before.
pub(super) async fn make_ready(
    config: &Config,
    name: &str,
    entry: &Entry,
    file: Option<&Path>,
    is_wish: bool,
) -> Result<Ready, NotReady> {
    let rejected = |why: String| NotReady::Rejected { sha256: None, version: None, why };
    let Some(plugin) = config.plugins.get(name) else {
        return Err(rejected(format!(
            "it is built in: to run a file in its place write `plugins: {{ {name}: {{ path: … }} }}`"
        )));
    };
    let mut plugin = plugin.clone();
    if let Some(file) = file {
        file.clone_into(&mut plugin.path);
    }
    let file = read_file(&plugin).await.map_err(|error| rejected(error.in_a_line()))?;
    let sha256 = file.sha256;
    if sha256 == entry.current.plugin().sha256 {
        return Err(NotReady::Unchanged);
    }
    if entry.refused == Some(sha256) && !is_wish {
        return Err(NotReady::Refused(sha256));
    }
    let rejected =
        |version: Option<String>, why: String| NotReady::Rejected { sha256: Some(sha256), version, why };
    let next = load(name, &plugin, file).await.map_err(|why| rejected(None, why))?;
    let version = Some(next.plugin().description.version.clone());
    prepare(config, next, &entry.lives).await.map_err(|why| rejected(version, why))
}

/// Makes the version before ready again.
pub(super) async fn make_former_ready(config: &Config, entry: &Entry) -> Result<Ready, NotReady> {
    let rejected = |why: &str| NotReady::Rejected { sha256: None, version: None, why: why.to_owned() };
    let Some(former) = &entry.former else { return Err(rejected("there was no version before")) };
    let (sha256, version) = (former.plugin().sha256, former.plugin().description.version.clone());
    let rejected = |why| NotReady::Rejected { sha256: Some(sha256), version: Some(version), why };
    prepare(config, former.clone(), &entry.lives).await.map_err(rejected)
}

async fn load(
    name: &str,
    plugin: &crate::plugin::config::PluginConfig,
    file: PluginFile,
) -> Result<Arc<PluginType>, String> {
    PluginType::of(name, plugin, file).await.map(Arc::new).map_err(|error| error.in_a_line())
}

async fn prepare(config: &Config, next: Arc<PluginType>, lives: &[Live]) -> Result<Ready, String> {
    next.check_use(config).map_err(|error| error.in_a_line())?;
    let mut prepared = Vec::new();
    for live in lives {
        let Some(node) = next.component(config, live.component()) else {
            return Err(format!("`{}` is no component that it can be", live.component()));
        };
        let ready = next
            .prepare(live, node)
            .await
            .map_err(|error| format!("{}: {}", live.component(), error.in_a_line()))?;
        prepared.push((live.clone(), ready));
    }
    Ok(Ready { next, prepared })
}

impl Ready {
    /// The flip. Returns once the old instances have ended; what speaks against the new version by then is the error.
    pub(super) async fn admit(self, probation: &Arc<Probation>) -> Result<(), String> {
        let lives = self.lives();
        for (live, next) in self.prepared {
            live.admit(next, Some(probation.clone()));
        }
        let turnover = async {
            for live in &lives {
                live.dismiss().await;
                live.turned_over().await;
            }
        };
        // Who tends the guests goes on with it.
        let _ = tokio::time::timeout(TURNOVER, turnover).await;
        match probation.verdict() {
            Some(Verdict::Worse(why)) => {
                put_back(&lives).await;
                Err(why.clone())
            }
            _ => Ok(()),
        }
    }

    /// It has a share of the calls, 0 to 1.
    pub(super) async fn admit_canary(self, share: f64, probation: &Arc<Probation>) {
        for (live, next) in self.prepared {
            live.admit_canary(next, share, probation.clone()).await;
        }
    }

    /// It has copies.
    pub(super) async fn admit_shadow(self) -> Result<(), String> {
        for (live, next) in self.prepared {
            live.admit_shadow(next).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn lives(&self) -> Vec<Live> {
        self.prepared.iter().map(|(live, _)| live.clone()).collect()
    }
}

/// A version on trial, and what becomes of it.
pub(super) struct Trial {
    pub(super) board: Arc<Board>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) name: String,
    pub(super) next: Arc<PluginType>,
    pub(super) former: Arc<PluginType>,
    pub(super) probation: Arc<Probation>,
    /// It does not run everywhere yet.
    pub(super) is_canary: bool,
}

impl Trial {
    /// Holds the new version against the one before until its time is over. What comes of it goes to the board.
    pub(super) async fn watch_over(self) {
        let Some(Entry { lives, .. }) = self.board.entry(&self.name) else { return };
        match verdict(&self.probation, &lives).await {
            // What came after it has a trial of its own.
            Verdict::Superseded => {}
            Verdict::Kept => self.keep(&lives).await,
            Verdict::Worse(why) => self.put_back(&lives, why).await,
        }
    }

    async fn keep(self, lives: &[Live]) {
        let version = &self.next.plugin().description.version;
        tracing::info!(plugin = self.name, version, "the new version has proved itself");
        if !self.is_canary {
            lives.iter().for_each(Live::keep);
            return;
        }
        for live in lives {
            live.promote().await;
        }
        let attempt = Attempt::of(&self.next, Outcome::Swapped, None);
        note(&self.telemetry, &self.name, &attempt);
        self.board.change(&self.name, |entry| entry.swapped(self.next, attempt));
    }

    async fn put_back(self, lives: &[Live], why: String) {
        if self.is_canary {
            for live in lives {
                live.dismiss().await;
            }
        } else {
            put_back(lives).await;
        }
        let attempt = Attempt::of(&self.next, Outcome::RolledBack, Some(why));
        note(&self.telemetry, &self.name, &attempt);
        self.board.change(&self.name, |entry| {
            entry.refused = Some(self.next.plugin().sha256);
            entry.current = self.former;
            entry.last = Some(attempt);
        });
    }
}

async fn verdict(probation: &Probation, lives: &[Live]) -> Verdict {
    loop {
        let next = (std::time::Instant::now() + COMPARISON).min(probation.until());
        tokio::select! {
            () = probation.decided() => {}
            () = tokio::time::sleep_until(next.into()) => {
                if let Some(why) = lives.iter().find_map(Live::is_worse) {
                    probation.decide(Verdict::Worse(why));
                } else if std::time::Instant::now() >= probation.until() {
                    probation.decide(Verdict::Kept);
                }
            }
        }
        if let Some(verdict) = probation.verdict() {
            return verdict.clone();
        }
    }
}

async fn put_back(lives: &[Live]) {
    lives.iter().for_each(Live::put_back);
    for live in lives {
        live.turned_over().await;
    }
}

/// One line in the log, and a count.
pub(super) fn note(telemetry: &Telemetry, plugin: &str, attempt: &Attempt) {
    let labels = &[("plugin", plugin), ("outcome", attempt.outcome.as_str())];
    telemetry.counter("spanloom_plugin_swaps", labels).increment(1);
    let Attempt { version, sha256, why, took_ms, .. } = attempt;
    let version = version.as_deref();
    let hash = sha256.get(..12).unwrap_or_default();
    match (attempt.outcome, why) {
        (Outcome::Swapped, _) => tracing::info!(plugin, version, hash, took_ms, "swapped"),
        (Outcome::Canary, _) => tracing::info!(plugin, version, hash, took_ms, "has a share of the batches"),
        (Outcome::Shadowing, _) => tracing::info!(plugin, version, hash, took_ms, "runs on copies"),
        (Outcome::Unchanged, _) => tracing::debug!(plugin, hash, "unchanged"),
        (Outcome::Rejected, why) => {
            let why = why.as_deref().unwrap_or_default();
            tracing::error!(plugin, version, hash, "rejected, what ran runs on: {why}");
        }
        (Outcome::RolledBack, why) => {
            let why = why.as_deref().unwrap_or_default();
            tracing::error!(plugin, version, hash, "rolled back to the version before: {why}");
        }
    }
}
