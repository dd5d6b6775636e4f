//! The OTLP exporters against real servers: tonic's and axum's.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic, and so may what it is made of"
)]

mod data;
mod dialing;
mod grpc;
mod grpc_destination;
mod http;
mod http_destination;
mod redirects;
mod tls;
