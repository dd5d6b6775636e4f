//! Exporters: what sends batches on. Each is only the sending; queue, batching, retry and timeout are
//! [`sending`](crate::sending)'s, the same for all.

pub mod debug;
pub mod file;
pub mod nop;
pub mod otlp;
pub mod otlp_grpc;
pub mod otlp_http;
