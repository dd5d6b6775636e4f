//! The config of `otlp_grpc`: the Collector's `configgrpc` client, and `connections`.

use http::uri::{Authority, Uri};
use serde::Deserialize;

use crate::{
    config::{ConfigError, Duration},
    exporter::otlp::{
        compression::{Compression, CompressionConfig},
        headers::{self, AuthConfig, HeadersConfig},
    },
    sending::{self, QueueConfig, RetryConfig, SendingSettings},
    tls::client::ClientTlsConfig,
};

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OtlpGrpcConfig {
    /// `host:port`, `http://host:port` or `https://host:port`.
    pub(super) endpoint: String,
    pub(super) tls: ClientTlsConfig,
    pub(super) headers: HeadersConfig,
    pub(super) compression: CompressionConfig,
    /// Of one attempt; 0 is none.
    pub(super) timeout: Duration,
    pub(super) keepalive: Option<KeepaliveConfig>,
    /// Keep connecting until the timeout, instead of failing at once.
    pub(super) wait_for_ready: bool,
    /// Read for the Collector's configs; one address is chosen for each connection.
    balancer_name: Option<String>,
    read_buffer_size: Option<usize>,
    write_buffer_size: Option<usize>,
    /// The `:authority` to ask for, if not the endpoint's.
    pub(super) authority: Option<String>,
    pub(super) auth: Option<AuthConfig>,
    sending_queue: QueueConfig,
    retry_on_failure: RetryConfig,
    /// HTTP/2 connections, used in turn. One is enough unless a load balancer spreads connections.
    pub(super) connections: usize,
}

/// `keepalive`: pings while a request is under way, or always.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct KeepaliveConfig {
    pub(super) time: Duration,
    pub(super) timeout: Duration,
    pub(super) permit_without_stream: bool,
}

/// An endpoint in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) authority: String,
    pub(super) tls: bool,
}

impl Default for OtlpGrpcConfig {
    fn default() -> OtlpGrpcConfig {
        OtlpGrpcConfig {
            endpoint: String::new(),
            tls: ClientTlsConfig::default(),
            headers: HeadersConfig::default(),
            compression: CompressionConfig::default(),
            timeout: seconds(5),
            keepalive: None,
            wait_for_ready: false,
            balancer_name: None,
            read_buffer_size: None,
            write_buffer_size: None,
            authority: None,
            auth: None,
            sending_queue: QueueConfig::default(),
            retry_on_failure: RetryConfig::default(),
            connections: 1,
        }
    }
}

impl Default for KeepaliveConfig {
    fn default() -> KeepaliveConfig {
        KeepaliveConfig { time: seconds(10), timeout: seconds(10), permit_without_stream: false }
    }
}

impl OtlpGrpcConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        self.target()?;
        self.tls.validate()?;
        self.compression.read(&Compression::GRPC)?;
        headers::read(&self.headers)?;
        self.sending()?;
        if !(1..=256).contains(&self.connections) {
            return wrong("connections: must be from 1 to 256");
        }
        if self.keepalive.as_ref().is_some_and(|keepalive| keepalive.time.0.is_zero()) {
            return wrong("keepalive.time: must be more than 0, such as 10s");
        }
        Ok(())
    }

    /// What is read but changes nothing, for a warning.
    pub(super) fn ignored(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("balancer_name", self.balancer_name.is_some()),
            ("read_buffer_size", self.read_buffer_size.is_some()),
            ("write_buffer_size", self.write_buffer_size.is_some()),
        ];
        keys.into_iter().filter_map(|(key, given)| given.then_some(key))
    }

    pub(super) fn sending(&self) -> Result<SendingSettings, ConfigError> {
        sending::config::settings(self.timeout, &self.sending_queue, &self.retry_on_failure)
    }

    pub(super) fn target(&self) -> Result<Target, ConfigError> {
        let (tls, address) = match self.endpoint.split_once("://") {
            None => (!self.tls.insecure, self.endpoint.as_str()),
            Some(("http", address)) => (false, address),
            Some(("https", address)) => (true, address),
            Some((scheme, _)) => {
                return wrong(&format!(
                    "endpoint: there is no `{scheme}://`, but host:port, http:// and https://"
                ));
            }
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        let Ok(authority) = address.parse::<Authority>() else {
            return wrong("endpoint: must be host:port, such as collector:4317");
        };
        let Some(port) = authority.port_u16() else {
            return wrong("endpoint: must be host:port; OTLP over gRPC is usually on 4317");
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return wrong("endpoint: must be host:port; the host is missing");
        }
        let authority = self.authority.clone().unwrap_or_else(|| authority.to_string());
        if authority.parse::<Uri>().is_err() {
            return wrong("authority: must be host or host:port");
        }
        Ok(Target { host, port, authority, tls })
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration(std::time::Duration::from_secs(seconds))
}

fn wrong<T>(message: &str) -> Result<T, ConfigError> {
    Err(ConfigError::new(message.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(config: Value) -> Result<Target, String> {
        let config: OtlpGrpcConfig = serde_json::from_value(config).map_err(|error| error.to_string())?;
        config.validate().map_err(|error| error.to_string())?;
        config.target().map_err(|error| error.to_string())
    }

    #[test]
    fn tls_is_on_unless_the_endpoint_or_the_config_says_otherwise() {
        for (config, tls) in [
            (json!({"endpoint": "tempo:4317"}), true),
            (json!({"endpoint": "tempo:4317", "tls": {"insecure": true}}), false),
            (json!({"endpoint": "http://tempo:4317"}), false),
            (json!({"endpoint": "https://tempo:4317/", "tls": {"insecure": true}}), true),
        ] {
            let target = read(config.clone()).unwrap();
            assert_eq!((target.host.as_str(), target.port, target.tls), ("tempo", 4317, tls), "{config}");
        }
    }

    #[test]
    fn an_ipv6_endpoint_loses_its_brackets_for_the_socket_only() {
        let target = read(json!({"endpoint": "[::1]:4317"})).unwrap();
        assert_eq!((target.host.as_str(), target.authority.as_str()), ("::1", "[::1]:4317"));
    }

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        for (config, key) in [
            (json!({}), "endpoint"),
            (json!({"endpoint": "tempo"}), "4317"),
            (json!({"endpoint": "unix:///run/x"}), "unix"),
            (json!({"endpoint": ":4317"}), "endpoint"),
            (json!({"endpoint": "a:1", "compression": "lz4"}), "compression"),
            (json!({"endpoint": "a:1", "connections": 0}), "connections"),
            (json!({"endpoint": "a:1", "headers": {"a b": "c"}}), "a b: invalid"),
            (json!({"endpoint": "a:1", "tls": {"cert_file": "x"}}), "key_file"),
            (json!({"endpoint": "a:1", "keepalive": {"time": "0s"}}), "keepalive.time"),
            (json!({"endpoint": "a:1", "endpont": "b"}), "endpont"),
        ] {
            let error = read(config).unwrap_err();
            assert!(error.contains(key), "{error} names {key}");
        }
    }
}
