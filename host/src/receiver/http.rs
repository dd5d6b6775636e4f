//! The parts of receivers that take requests over HTTP.
//!
//! A receiver with one port is an [`HttpReceiver`] of a [`Protocol`], with a config that holds an
//! [`HttpServerConfig`] and a [`RequestsConfig`]. The protocol names its paths, and turns bodies into
//! batches. Everything that a sender could make a receiver hold or wait for is bounded here: who is let in
//! ([`Gate`]), how much of a body is read and in what time ([`HttpService`]), and what all requests hold
//! together ([`RequestsConfig::budget`]).
//!
//! `otlp` has two ports with one budget, and puts them together from the same parts. Nothing here knows OTLP's
//! messages or gRPC.

mod config;
mod convert;
mod doors;
mod gate;
mod guards;
mod head;
mod path;
mod port;
mod protocol;
mod receiver;
mod refusal;
mod requests;
mod service;
#[cfg(test)]
mod tests;

pub use config::{HttpServerConfig, MAX_REQUEST_BYTES, READ_TIMEOUT, doubts};
pub(crate) use config::{given, must, nonzero};
pub use convert::convert;
pub use doors::{Door, Doors};
pub use gate::Gate;
pub use guards::{AuthConfig, Guards, MiddlewareConfig};
pub use head::hold_large;
pub use path::unescaped;
pub use port::{Port, check_files, validate_place};
pub use protocol::{Protocol, Received};
pub use receiver::HttpReceiver;
pub use refusal::{Cause, Detail, Refusal};
pub use requests::RequestsConfig;
pub use service::HttpService;
