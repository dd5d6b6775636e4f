//! Plugins: wasm components that receive, process, sample, export and connect telemetry.
//!
//! A [`Runtime`] holds the state that all plugins share, and a [`Plugin`] is one loaded file. Each component
//! of a pipeline that uses the plugin has a `pool` of `instance`s: guests, each with its own memory. A
//! guest's batches are in its `custody`, so that a failed call can be undone.
//!
//! There are five rooms (modules), and each imports only those before it. `outside` is what a guest may
//! reach, `load` turns a file into a component that can be compiled, `guest` is one guest and its calls,
//! `pool` holds the guests of a component and the versions that they run, and `stage` is the role of a
//! component in a pipeline.

pub mod builtin;
pub mod config;
pub mod factory;
mod guest;
pub mod load;
pub mod outside;
mod pool;
mod stage;
#[cfg(test)]
pub(crate) mod testing;

pub use config::OnFailure;
pub use guest::{
    clock::advance as advance_clocks,
    configure::Refusal,
    failure::{CallError, CallErrorKind},
    interface::{Basis, Decisions, Listener, Route, SamplingDecision, Takes},
    limits::Limits,
    plugin::{LoadError, Plugin},
    runtime::Runtime,
};
pub(crate) use load::{cache::check as check_cache, compilers::data_passes};
pub use load::{
    card::Role,
    description::{Concurrency, Description, Grant},
};
pub use outside::Outside;
pub use pool::{
    GuestUsage,
    breaker::Failing,
    generation::Figures,
    live::{Live, PrepareError, Prepared},
    probation::{Probation, ProbationSettings, Verdict},
    settings::StageSettings,
    shadow::Comparison,
};
pub use stage::{
    connector::PluginConnector,
    exporter::PluginExporter,
    processor::PluginProcessor,
    receiver::{PluginReceiver, ReceiverConfig, Tried},
    sampler::PluginSampler,
};
