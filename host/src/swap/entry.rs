//! What is known of one plugin: what runs, what was tried, and what must not be tried again.

use std::{path::PathBuf, sync::Arc};

use super::attempt::Attempt;
use crate::{
    hash::Sha256,
    plugin::{Live, Probation, factory::PluginType},
};

/// One plugin.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) current: Arc<PluginType>,
    /// What ran before, for an operator who wants it back.
    pub(crate) former: Option<Arc<PluginType>>,
    /// The components that run it.
    pub(crate) lives: Vec<Live>,
    /// None if it is built in.
    pub(crate) path: Option<PathBuf>,
    pub(crate) paused: bool,
    /// Held against the one before; what came of it may have been decided already.
    pub(crate) probation: Option<Arc<Probation>>,
    /// What has failed, and is not tried again until the file is another.
    pub(crate) refused: Option<Sha256>,
    pub(crate) last: Option<Attempt>,
}

impl Entry {
    pub(crate) fn new(current: &Arc<PluginType>, path: Option<PathBuf>, lives: Vec<Live>) -> Entry {
        Entry {
            current: current.clone(),
            former: None,
            lives,
            path,
            paused: false,
            probation: None,
            refused: None,
            last: None,
        }
    }

    /// Whether this one runs beside the current one: it has a share of the batches, or copies.
    pub(crate) fn tries(&self, sha256: Sha256) -> bool {
        let is_tried = self.lives.iter().any(|live| live.has_canary() || live.comparison().is_some());
        is_tried && self.last.as_ref().is_some_and(|last| last.sha256 == sha256.to_string())
    }

    /// This version runs now.
    pub(crate) fn swapped(&mut self, next: Arc<PluginType>, attempt: Attempt) {
        self.former = Some(std::mem::replace(&mut self.current, next));
        self.refused = None;
        self.last = Some(attempt);
    }

    /// What runs now ran before what it has just taken over from: nothing leads back there, and the file, which still holds
    /// that, is left alone.
    pub(crate) fn went_back(&mut self) {
        self.refused = self.former.take().map(|left| left.plugin().sha256);
        self.probation = None;
    }
}
