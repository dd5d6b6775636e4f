//! Replacing a plugin's version while batches pass: its file is watched, a new version is made ready beside the one that
//! runs, takes over, and is held against it.

pub mod attempt;
pub(crate) mod entry;
pub(crate) mod exchange;
pub(crate) mod rfc3339;
mod role;
pub(crate) mod staged;
pub(crate) mod trial;
pub mod watch;
