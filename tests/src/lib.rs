//! End to end: the `spanloom` binary between real clients and a destination that records what it gets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "all of this crate is test code: a panic is how a test fails"
)]

pub mod clients;
pub mod command;
pub mod config;
pub mod ledger;
pub mod otlp;
pub mod sink;
pub mod skip;
pub mod spanloom;

pub use sink::{Answer, Sink};
pub use spanloom::Spanloom;
