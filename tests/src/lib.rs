//! The harness of the end-to-end tests: the `spanloom` binary between real clients and a recording
//! destination.

pub mod attack;
pub mod aws;
pub mod back_ends;
pub mod chain;
pub mod clients;
pub mod command;
pub mod config;
pub mod guests;
pub mod ledger;
pub mod otlp;
pub mod sink;
pub mod skip;
pub mod spanloom;
pub mod swap;
pub mod xray;

pub use chain::Chain;
pub use guests::Guests;
pub use sink::{Answer, Sink};
pub use spanloom::Spanloom;
