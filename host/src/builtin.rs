//! The components that come with the binary.

use std::sync::Arc;

use crate::{
    component::Registry,
    connector::forward::ForwardFactory,
    exporter::{
        debug::DebugFactory, file::FileFactory, nop::NopFactory, otlp_grpc::OtlpGrpcFactory,
        otlp_http::OtlpHttpFactory,
    },
    extension::{
        auth::{basic::BasicAuthFactory, bearer_token::BearerTokenFactory},
        health_check::HealthCheckFactory,
    },
    receiver::otlp::OtlpFactory,
};

pub fn registry() -> Registry {
    Registry {
        receivers: vec![Arc::new(OtlpFactory)],
        processors: Vec::new(),
        exporters: vec![
            Arc::new(DebugFactory),
            Arc::new(FileFactory),
            Arc::new(NopFactory),
            Arc::new(OtlpGrpcFactory),
            Arc::new(OtlpHttpFactory),
        ],
        connectors: vec![Arc::new(ForwardFactory)],
        extensions: vec![
            Arc::new(BasicAuthFactory),
            Arc::new(BearerTokenFactory),
            Arc::new(HealthCheckFactory),
        ],
    }
}
