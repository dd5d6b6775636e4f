//! The tables of inputs, one room a topic.

mod auth;
mod batch;
mod config;
mod debug;
mod dial;
mod fan_out;
mod file;
mod fuzz;
mod grpc;
mod health_check;
mod http;
mod merge;
mod otlp_exporters;
mod otlp_json;
mod otlp_protobuf;
mod own_metrics;
mod prometheus;
mod redirect;
mod sampling;
mod span_metrics;
mod tls;

use anyhow::{Result, bail};

use crate::{observation::Case, side::Binaries};

pub(crate) const NAMES: &[&str] = &[
    "otlp_json",
    "otlp_protobuf",
    "http",
    "grpc",
    "config",
    "merge",
    "tls",
    "auth",
    "health_check",
    "otlp_http",
    "otlp_grpc",
    "dial",
    "redirect",
    "fan_out",
    "batch",
    "debug",
    "file",
    "prometheus",
    "span_metrics",
    "sampling",
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
        "merge" => merge::run(binaries).await,
        "tls" => tls::run(binaries).await,
        "auth" => auth::run(binaries).await,
        "health_check" => health_check::run(binaries).await,
        "otlp_http" => otlp_exporters::http(binaries).await,
        "otlp_grpc" => otlp_exporters::grpc(binaries).await,
        "dial" => dial::run(binaries).await,
        "redirect" => redirect::run(binaries).await,
        "fan_out" => fan_out::run(binaries).await,
        "batch" => batch::run(binaries).await,
        "debug" => debug::run(binaries).await,
        "file" => file::run(binaries).await,
        "prometheus" => prometheus::run(binaries).await,
        "span_metrics" => span_metrics::run(binaries).await,
        "sampling" => sampling::run(binaries).await,
        "own_metrics" => own_metrics::run(binaries).await,
        "fuzz" => fuzz::run(binaries).await,
        other => bail!("no topic {other}"),
    }
}
