//! Records what is known of each plugin: the versions that run, the attempts to replace them, and the files
//! that are not tried again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::SystemTime,
};

use super::{
    decisions::SamplingDecisions,
    flow,
    status::{
        ConfigStatus, Errors, FailingStatus, PluginState, PluginStatus, Reload, ReloadOutcome, ShadowStatus,
        Status,
    },
};
use crate::{
    plugin::{Comparison, Figures, Live, factory::Plugins},
    swap::entry::Entry,
    telemetry::Telemetry,
};

/// The record that the control task changes and operators read.
pub(super) struct Board {
    started: SystemTime,
    telemetry: Arc<Telemetry>,
    state: Mutex<State>,
}

struct State {
    loaded: SystemTime,
    reload: Option<Reload>,
    plugins: BTreeMap<String, Entry>,
}

impl Board {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> Board {
        let now = SystemTime::now();
        let state = State { loaded: now, reload: None, plugins: BTreeMap::new() };
        Board { started: now, telemetry, state: Mutex::new(state) }
    }

    /// Replaces the plugins with those that run now. For a plugin that ran before, the attempts stay known.
    pub(super) fn set(&self, entries: impl IntoIterator<Item = (String, Entry)>) {
        let mut state = self.lock();
        let mut known = std::mem::take(&mut state.plugins);
        let entries = entries.into_iter().map(|(name, mut entry)| {
            if let Some(before) = known.remove(&name) {
                let same = before.current.plugin().sha256 == entry.current.plugin().sha256;
                entry.former = if same { before.former } else { Some(before.current) };
                entry.probation = before.probation.filter(|_| same);
                (entry.paused, entry.refused, entry.last) = (before.paused, before.refused, before.last);
            }
            (name, entry)
        });
        state.plugins = entries.collect();
    }

    pub(super) fn entry(&self, name: &str) -> Option<Entry> {
        self.lock().plugins.get(name).cloned()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.lock().plugins.keys().cloned().collect()
    }

    /// Returns the running version of each plugin that `is_wanted` accepts.
    pub(super) fn running(&self, is_wanted: impl Fn(&Entry) -> bool) -> Plugins {
        let state = self.lock();
        let wanted = state.plugins.values().filter(|entry| is_wanted(entry));
        wanted.map(|entry| entry.current.clone()).collect()
    }

    /// Changes the entry of a plugin, if there is one.
    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.lock().plugins.get_mut(name) {
            change(entry);
        }
    }

    pub(super) fn reloaded(&self, reload: Reload) -> Reload {
        let reload = reload.shortened();
        let mut state = self.lock();
        if reload.outcome == ReloadOutcome::Reloaded {
            state.loaded = reload.at;
        }
        state.reload = Some(reload.clone());
        reload
    }

    /// Returns true if the config on disk was rejected when it was last read.
    pub(super) fn has_rejected_config(&self) -> bool {
        self.lock().reload.as_ref().is_some_and(|reload| reload.outcome == ReloadOutcome::Rejected)
    }

    pub(super) fn status(&self) -> Status {
        let state = self.lock();
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            config: ConfigStatus { loaded: state.loaded, last: state.reload.clone() },
            receivers: flow::receivers(&self.telemetry),
            untaken: flow::untaken(&self.telemetry),
            destinations: flow::destinations(&self.telemetry),
            plugins: state.plugins.iter().map(|(name, entry)| entry.status(name)).collect(),
        };
        status.shortened()
    }

    pub(super) fn decisions(&self) -> SamplingDecisions {
        SamplingDecisions::of(&self.telemetry)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Entry {
    fn state(&self) -> PluginState {
        let is_watched = || self.probation.as_ref().is_some_and(|probation| probation.verdict().is_none());
        if self.lives.iter().any(Live::has_canary) {
            PluginState::Canary
        } else if self.lives.iter().any(|live| live.comparison().is_some()) {
            PluginState::Shadow
        } else if is_watched() {
            PluginState::Probation
        } else {
            PluginState::Serving
        }
    }

    fn failing(&self) -> Option<FailingStatus> {
        let failing: Vec<_> = self.lives.iter().filter_map(Live::failing).collect();
        let batches = failing.iter().map(|one| one.batches).max()?;
        Some(FailingStatus { batches, left_alone: failing.iter().any(|one| one.is_left_alone) })
    }

    fn shadow(&self) -> Option<ShadowStatus> {
        let comparisons: Vec<_> = self.lives.iter().filter_map(Live::comparison).collect();
        let sum = |of: fn(&Comparison) -> u64| comparisons.iter().map(of).sum::<u64>();
        let (same, different, failed) =
            (sum(|one| one.same), sum(|one| one.different), sum(|one| one.failed));
        let first_difference = comparisons.iter().find_map(|one| one.first_difference.clone());
        (!comparisons.is_empty()).then(|| ShadowStatus {
            batches: same + different + failed,
            same,
            different,
            failed,
            skipped: sum(|one| one.skipped),
            first_difference,
        })
    }

    fn status(&self, name: &str) -> PluginStatus {
        let running: Vec<_> = self.lives.iter().map(Live::running).collect();
        let figures = running.iter().fold(Figures::default(), |sum, one| sum.plus(one.figures));
        let plugin = running.first().map_or(self.current.plugin(), |one| &one.plugin);
        PluginStatus {
            name: name.to_owned(),
            role: plugin.role.to_string(),
            version: plugin.description.version.clone(),
            sha256: plugin.sha256.to_string(),
            path: self.path.as_ref().map(|path| path.display().to_string()),
            components: self.lives.iter().map(|live| live.component().to_owned()).collect(),
            generation: running.iter().map(|one| one.generation).max().unwrap_or(1),
            since: running.iter().map(|one| one.since).max().unwrap_or_else(SystemTime::now),
            state: self.state(),
            paused: self.paused,
            calls: figures.calls,
            items: figures.items,
            busy_ns: figures.busy_ns,
            ns_per_item: figures.ns_per_item(),
            errors: Errors { accidents: figures.accidents, refusals: figures.refusals },
            failing: self.failing(),
            last: self.last.clone(),
            shadow: self.shadow(),
        }
    }
}
