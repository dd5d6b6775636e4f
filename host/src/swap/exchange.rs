//! Exchanges one version of a plugin for another. Every step that can fail is done before the exchange,
//! beside the running version: read, hash, compile, check, configure, try. The exchange itself is one atomic
//! store. Then the old instances hand over what they hold.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    attempt::{Attempt, Outcome},
    entry::Entry,
    role::Role,
    staged::Staged,
};
use crate::{
    config::Config,
    hash::Sha256,
    plugin::{
        Live, PrepareError, Prepared, Probation, Verdict,
        config::PluginConfig,
        factory::{PluginType, read_file},
        load::file::PluginFile,
    },
    telemetry::Telemetry,
};

/// How long an attempt waits for the old instances to end. They may be in calls.
const TURNOVER: Duration = Duration::from_secs(10);

/// A version that is ready to take over.
pub(crate) struct Ready {
    pub(crate) next: Arc<PluginType>,
    /// The version's file, if it is to replace the configured file after the version has taken over.
    pub(crate) staged: Option<Staged>,
    pub(crate) way: Way,
}

/// How a version takes over.
pub(crate) enum Way {
    /// In the running components.
    InPlace(InPlace),
    /// The components must be built again; the text says why.
    Anew(String),
}

/// The components that a version takes over in, each with the prepared version.
pub(crate) struct InPlace(Vec<(Live, Prepared)>);

/// A request for a version of a plugin.
#[derive(Clone, Copy, Default)]
pub(crate) struct Request<'a> {
    /// The file to use instead of the configured one, which it then replaces.
    pub(crate) file: Option<&'a Path>,
    /// True if an operator asks: a file that has failed before is tried again.
    pub(crate) is_wish: bool,
    /// True if the version may have another role, or take or emit fewer signals.
    pub(crate) may_change_role: bool,
}

/// Why a version does not take over. The running version still runs.
pub(crate) enum NotReady {
    /// The process ends before the version is ready.
    Ending,
    /// The file holds the version that runs, or one that is on trial beside it.
    Unchanged,
    /// The file has failed before.
    Refused(Sha256),
    Rejected {
        sha256: Option<Sha256>,
        version: Option<String>,
        why: String,
    },
}

/// Reads a plugin's file and makes its version ready to take over.
pub(crate) async fn make_ready(
    config: &Config,
    name: &str,
    entry: &Entry,
    request: Request<'_>,
) -> Result<Ready, NotReady> {
    let Request { file: other, is_wish, may_change_role } = request;
    let rejected = |why: String| NotReady::Rejected { sha256: None, version: None, why };
    let Some(mut plugin) = PluginConfig::of(config, name) else {
        return Err(rejected(format!(
            "it is built in: to run a file in its place write `plugins: {{ {name}: {{ path: … }} }}`"
        )));
    };
    if let Some(other) = other {
        other.clone_into(&mut plugin.path);
    }
    let file = read_file(&plugin).await.map_err(|error| rejected(error.in_a_line()))?;
    let (sha256, shown, bytes) = (file.sha256, file.shown_hash(), file.bytes.clone());
    if sha256 == entry.current.plugin().sha256 || (entry.tries(sha256) && !is_wish) {
        return Err(NotReady::Unchanged);
    }
    if entry.refused == Some(sha256) && !is_wish {
        return Err(NotReady::Refused(sha256));
    }
    let rejected = |version: Option<String>, why: String| NotReady::Rejected { sha256: shown, version, why };
    let next = load(name, &plugin, file).await.map_err(|why| rejected(None, why))?;
    let is_asked_for = may_change_role || plugin.sha256 == Some(sha256);
    if let Some(why) = Role::of(&entry.current).difference(&Role::of(&next)).filter(|_| !is_asked_for) {
        let help = format!(
            "to allow this, run `spanloom plugin swap {name} --allow-role-change`, or set the file's hash as \
             `plugins::{name}::sha256`"
        );
        return Err(NotReady::rejected(&next, format!("{why}; {help}")));
    }
    let mut ready = prepare(config, next, entry).await?;
    if let (Some(_), Some(path)) = (other, &entry.path) {
        let staged = Staged::write(bytes, path).await.map_err(|error| {
            let why = format!("it cannot be put in the place of {}: {error}", path.display());
            NotReady::rejected(&ready.next, why)
        })?;
        ready.staged = Some(staged);
    }
    Ok(ready)
}

/// Makes the previous version ready again.
pub(crate) async fn make_former_ready(config: &Config, entry: &Entry) -> Result<Ready, NotReady> {
    let rejected = |why: &str| NotReady::Rejected { sha256: None, version: None, why: why.to_owned() };
    let Some(former) = &entry.former else {
        let current = entry.current.plugin();
        let version = &current.description.version;
        return Err(rejected(&format!("there is no version before {version} to go back to")));
    };
    let former = match PluginConfig::of(config, &former.plugin().name) {
        Some(plugin) => Arc::new(former.with(&plugin).await.map_err(|error| rejected(&error.in_a_line()))?),
        None => former.clone(),
    };
    prepare(config, former, entry).await
}

async fn load(name: &str, plugin: &PluginConfig, file: PluginFile) -> Result<Arc<PluginType>, String> {
    PluginType::of(name, plugin, file).await.map(Arc::new).map_err(|error| error.in_a_line())
}

async fn prepare(config: &Config, next: Arc<PluginType>, entry: &Entry) -> Result<Ready, NotReady> {
    next.check_use(config).map_err(|error| NotReady::rejected(&next, error.in_a_line()))?;
    let way = match Role::of(&entry.current).difference(&Role::of(&next)) {
        Some(why) => Way::Anew(why),
        None => prepare_each(config, &next, &entry.lives).await?,
    };
    Ok(Ready { next, staged: None, way })
}

async fn prepare_each(config: &Config, next: &Arc<PluginType>, lives: &[Live]) -> Result<Way, NotReady> {
    let rejected = |why| NotReady::rejected(next, why);
    let mut prepared = Vec::new();
    for live in lives {
        let component = live.component();
        let Some(node) = next.component(config, component) else {
            return Err(rejected(format!("it cannot be the component `{component}`")));
        };
        match next.prepare(live, node).await {
            Ok(ready) => prepared.push((live.clone(), ready)),
            Err(PrepareError::OtherShape(why)) => return Ok(Way::Anew(format!("{component}: {why}"))),
            Err(PrepareError::Config(error)) => {
                return Err(rejected(format!("{component}: {}", error.in_a_line())));
            }
            Err(PrepareError::Call(error)) => return Err(rejected(format!("{component}: {error}"))),
        }
    }
    Ok(Way::InPlace(InPlace(prepared)))
}

impl NotReady {
    /// Returns the attempt that ended this way. `current` is the version that runs.
    pub(crate) fn attempt(self, current: &PluginType) -> Attempt {
        let unchanged = Attempt::of(current, Outcome::Unchanged, None);
        match self {
            NotReady::Ending | NotReady::Unchanged => unchanged,
            NotReady::Refused(sha256) => {
                let why = "this file has failed before, and is tried again once it changes".to_owned();
                Attempt { sha256: sha256.to_string(), version: None, why: Some(why), ..unchanged }
            }
            NotReady::Rejected { sha256, version, why } => {
                let sha256 = sha256.map(|hash| hash.to_string()).unwrap_or_default();
                Attempt { sha256, version, outcome: Outcome::Rejected, why: Some(why), ..unchanged }
            }
        }
    }

    pub(crate) fn rejected(next: &PluginType, why: String) -> NotReady {
        let plugin = next.plugin();
        let version = Some(plugin.description.version.clone());
        NotReady::Rejected { sha256: Some(plugin.sha256), version, why }
    }
}

impl InPlace {
    /// Makes the version take over in every component. Returns once the old instances have ended, or after 10
    /// seconds.
    ///
    /// # Errors
    /// The version is on probation, and was found worse meanwhile. The error says why, and the previous
    /// version runs again.
    pub(crate) async fn admit(self, probation: Option<&Arc<Probation>>) -> Result<(), String> {
        let lives = self.lives();
        for (live, next) in self.0 {
            live.admit(next, probation.cloned());
        }
        turn_over(&lives).await;
        match probation.and_then(|probation| probation.verdict()) {
            Some(Verdict::Worse(why)) => {
                put_back(&lives).await;
                Err(why.clone())
            }
            _ => Ok(()),
        }
    }

    /// Gives the version a share of the calls, from 0 to 1, in every component. If one component fails, no
    /// component keeps it.
    pub(crate) async fn admit_canary(self, share: f64, probation: &Arc<Probation>) -> Result<(), String> {
        let lives = self.lives();
        for (live, next) in self.0 {
            if let Err(error) = live.admit_canary(next, share, probation.clone()).await {
                dismiss(&lives).await;
                return Err(error.message);
            }
        }
        Ok(())
    }

    /// Gives the version copies of the batches in every component. If one component fails, no component keeps
    /// it.
    pub(crate) async fn admit_shadow(self) -> Result<(), String> {
        let lives = self.lives();
        for (live, next) in self.0 {
            if let Err(error) = live.admit_shadow(next).await {
                dismiss(&lives).await;
                return Err(error.to_string());
            }
        }
        Ok(())
    }

    /// Returns the components.
    pub(crate) fn lives(&self) -> Vec<Live> {
        self.0.iter().map(|(live, _)| live.clone()).collect()
    }
}

/// Makes the previous version run again.
pub(crate) async fn put_back(lives: &[Live]) {
    lives.iter().for_each(Live::put_back);
    turn_over(lives).await;
}

async fn dismiss(lives: &[Live]) {
    for live in lives {
        live.dismiss().await;
    }
}

/// Waits up to [`TURNOVER`] for the old instances to end. Instances that take longer end in the background.
async fn turn_over(lives: &[Live]) {
    let turnover = async {
        for live in lives {
            live.dismiss().await;
            live.turned_over().await;
        }
    };
    let _ = tokio::time::timeout(TURNOVER, turnover).await;
}

/// Writes an attempt to the log and counts it.
pub(crate) fn note(telemetry: &Telemetry, plugin: &str, attempt: &Attempt) {
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
            tracing::error!(plugin, version, hash, "rejected, and the running version stays: {why}");
        }
        (Outcome::RolledBack, why) => {
            let why = why.as_deref().unwrap_or_default();
            tracing::error!(plugin, version, hash, "rolled back to the version before: {why}");
        }
    }
}
