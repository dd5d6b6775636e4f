//! Factories of components: how the names in a config become the parts of a pipeline.

mod factory;
mod registry;

use std::{fmt, sync::Arc};

use serde::Serialize;

pub use factory::{
    BuiltExporter, ConnectorFactory, ExporterFactory, ExtensionFactory, Factory, ProcessorFactory,
    ReceiverFactory,
};
pub use registry::Registry;

use crate::{extension::Extensions, id::ComponentId, telemetry::Telemetry};

/// What a factory may use to build a component.
pub struct BuildContext<'a> {
    pub id: &'a ComponentId,
    pub telemetry: &'a Arc<Telemetry>,
    pub extensions: &'a Extensions,
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
