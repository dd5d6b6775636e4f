//! The `otlp` receiver as clients meet it: tonic's generated ones, an HTTP client, and bare sockets.

mod abuse;
mod auth;
mod grpc;
mod http;
mod lifetime;
mod support;
mod tls;
