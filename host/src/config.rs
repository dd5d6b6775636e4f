//! Reads the Collector's YAML: remembers the place of every key, merges, expands, and checks before anything
//! starts.
//!
//! [`load`] parses each source into a tree ([`node`]), merges the trees, applies `--set` and expands
//! references ([`expand`]). [`Config::read`] reads the sections. Each component reads its own part with
//! [`Node::read`].

pub mod admin;
pub(crate) mod collector;
mod de;
pub mod error;
pub mod expand;
pub mod headers;
mod keys;
pub mod load;

pub mod location;
mod merge;
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
pub use types::{Duration, Secret, Unused, filled, present};

#[cfg(test)]
pub(crate) mod tests;
