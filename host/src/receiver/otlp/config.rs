//! The `otlp` receiver's config: the Collector's keys and defaults, but for the largest request, where OTLP 1.11
//! recommends 64 MiB (the Collector: 4 MiB over gRPC, 20 MiB over HTTP).
//!
//! Keys of the Collector's servers that change nothing here are [`Unused`]: a warning names them.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use serde::Deserialize;

use crate::{
    config::{
        self, ConfigError, Unused,
        headers::{self, HeadersConfig},
        types::present,
    },
    memory,
    pipeline::ingest::Acknowledge,
    server::{
        KeepaliveSettings, ServerSettings,
        cors::CorsConfig,
        request_body::{Budget, Encoding},
    },
    tls::server::ServerTlsConfig,
};

const MAX_REQUEST_MIB: usize = 64;
const MAX_IN_FLIGHT_MIB: usize = 256;
/// The largest request has as many items of 64 bytes: fewer than any real one has.
const MAX_REQUEST_ITEMS: usize = 1_000_000;
/// Longer than any sender waits for its answer by default (the SDKs 10 s, the Collector 30 s).
const READ_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpConfig {
    pub protocols: ProtocolsConfig,
    /// Ours: when a sender is answered.
    pub acknowledge: Acknowledge,
    /// Ours: what the requests that are not yet answered may hold together, over both protocols. Beyond it a request
    /// waits, for `read_timeout` at the most, and is refused then, to be sent again.
    pub max_in_flight_mib: usize,
    /// Ours: the most spans, data points or log records of one request. A request of more is refused, not to be sent again.
    pub max_request_items: usize,
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

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcConfig {
    /// `host:port`.
    pub endpoint: String,
    /// `tcp`.
    pub transport: String,
    pub tls: Option<ServerTlsConfig>,
    pub auth: Option<AuthConfig>,
    pub keepalive: KeepaliveConfig,
    /// The largest message, after decompression.
    pub max_recv_msg_size_mib: usize,
    /// For each connection; 0 is the default.
    pub max_concurrent_streams: u32,
    /// Ours: how long a request may take to arrive; 0 is the default.
    pub read_timeout: config::Duration,
    /// Keep the headers of each request, for plugins that ask for them.
    pub include_metadata: bool,
    pub read_buffer_size: Unused,
    pub write_buffer_size: Unused,
    pub dialer: Unused,
    pub middlewares: Vec<MiddlewareConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// `host:port`.
    pub endpoint: String,
    /// `tcp`.
    pub transport: String,
    pub tls: Option<ServerTlsConfig>,
    pub auth: Option<AuthConfig>,
    pub cors: Option<CorsConfig>,
    pub traces_url_path: String,
    pub metrics_url_path: String,
    pub logs_url_path: String,
    /// The largest body in bytes, both as it came and after decompression; 0 is the default.
    pub max_request_body_size: usize,
    /// Of gzip, zstd, deflate (or zlib), snappy, x-snappy-framed, lz4, and the empty name, which is none.
    pub compression_algorithms: Vec<String>,
    /// How long a request may take to arrive; 0 is the default.
    pub read_timeout: config::Duration,
    pub read_header_timeout: config::Duration,
    /// How long a connection is kept without a request; 0 is for ever.
    pub idle_timeout: config::Duration,
    /// Keep the headers of each request, for plugins that ask for them.
    pub include_metadata: bool,
    /// Of every answer.
    response_headers: HeadersConfig,
    /// Off: a connection ends with its first answer.
    pub keep_alives_enabled: bool,
    pub write_timeout: Unused,
    pub include_tls_metadata: Unused,
    pub middlewares: Vec<MiddlewareConfig>,
    pub profiles_url_path: Unused,
}

/// An extension that every request goes through: `memory_limiter`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MiddlewareConfig {
    /// Of an extension under `service.extensions`.
    pub id: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// The id of an extension that authenticates.
    pub authenticator: String,
    #[serde(default)]
    pub request_params: Unused,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeepaliveConfig {
    pub server_parameters: ServerParametersConfig,
    pub enforcement_policy: Unused,
}

/// Unset or 0 is the default: idle for 30m (the Collector: for ever), age without end, a ping after 2h, 20s for its answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerParametersConfig {
    pub max_connection_idle: Option<config::Duration>,
    pub max_connection_age: Option<config::Duration>,
    pub max_connection_age_grace: Option<config::Duration>,
    pub time: Option<config::Duration>,
    pub timeout: Option<config::Duration>,
}

/// The paths of OTLP/HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paths {
    pub(super) traces: String,
    pub(super) metrics: String,
    pub(super) logs: String,
}

impl Default for OtlpConfig {
    fn default() -> OtlpConfig {
        OtlpConfig {
            protocols: ProtocolsConfig::default(),
            acknowledge: Acknowledge::default(),
            max_in_flight_mib: MAX_IN_FLIGHT_MIB,
            max_request_items: MAX_REQUEST_ITEMS,
        }
    }
}

impl Default for GrpcConfig {
    fn default() -> GrpcConfig {
        GrpcConfig {
            endpoint: "localhost:4317".to_owned(),
            transport: "tcp".to_owned(),
            tls: None,
            auth: None,
            keepalive: KeepaliveConfig::default(),
            max_recv_msg_size_mib: MAX_REQUEST_MIB,
            max_concurrent_streams: 0,
            read_timeout: config::Duration(READ_TIMEOUT),
            include_metadata: false,
            read_buffer_size: Unused,
            write_buffer_size: Unused,
            dialer: Unused,
            middlewares: Vec::new(),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            endpoint: "localhost:4318".to_owned(),
            transport: "tcp".to_owned(),
            tls: None,
            auth: None,
            cors: None,
            traces_url_path: "/v1/traces".to_owned(),
            metrics_url_path: "/v1/metrics".to_owned(),
            logs_url_path: "/v1/logs".to_owned(),
            max_request_body_size: MAX_REQUEST_MIB << 20,
            compression_algorithms: std::iter::once("")
                .chain(Encoding::ALL.map(Encoding::as_str))
                .map(str::to_owned)
                .collect(),
            read_timeout: config::Duration(READ_TIMEOUT),
            read_header_timeout: config::Duration(Duration::from_secs(60)),
            idle_timeout: config::Duration(Duration::from_secs(60)),
            include_metadata: false,
            response_headers: HeadersConfig::default(),
            keep_alives_enabled: true,
            write_timeout: Unused,
            include_tls_metadata: Unused,
            middlewares: Vec::new(),
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
        let largest = self.largest_request_bytes();
        let is_room = self.in_flight_bytes() >= largest;
        ConfigError::all([
            must(self.max_request_items > 0, "max_request_items", || {
                "max_request_items: must be at least 1".to_owned()
            }),
            grpc.map_err(|wrong| wrong.below("protocols::grpc")),
            http.map_err(|wrong| wrong.below("protocols::http")),
            must(is_room, "max_in_flight_mib", || {
                format!("max_in_flight_mib: below the largest request, {} MiB", largest.div_ceil(1 << 20))
            }),
        ])
    }

    /// For all requests under way: at most a quarter of what the process may have, but room for the largest request.
    pub(super) fn budget(&self) -> Arc<Budget> {
        let largest = self.largest_request_bytes();
        let share = memory::limit_bytes().map_or(usize::MAX, |bytes| bytes / 4);
        Budget::new(self.in_flight_bytes().min(share.max(largest)), largest)
    }

    fn in_flight_bytes(&self) -> usize {
        self.max_in_flight_mib.saturating_mul(1 << 20)
    }

    fn largest_request_bytes(&self) -> usize {
        let grpc = self.protocols.grpc.as_ref().map_or(0, GrpcConfig::limit_bytes);
        grpc.max(self.protocols.http.as_ref().map_or(0, HttpConfig::limit_bytes))
    }
}

impl GrpcConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::all([
            validate_place(&self.endpoint, &self.transport),
            self.tls.as_ref().map_or(Ok(()), ServerTlsConfig::validate),
        ])
    }

    pub(super) fn limit_bytes(&self) -> usize {
        match self.max_recv_msg_size_mib {
            0 => MAX_REQUEST_MIB << 20,
            mib => mib.saturating_mul(1 << 20),
        }
    }

    pub(super) fn read_timeout(&self) -> Duration {
        nonzero(Some(self.read_timeout)).unwrap_or(READ_TIMEOUT)
    }

    pub(super) fn server_settings(&self) -> ServerSettings {
        let mut settings = ServerSettings::default();
        if self.max_concurrent_streams > 0 {
            settings.max_concurrent_streams = self.max_concurrent_streams;
        }
        let configured = &self.keepalive.server_parameters;
        let unset = settings.keepalive;
        settings.keepalive = KeepaliveSettings {
            time: nonzero(configured.time).unwrap_or(unset.time),
            timeout: nonzero(configured.timeout).unwrap_or(unset.timeout),
            max_connection_idle: nonzero(configured.max_connection_idle).or(unset.max_connection_idle),
            max_connection_age: nonzero(configured.max_connection_age),
            max_connection_age_grace: nonzero(configured.max_connection_age_grace),
        };
        settings
    }
}

impl HttpConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let Paths { traces, metrics, logs } = self.paths();
        let differ = traces != metrics && metrics != logs && logs != traces;
        let mut names = self.compression_algorithms.iter();
        let unknown = names.find(|name| !name.is_empty() && Encoding::from_name(name).is_none());
        ConfigError::all([
            validate_place(&self.endpoint, &self.transport),
            must(differ, "traces_url_path", || {
                "traces_url_path: another signal has the same path".to_owned()
            }),
            must(unknown.is_none(), "compression_algorithms", || {
                let unknown = unknown.map(String::as_str).unwrap_or_default();
                format!(
                    "compression_algorithms: {unknown:?} is not one of gzip, zstd, zlib, deflate, snappy, x-snappy-framed, lz4 and \"\""
                )
            }),
            self.response_headers().map(drop),
            self.cors.as_ref().map_or(Ok(()), CorsConfig::validate),
            self.tls.as_ref().map_or(Ok(()), ServerTlsConfig::validate),
        ])
    }

    /// What every answer has beside its own headers.
    pub(super) fn response_headers(&self) -> Result<HeaderMap, ConfigError> {
        let all = headers::read(&self.response_headers);
        let mut all = all.map_err(|error| error.below("response_headers"))?;
        if !self.keep_alives_enabled {
            all.insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
        }
        Ok(all)
    }

    pub(super) fn limit_bytes(&self) -> usize {
        if self.max_request_body_size == 0 { MAX_REQUEST_MIB << 20 } else { self.max_request_body_size }
    }

    pub(super) fn paths(&self) -> Paths {
        let rooted = |path: &String| format!("/{}", path.trim_start_matches('/'));
        Paths {
            traces: rooted(&self.traces_url_path),
            metrics: rooted(&self.metrics_url_path),
            logs: rooted(&self.logs_url_path),
        }
    }

    pub(super) fn encodings(&self) -> Vec<Encoding> {
        let named: Vec<Encoding> =
            self.compression_algorithms.iter().filter_map(|name| Encoding::from_name(name)).collect();
        Encoding::ALL.into_iter().filter(|encoding| named.contains(encoding)).collect()
    }

    pub(super) fn read_timeout(&self) -> Duration {
        nonzero(Some(self.read_timeout)).unwrap_or(READ_TIMEOUT)
    }

    pub(super) fn server_settings(&self) -> ServerSettings {
        let mut settings = ServerSettings::default();
        settings.keepalive.max_connection_idle = nonzero(Some(self.idle_timeout));
        if let Some(timeout) = nonzero(Some(self.read_header_timeout)) {
            settings.read_header_timeout = timeout;
        }
        settings
    }
}

fn validate_place(endpoint: &str, transport: &str) -> Result<(), ConfigError> {
    let port = endpoint.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    ConfigError::all([
        must(matches!(port, Some(Ok(_))), "endpoint", || format!("endpoint: {endpoint:?} is not host:port")),
        must(matches!(transport, "" | "tcp" | "tcp4" | "tcp6"), "transport", || {
            format!("transport: {transport:?} is not one we have; expected tcp")
        }),
    ])
}

/// `Err` unless it holds.
fn must(holds: bool, key: &str, message: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::on(key, message())) }
}

fn nonzero(duration: Option<config::Duration>) -> Option<Duration> {
    duration.map(|duration| duration.0).filter(|duration| !duration.is_zero())
}
