//! Registers the components that come with the binary.

use std::sync::Arc;

use crate::{
    component::Registry,
    connector::forward::ForwardFactory,
    exporter::{
        debug::DebugFactory, file::FileFactory, nop::NopFactory, otlp_grpc::OtlpGrpcFactory,
        otlp_http::OtlpHttpFactory,
    },
    extension::{
        auth::{basic::BasicAuthFactory, bearer_token::BearerTokenFactory, sigv4::Sigv4AuthFactory},
        awsproxy::AwsProxyFactory,
        health_check::HealthCheckFactory,
        memory_limiter,
    },
    id::Kind,
    plugin::builtin::BUILTINS,
    processor::memory_limiter::MemoryLimiterFactory,
    receiver::otlp::OtlpFactory,
    sampling::{group_by_trace::GroupByTraceFactory, tail_sampling::TailSamplingFactory},
};

/// Returns a registry with the native components and the built-in plugins.
pub fn registry() -> Registry {
    let mut registry = native();
    for builtin in &BUILTINS {
        match builtin.kind {
            Kind::Processor => registry.add_processor(Arc::new(builtin)),
            Kind::Exporter => registry.add_exporter(Arc::new(builtin)),
            Kind::Connector => registry.add_connector(Arc::new(builtin)),
            Kind::Receiver => registry.add_receiver(Arc::new(builtin)),
            Kind::Extension => {}
        }
    }
    registry
}

fn native() -> Registry {
    Registry {
        receivers: vec![Arc::new(OtlpFactory)],
        processors: vec![
            Arc::new(GroupByTraceFactory),
            Arc::new(MemoryLimiterFactory),
            Arc::new(TailSamplingFactory),
        ],
        exporters: vec![
            Arc::new(DebugFactory),
            Arc::new(FileFactory),
            Arc::new(NopFactory),
            Arc::new(OtlpGrpcFactory),
            Arc::new(OtlpHttpFactory),
        ],
        connectors: vec![Arc::new(ForwardFactory)],
        extensions: vec![
            Arc::new(AwsProxyFactory),
            Arc::new(BasicAuthFactory),
            Arc::new(BearerTokenFactory),
            Arc::new(HealthCheckFactory),
            Arc::new(memory_limiter::MemoryLimiterFactory),
            Arc::new(Sigv4AuthFactory),
        ],
    }
}
