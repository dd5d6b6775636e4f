//! The tables of inputs, one room a topic.

mod auth;
mod batch;
mod config;
mod debug;
mod file;
mod fuzz;
mod grpc;
mod health_check;
mod http;
mod otlp_exporters;
mod otlp_json;
mod otlp_protobuf;
mod own_metrics;
mod prometheus;
mod span_metrics;

use anyhow::{Result, bail};

use crate::{observation::Case, side::Binaries};

pub(crate) const NAMES: &[&str] = &[
    "otlp_json",
    "otlp_protobuf",
    "http",
    "grpc",
    "config",
    "auth",
    "health_check",
    "otlp_http",
    "otlp_grpc",
    "batch",
    "debug",
    "file",
    "prometheus",
    "span_metrics",
    "own_metrics",
    "fuzz",
];

/// Gives both sides the inputs of a topic.
pub(crate) async fn run(topic: &str, binaries: &Binaries) -> Result<Vec<Case>> {
    match topic {
        "otlp_json" => otlp_json::run(binaries).await,
        "otlp_protobuf" => otlp_protobuf::run(binaries).await,
        "http" => http::run(binaries).await,
        "grpc" => grpc::run(binaries).await,
        "config" => config::run(binaries).await,
        "auth" => auth::run(binaries).await,
        "health_check" => health_check::run(binaries).await,
        "otlp_http" => otlp_exporters::http(binaries).await,
        "otlp_grpc" => otlp_exporters::grpc(binaries).await,
        "batch" => batch::run(binaries).await,
        "debug" => debug::run(binaries).await,
        "file" => file::run(binaries).await,
        "prometheus" => prometheus::run(binaries).await,
        "span_metrics" => span_metrics::run(binaries).await,
        "own_metrics" => own_metrics::run(binaries).await,
        "fuzz" => fuzz::run(binaries).await,
        other => bail!("no topic {other}"),
    }
}
