//! Exporters send batches to destinations. An exporter only sends: the queue, batching, retries and timeouts
//! are in [`sending`](crate::sending), the same for all exporters.

pub mod debug;
pub mod file;
pub mod nop;
pub mod otlp;
pub mod otlp_grpc;
pub mod otlp_http;
