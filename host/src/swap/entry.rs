//! Records what is known of one plugin: the versions that run and ran, the last attempt, and the file that is
//! not tried again.

use std::{path::PathBuf, sync::Arc};

use super::attempt::Attempt;
use crate::{
    hash::Sha256,
    plugin::{Live, Probation, factory::PluginType},
};

/// The record of one plugin.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) current: Arc<PluginType>,
    /// The previous version, to which an operator may return.
    pub(crate) former: Option<Arc<PluginType>>,
    /// The components that run the plugin.
    pub(crate) lives: Vec<Live>,
    /// The path of the plugin's file; `None` if the plugin is built in.
    pub(crate) path: Option<PathBuf>,
    pub(crate) paused: bool,
    /// The last trial of a version against the previous one. It may have a verdict already.
    pub(crate) probation: Option<Arc<Probation>>,
    /// The hash of a file that has failed. It is not tried again until the file changes.
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

    /// Returns true if this file's version runs beside the current one, with a share of the batches or on
    /// copies.
    pub(crate) fn tries(&self, sha256: Sha256) -> bool {
        let is_tried = self.lives.iter().any(|live| live.has_canary() || live.comparison().is_some());
        is_tried && self.last.as_ref().is_some_and(|last| last.sha256 == sha256.to_string())
    }

    /// Records that this version runs now.
    pub(crate) fn swapped(&mut self, next: Arc<PluginType>, attempt: Attempt) {
        self.former = Some(std::mem::replace(&mut self.current, next));
        self.refused = None;
        self.last = Some(attempt);
    }

    /// Records a return to the previous version. There is no earlier version to return to. The file still
    /// holds the version that was left, so it is not tried again.
    pub(crate) fn went_back(&mut self) {
        self.refused = self.former.take().map(|left| left.plugin().sha256);
        self.probation = None;
    }
}
