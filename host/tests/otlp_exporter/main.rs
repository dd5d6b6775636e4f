//! The OTLP exporters against real destinations: tonic's server and axum's.

mod data;
mod grpc;
mod grpc_destination;
mod http;
mod http_destination;
mod tls;
