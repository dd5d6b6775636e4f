//! Replacing what runs while batches pass: a plugin's version, and the config.
//!
//! [`control`] is one task that owns the service and does one thing at a time. What came of it stands on the `board`, which
//! operators read as a [`status::Status`]. [`watch`] says when a file is another.

mod board;
pub mod control;
mod exchange;
mod flow;
mod role;
mod staged;
pub mod status;
mod trial;
pub mod watch;
