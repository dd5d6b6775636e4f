//! Receivers accept data. They know pipelines only as an [`Ingest`](crate::pipeline::Ingest), and know
//! nothing of plugins.

pub mod datagrams;
pub mod frames;
pub mod grpc;
pub mod http;
pub mod otlp;
