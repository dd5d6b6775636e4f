//! The config of `health_check`: the Collector's keys, including those of its HTTP servers.

use http::HeaderMap;
use serde::Deserialize;

use crate::{
    config::{
        ConfigError, Unused,
        headers::{self, HeadersConfig},
    },
    server::{self, cors::CorsConfig},
    tls::server::ServerTlsConfig,
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HealthCheckConfig {
    /// The address, as `host:port`.
    pub(super) endpoint: String,
    /// The path that is answered; any other path gets 404. A path that ends with `/` includes all paths below
    /// it.
    path: String,
    response_body: Option<ResponseBodyConfig>,
    pub(super) tls: Option<ServerTlsConfig>,
    pub(super) cors: Option<CorsConfig>,
    response_headers: HeadersConfig,
    check_collector_pipeline: Unused,
    transport: Unused,
    auth: Unused,
    max_request_body_size: Unused,
    include_metadata: Unused,
    include_tls_metadata: Unused,
    dialer: Unused,
    compression_algorithms: Unused,
    read_timeout: Unused,
    read_header_timeout: Unused,
    write_timeout: Unused,
    idle_timeout: Unused,
    keep_alives_enabled: Unused,
    middlewares: Unused,
    use_v2: Unused,
    http: Unused,
    grpc: Unused,
    component_health: Unused,
}

/// The texts that are answered instead of JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ResponseBodyConfig {
    healthy: String,
    unhealthy: String,
}

impl Default for HealthCheckConfig {
    fn default() -> HealthCheckConfig {
        HealthCheckConfig {
            endpoint: "localhost:13133".to_owned(),
            path: "/".to_owned(),
            response_body: None,
            tls: None,
            cors: None,
            response_headers: HeadersConfig::default(),
            check_collector_pipeline: Unused,
            transport: Unused,
            auth: Unused,
            max_request_body_size: Unused,
            include_metadata: Unused,
            include_tls_metadata: Unused,
            dialer: Unused,
            compression_algorithms: Unused,
            read_timeout: Unused,
            read_header_timeout: Unused,
            write_timeout: Unused,
            idle_timeout: Unused,
            keep_alives_enabled: Unused,
            middlewares: Unused,
            use_v2: Unused,
            http: Unused,
            grpc: Unused,
            component_health: Unused,
        }
    }
}

impl HealthCheckConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::all([
            match server::has_port(&self.endpoint) {
                true => Ok(()),
                false => {
                    let message = format!("endpoint: {:?} is not host:port", self.endpoint);
                    Err(ConfigError::on("endpoint", message))
                }
            },
            match self.path.starts_with('/') {
                true => Ok(()),
                false => Err(ConfigError::on("path", "path: must begin with `/`")),
            },
            self.response_headers().map(drop),
            self.cors.as_ref().map_or(Ok(()), CorsConfig::validate),
            self.tls.as_ref().map_or(Ok(()), ServerTlsConfig::validate),
        ])
    }

    pub(super) fn response_headers(&self) -> Result<HeaderMap, ConfigError> {
        headers::read(&self.response_headers).map_err(|error| error.below("response_headers"))
    }

    /// Returns whether a path is answered, as in Go's patterns: `/` matches every path.
    pub(super) fn answers(&self, path: &str) -> bool {
        path == self.path || (self.path.ends_with('/') && path.starts_with(&self.path))
    }

    /// Returns the text to answer, or `None` for JSON.
    pub(super) fn body(&self, is_ready: bool) -> Option<&str> {
        let body = self.response_body.as_ref()?;
        Some(if is_ready { &body.healthy } else { &body.unhealthy })
    }
}
