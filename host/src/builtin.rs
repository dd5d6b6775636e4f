//! The components that come with the binary.

use crate::{
    component::Registry,
    exporter::{debug, file, nop, otlp_grpc, otlp_http},
    extension::{
        auth::{basic, bearer_token},
        health_check,
    },
    receiver::otlp,
};

pub fn registry() -> Registry {
    Registry {
        receivers: vec![&otlp::FACTORY],
        exporters: vec![
            &debug::FACTORY,
            &file::FACTORY,
            &nop::FACTORY,
            &otlp_grpc::FACTORY,
            &otlp_http::FACTORY,
        ],
        extensions: vec![&basic::FACTORY, &bearer_token::FACTORY, &health_check::FACTORY],
    }
}
