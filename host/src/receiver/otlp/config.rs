//! The `otlp` receiver's config: the Collector's keys and defaults, but for the largest request, where OTLP
//! 1.11 recommends 64 MiB (the Collector: 4 MiB over gRPC, 20 MiB over HTTP).
//!
//! Keys of the Collector's servers that change nothing here are [`Unused`]: a warning names them.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Deserialize;
use wire::Signal;

use crate::{
    config::{ConfigError, Unused, types::present},
    receiver::{
        grpc::GrpcConfig,
        http::{HttpServerConfig, RequestsConfig, must},
    },
    server::request_body::Budget,
};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpConfig {
    pub protocols: ProtocolsConfig,
    /// The requests of both protocols together.
    #[serde(rename = "..requests")]
    pub requests: RequestsConfig,
}

/// At least one. A key without a value (`grpc:`) is that protocol with its defaults.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtocolsConfig {
    #[serde(deserialize_with = "present")]
    pub grpc: Option<GrpcConfig>,
    #[serde(deserialize_with = "present")]
    pub http: Option<HttpConfig>,
}

/// `protocols.http`. The default endpoint is `localhost:4318`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    #[serde(rename = "..server")]
    pub server: HttpServerConfig,
    pub traces_url_path: String,
    pub metrics_url_path: String,
    pub logs_url_path: String,
    pub profiles_url_path: Unused,
}

/// The paths of OTLP/HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paths {
    pub(super) traces: String,
    pub(super) metrics: String,
    pub(super) logs: String,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            server: HttpServerConfig::default(),
            traces_url_path: "/v1/traces".to_owned(),
            metrics_url_path: "/v1/metrics".to_owned(),
            logs_url_path: "/v1/logs".to_owned(),
            profiles_url_path: Unused,
        }
    }
}

impl OtlpConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        let ProtocolsConfig { grpc, http } = &self.protocols;
        if grpc.is_none() && http.is_none() {
            return Err(ConfigError::new("protocols: name grpc, http or both"));
        }
        let grpc = grpc.as_ref().map_or(Ok(()), GrpcConfig::validate);
        let http = http.as_ref().map_or(Ok(()), HttpConfig::validate);
        ConfigError::all([
            grpc.map_err(|wrong| wrong.below("protocols::grpc")),
            http.map_err(|wrong| wrong.below("protocols::http")),
            self.requests.validate(self.largest_request_bytes()),
        ])
    }

    /// Returns the budget of all requests under way, over both protocols.
    pub(super) fn budget(&self) -> Arc<Budget> {
        self.requests.budget(self.largest_request_bytes())
    }

    fn largest_request_bytes(&self) -> usize {
        let ProtocolsConfig { grpc, http } = &self.protocols;
        let grpc = grpc.as_ref().map_or(0, GrpcConfig::limit_bytes);
        grpc.max(http.as_ref().map_or(0, |http| http.server.limit_bytes()))
    }
}

impl HttpConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let Paths { traces, metrics, logs } = self.paths();
        let differ = traces != metrics && metrics != logs && logs != traces;
        ConfigError::all([
            self.server.validate(),
            must(differ, "traces_url_path", || {
                "traces_url_path: another signal has the same path".to_owned()
            }),
        ])
    }

    pub(super) fn paths(&self) -> Paths {
        let rooted = |path: &String| format!("/{}", path.trim_start_matches('/'));
        Paths {
            traces: rooted(&self.traces_url_path),
            metrics: rooted(&self.metrics_url_path),
            logs: rooted(&self.logs_url_path),
        }
    }
}

impl Paths {
    /// Returns the signal of the requests to a path.
    pub(super) fn signal(&self, path: &str) -> Option<Signal> {
        let Paths { traces, metrics, logs } = self;
        let paths = [(traces, Signal::Traces), (metrics, Signal::Metrics), (logs, Signal::Logs)];
        paths.into_iter().find(|(known, _)| *known == path).map(|(_, signal)| signal)
    }
}
