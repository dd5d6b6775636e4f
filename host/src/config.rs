//! The Collector's YAML: read with the place of every key, merged, expanded, and checked before anything starts.
//!
//! The way of a config: [`load`] parses each source ([`node`]), merges them, applies `--set` and expands references
//! ([`expand`]); [`Config::read`] makes its sections; [`check`] holds them against what this binary has. A component
//! then reads its own part with [`Node::read`].


mod de;
pub mod error;


pub mod location;
pub mod node;
mod parse;
mod nearest;

mod render;

mod scalar;
pub mod types;

pub use error::{ConfigError, Finding};
pub use location::{KeyPath, Location};
pub use node::Node;

pub use types::{Duration, Secret, present};
