//! Replaces a plugin's version while batches pass. The plugin's file is watched, a new version is made ready
//! beside the running one, takes over, and is compared with the previous version.

pub mod attempt;
pub(crate) mod entry;
pub(crate) mod exchange;
pub(crate) mod rfc3339;
mod role;
pub(crate) mod staged;
pub(crate) mod trial;
pub mod watch;
