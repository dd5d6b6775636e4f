//! The keys of a receiver's HTTP server: those of the Collector's `confighttp`.
//!
//! Keys of the Collector that change nothing here are [`Unused`]: a warning names them.

use std::time::Duration;

use axum::Router;
use http::{HeaderMap, HeaderValue, header::CONNECTION};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{AuthConfig, MiddlewareConfig, validate_place};
use crate::{
    config::{
        self, ConfigError, Finding, Node, Unused,
        headers::{self, HeadersConfig},
    },
    server::{self, ServerSettings, cors::CorsConfig, request_body::Encoding},
    tls::{self, server::ServerTlsConfig},
};

/// The largest body if the config says nothing else: 64 MiB, as OTLP 1.11 recommends (the Collector: 20 MiB).
pub const MAX_REQUEST_BYTES: usize = 64 << 20;
/// How long a request may take to arrive if the config says nothing else. No sender waits for its answer for
/// longer by default (the SDKs 10 s, the Collector 30 s).
pub const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A part of a receiver's config: `#[serde(rename = "..server")] server: HttpServerConfig`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpServerConfig {
    /// `host:port`, or the path of a Unix socket. `None` stands for the default of the receiver.
    #[serde(deserialize_with = "given")]
    pub endpoint: Option<String>,
    /// `tcp`, `tcp4`, `tcp6` or `unix`.
    pub transport: String,
    pub tls: Option<ServerTlsConfig>,
    pub auth: Option<AuthConfig>,
    pub cors: Option<CorsConfig>,
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
    /// Headers of every answer.
    response_headers: HeadersConfig,
    /// If off, a connection ends with its first answer.
    pub keep_alives_enabled: bool,
    pub write_timeout: Unused,
    pub include_tls_metadata: Unused,
    pub dialer: Unused,
    pub middlewares: Vec<MiddlewareConfig>,
}

impl Default for HttpServerConfig {
    fn default() -> HttpServerConfig {
        let encodings = std::iter::once("").chain(Encoding::ALL.map(Encoding::as_str));
        HttpServerConfig {
            endpoint: None,
            transport: "tcp".to_owned(),
            tls: None,
            auth: None,
            cors: None,
            max_request_body_size: MAX_REQUEST_BYTES,
            compression_algorithms: encodings.map(str::to_owned).collect(),
            read_timeout: config::Duration(READ_TIMEOUT),
            read_header_timeout: config::Duration(Duration::from_secs(60)),
            idle_timeout: config::Duration(Duration::from_secs(60)),
            include_metadata: false,
            response_headers: HeadersConfig::default(),
            keep_alives_enabled: true,
            write_timeout: Unused,
            include_tls_metadata: Unused,
            dialer: Unused,
            middlewares: Vec::new(),
        }
    }
}

impl HttpServerConfig {
    /// Checks every value that can be checked without opening a socket or a file.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut names = self.compression_algorithms.iter();
        let unknown = names.find(|name| !name.is_empty() && Encoding::from_name(name).is_none());
        ConfigError::all([
            validate_place(self.endpoint.as_deref(), &self.transport),
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

    /// Returns the size of the largest body, as it came and after decompression.
    pub fn limit_bytes(&self) -> usize {
        if self.max_request_body_size == 0 { MAX_REQUEST_BYTES } else { self.max_request_body_size }
    }

    /// Returns the encodings that are accepted, in the order in which answers name them.
    pub fn encodings(&self) -> Vec<Encoding> {
        let named: Vec<Encoding> =
            self.compression_algorithms.iter().filter_map(|name| Encoding::from_name(name)).collect();
        Encoding::ALL.into_iter().filter(|encoding| named.contains(encoding)).collect()
    }

    pub fn read_timeout(&self) -> Duration {
        nonzero(Some(self.read_timeout)).unwrap_or(READ_TIMEOUT)
    }

    pub fn server_settings(&self) -> ServerSettings {
        let mut settings = ServerSettings::default();
        settings.keepalive.max_connection_idle = nonzero(Some(self.idle_timeout));
        if let Some(timeout) = nonzero(Some(self.read_header_timeout)) {
            settings.read_header_timeout = timeout;
        }
        settings
    }

    /// Adds what the config says of every answer: `cors`, `response_headers` and `keep_alives_enabled`. `methods`
    /// returns the methods that a path of the router takes, as [`Protocol::methods`](super::Protocol::methods).
    pub fn around(
        &self,
        methods: impl Fn(&str) -> String + Clone + Send + Sync + 'static,
        mut router: Router,
    ) -> Router {
        if let Some(cors) = &self.cors {
            router = cors.apply(methods, router);
        }
        server::with_headers(router, self.response_headers().unwrap_or_default())
    }

    /// Returns the headers of every answer, beside its own.
    fn response_headers(&self) -> Result<HeaderMap, ConfigError> {
        let all = headers::read(&self.response_headers);
        let mut all = all.map_err(|error| error.below("response_headers"))?;
        if !self.keep_alives_enabled {
            all.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(all)
    }
}

/// Returns the warnings about a config `C` that holds an [`HttpServerConfig`] as a part, for
/// [`Factory::doubts`](crate::component::Factory::doubts).
pub fn doubts<C: DeserializeOwned>(config: &Node) -> Vec<Finding> {
    let mut doubts = config.unused::<C>();
    doubts.extend(config.get("tls").into_iter().flat_map(tls::doubts));
    doubts
}

/// Returns an error about a key unless the condition holds.
pub(crate) fn must(holds: bool, key: &str, message: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::on(key, message())) }
}

/// Returns the duration, or `None` if it is absent or zero.
pub(crate) fn nonzero(duration: Option<config::Duration>) -> Option<Duration> {
    duration.map(|duration| duration.0).filter(|duration| !duration.is_zero())
}

/// Reads a key that may be absent, but has a value if it is present.
pub(crate) fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    String::deserialize(from).map(Some)
}
