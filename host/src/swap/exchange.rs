//! One plugin for another. All that can fail is done before the flip, beside what runs: read, hash, compile, check, configure,
//! try. Then a store, and the old instances hand over what they hold.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    board::Entry,
    status::{Attempt, Outcome},
};
use crate::{
    config::Config,
    plugin::{
        Live, PrepareError, Prepared, Probation, Verdict,
        factory::{PluginType, read_file},
        file::{PluginFile, Sha256},
    },
    telemetry::Telemetry,
};

/// For so long an attempt waits for the old instances to end; they may be in calls.
const TURNOVER: Duration = Duration::from_secs(10);

/// A version that may take over.
pub(super) struct Ready {
    pub(super) next: Arc<PluginType>,
    prepared: Vec<(Live, Prepared)>,
}

/// Why what runs runs on.
pub(super) enum NotReady {
    /// The process ends before it is known.
    Ending,
    /// It is what runs, or is tried beside that.
    Unchanged,
    /// This file has been tried.
    Refused(Sha256),
    Rejected {
        sha256: Option<Sha256>,
        version: Option<String>,
        why: String,
    },
    /// What runs it has to be built anew.
    OtherShape {
        next: Arc<PluginType>,
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
    let (sha256, shown) = (file.sha256, file.shown_hash());
    if sha256 == entry.current.plugin().sha256 || (entry.tries(sha256) && !is_wish) {
        return Err(NotReady::Unchanged);
    }
    if entry.refused == Some(sha256) && !is_wish {
        return Err(NotReady::Refused(sha256));
    }
    let rejected = |version: Option<String>, why: String| NotReady::Rejected { sha256: shown, version, why };
    let next = load(name, &plugin, file).await.map_err(|why| rejected(None, why))?;
    prepare(config, next, &entry.lives).await
}

/// Makes the version before ready again.
pub(super) async fn make_former_ready(config: &Config, entry: &Entry) -> Result<Ready, NotReady> {
    let rejected = |why: &str| NotReady::Rejected { sha256: None, version: None, why: why.to_owned() };
    let Some(former) = &entry.former else { return Err(rejected("there was no version before")) };
    let former = match config.plugins.get(&former.plugin().name) {
        Some(plugin) => Arc::new(former.with(plugin).map_err(|error| rejected(&error.in_a_line()))?),
        None => former.clone(),
    };
    prepare(config, former, &entry.lives).await
}

async fn load(
    name: &str,
    plugin: &crate::plugin::config::PluginConfig,
    file: PluginFile,
) -> Result<Arc<PluginType>, String> {
    PluginType::of(name, plugin, file).await.map(Arc::new).map_err(|error| error.in_a_line())
}

async fn prepare(config: &Config, next: Arc<PluginType>, lives: &[Live]) -> Result<Ready, NotReady> {
    let rejected = |why| NotReady::rejected(&next, why);
    next.check_use(config).map_err(|error| rejected(error.in_a_line()))?;
    let mut prepared = Vec::new();
    for live in lives {
        let component = live.component();
        let Some(node) = next.component(config, component) else {
            return Err(rejected(format!("`{component}` is no component that it can be")));
        };
        let ready = next.prepare(live, node).await.map_err(|error| match error {
            PrepareError::OtherShape(why) => {
                NotReady::OtherShape { next: next.clone(), why: format!("{component}: {why}") }
            }
            PrepareError::Config(error) => rejected(format!("{component}: {}", error.in_a_line())),
            PrepareError::Call(error) => rejected(format!("{component}: {error}")),
        })?;
        prepared.push((live.clone(), ready));
    }
    Ok(Ready { next, prepared })
}

impl NotReady {
    /// What came of it, where `current` runs.
    pub(super) fn attempt(self, current: &PluginType) -> Attempt {
        let unchanged = Attempt::of(current, Outcome::Unchanged, None);
        match self {
            NotReady::Ending | NotReady::Unchanged => unchanged,
            NotReady::Refused(sha256) => {
                let why = "this file has failed before; it is tried again when it is another".to_owned();
                Attempt { sha256: sha256.to_string(), version: None, why: Some(why), ..unchanged }
            }
            NotReady::Rejected { sha256, version, why } => {
                let sha256 = sha256.map(|hash| hash.to_string()).unwrap_or_default();
                Attempt { sha256, version, outcome: Outcome::Rejected, why: Some(why), ..unchanged }
            }
            NotReady::OtherShape { next, why } => Attempt::of(&next, Outcome::Rejected, Some(why)),
        }
    }

    pub(super) fn rejected(next: &PluginType, why: String) -> NotReady {
        let plugin = next.plugin();
        let version = Some(plugin.description.version.clone());
        NotReady::Rejected { sha256: Some(plugin.sha256), version, why }
    }
}

impl Ready {
    /// The flip. Returns once the old instances have ended; what speaks against the new version by then is the error.
    pub(super) async fn admit(self, probation: &Arc<Probation>) -> Result<(), String> {
        let lives = self.lives();
        for (live, next) in self.prepared {
            live.admit(next, Some(probation.clone()));
        }
        turn_over(&lives).await;
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

    pub(super) fn lives(&self) -> Vec<Live> {
        self.prepared.iter().map(|(live, _)| live.clone()).collect()
    }
}

/// Has the version before run again.
pub(super) async fn put_back(lives: &[Live]) {
    lives.iter().for_each(Live::put_back);
    turn_over(lives).await;
}

/// Who tends the guests goes on with what takes longer.
async fn turn_over(lives: &[Live]) {
    let turnover = async {
        for live in lives {
            live.dismiss().await;
            live.turned_over().await;
        }
    };
    let _ = tokio::time::timeout(TURNOVER, turnover).await;
}

/// One line in the log, and a count.
pub(super) fn note(telemetry: &Telemetry, plugin: &str, attempt: &Attempt) {
    let labels = &[("plugin", plugin), ("outcome", attempt.outcome.as_str())];
    telemetry.counter("spanloom_plugin_swaps", labels).increment(1);
    let Attempt { version, sha256, why, took_ms, .. } = attempt;
    let version = version.as_deref();
    let hash = sha256.get(..12).unwrap_or_default();
    match (attempt.outcome, why) {
        (Outcome::Swapped, why) => tracing::info!(plugin, version, hash, took_ms, why, "swapped"),
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
