//! Receivers: what takes data in. They know pipelines only as an [`Ingest`](crate::pipeline::Ingest), and nothing of plugins.

pub mod otlp;
