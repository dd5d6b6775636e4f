//! Plugins: wasm components that process, sample, export and connect what passes.
//!
//! A [`Runtime`] has what all plugins share, a [`Plugin`] is one file, loaded. Each component of a pipeline that uses it
//! has a `pool` of `instance`s, guests with a memory of their own. What a guest holds is in its `custody`, so that
//! a call that fails can be taken back.
//!
//! There are five rooms, and each imports only those before it: `outside` is what a guest may reach, `load` leads from a
//! file to what can be compiled, `guest` is one guest and its calls, `pool` the guests of a component and the versions
//! that they run, `stage` the part that a component has in a pipeline.

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
    configure::Refusal,
    failure::{CallError, CallErrorKind},
    interface::SamplingDecision,
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
    connector::PluginConnector, exporter::PluginExporter, processor::PluginProcessor, sampler::PluginSampler,
};
