//! The Collector's YAML: read with the place of every key, merged, expanded, and checked before anything starts.
//!
//! The way of a config: [`load`] parses each source ([`node`]), merges them, applies `--set` and expands references
//! ([`expand`]); [`Config::read`] makes its sections. A component reads its own part with [`Node::read`].

pub mod admin;
pub(crate) mod collector;
mod de;
pub mod error;
pub mod expand;
pub mod headers;
mod keys;
pub mod load;

pub mod location;
pub(crate) mod nearest;
pub mod node;
mod parse;
pub mod print;
mod redact;
mod render;

pub mod root;
mod scalar;
pub mod telemetry;
pub mod types;

pub use admin::{AdminConfig, AdminEndpoint, AdminSocket, AdminToken};
pub use error::{ConfigError, Finding};
pub(crate) use keys::keys_of;
pub use location::{KeyPath, Location};
pub use node::Node;

pub use root::{Config, MemoryLimitMib, PipelineConfig, PipelineId, ServiceConfig};
pub use types::{Duration, Secret, Unused, present};

#[cfg(test)]
pub(crate) mod tests;
