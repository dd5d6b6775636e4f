//! Replacing what runs while batches pass: a plugin's version, and the config.

pub mod status;
pub mod watch;
