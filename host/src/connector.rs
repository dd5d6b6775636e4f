//! A connector ends pipelines as one of their exporters, and begins others as one of their receivers.

pub mod forward;
