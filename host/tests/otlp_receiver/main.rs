//! The `otlp` receiver as clients meet it: tonic's generated ones, an HTTP client, and bare sockets.

mod grpc;
mod http;
mod support;
