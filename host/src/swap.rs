//! Changing what runs while it runs: plugins and the config.

pub mod watch;
