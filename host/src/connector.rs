//! Connectors: each ends pipelines, where it stands among their exporters, and begins others, where it stands among their
//! receivers.

pub mod forward;
