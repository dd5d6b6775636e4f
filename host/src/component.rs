//! What components are: the contract of each kind, the factories that build them, and the registry of all types.

pub mod auth;
mod connector;
mod exporter;
mod extension;
mod factory;
mod processor;
mod receiver;
mod registry;
mod sending;

use std::{any::Any, fmt, sync::Arc};

use serde::Serialize;

pub use connector::Connector;
pub use exporter::{ExportError, Exported, Exporter, FailedPart, ServerLabels};
pub use extension::{BuiltExtension, Endpoint, Extensions};
pub use factory::{
    BuiltExporter, ConnectorFactory, ExporterFactory, ExtensionFactory, Factory, ProcessorFactory,
    ReceiverFactory,
};
pub use processor::{Gathers, Processor, Revise, Sampler};
pub use receiver::Receiver;
pub use registry::Registry;
pub use sending::{
    BatchSettings, QueueSettings, RequestLimits, RetrySettings, SendingSettings, Sizer, TimeWindow,
    WINDOW_MARGIN,
};

use crate::{id::ComponentId, telemetry::Telemetry};

/// What a factory may use to build a component.
pub struct BuildContext<'a> {
    pub id: &'a ComponentId,
    pub telemetry: &'a Arc<Telemetry>,
    pub extensions: &'a Extensions,
    /// The [legacy](Processor::legacy) of the processor of this id that the pipeline had before, if this is a
    /// processor that takes its place.
    pub former: Option<Arc<dyn Any + Send + Sync>>,
}

/// How much may still change for the users of a type of component; the Collector's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stability {
    Alpha,
    Beta,
    Stable,
}

impl fmt::Display for Stability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stability::Alpha => "alpha",
            Stability::Beta => "beta",
            Stability::Stable => "stable",
        })
    }
}
