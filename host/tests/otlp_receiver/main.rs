//! The `otlp` receiver as clients see it: tonic's generated clients, an HTTP client, and bare sockets.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]

mod abuse;
mod auth;
mod grpc;
mod http;
mod lifetime;
mod support;
mod tls;
mod unix;
