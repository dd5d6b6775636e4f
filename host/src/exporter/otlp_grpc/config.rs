//! The config of `otlp_grpc`: the keys of the Collector's `configgrpc` client, and `connections`.

use std::path::PathBuf;

use http::uri::{Authority, Uri};
use serde::Deserialize;

use crate::{
    component::{SendingSettings, ServerLabels},
    config::{ConfigError, Duration, Unused, filled},
    exporter::otlp::{
        compression::{Compression, CompressionConfig},
        headers::{self, AuthConfig, HeadersConfig},
    },
    sending::{self, QueueConfig, RetryConfig},
    tls::client::ClientTlsConfig,
};

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OtlpGrpcConfig {
    /// The address: `host:port`, `http://…`, `https://…`, `dns:///host:port`, `passthrough:///host:port` or
    /// `unix:///path`.
    pub(super) endpoint: String,
    pub(super) tls: ClientTlsConfig,
    pub(super) headers: HeadersConfig,
    pub(super) compression: CompressionConfig,
    /// The timeout of one attempt; 0 means none.
    pub(super) timeout: Duration,
    pub(super) keepalive: Option<KeepaliveConfig>,
    /// Keeps connecting until the timeout instead of failing at once.
    pub(super) wait_for_ready: bool,
    balancer_name: Unused,
    read_buffer_size: Unused,
    write_buffer_size: Unused,
    compression_params: Unused,
    middlewares: Unused,
    /// The `:authority` of requests, if it differs from the endpoint's.
    #[serde(deserialize_with = "filled")]
    pub(super) authority: Option<String>,
    pub(super) auth: Option<AuthConfig>,
    sending_queue: QueueConfig,
    retry_on_failure: RetryConfig,
    /// The number of HTTP/2 connections, which are used in turn. One is enough unless a load balancer spreads
    /// connections.
    pub(super) connections: usize,
}

/// The value of `keepalive`: pings while a request is under way, or always.
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
    pub(super) address: Address,
    pub(super) authority: String,
    pub(super) tls: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

const EXPECTED: &str =
    "endpoint: must be host:port, or begin with http://, https://, dns:///, passthrough:/// or unix://";

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
            balancer_name: Unused,
            read_buffer_size: Unused,
            write_buffer_size: Unused,
            compression_params: Unused,
            middlewares: Unused,
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
        let pings = self.keepalive.as_ref().is_none_or(|keepalive| !keepalive.time.0.is_zero());
        ConfigError::all([
            self.target().map(drop),
            self.tls.validate(),
            self.compression.read(&Compression::GRPC).map(drop),
            headers::read(&self.headers).map(drop),
            self.sending().map(drop),
            match (1..=256).contains(&self.connections) {
                true => Ok(()),
                false => wrong("connections: must be from 1 to 256"),
            },
            if pings { Ok(()) } else { wrong("keepalive.time: must be more than 0, such as 10s") },
        ])
    }

    pub(super) fn sending(&self) -> Result<SendingSettings, ConfigError> {
        sending::config::settings(self.timeout, &self.sending_queue, &self.retry_on_failure)
    }

    /// Returns the server, for the labels of metrics.
    pub(super) fn server(&self) -> Result<ServerLabels, ConfigError> {
        Ok(match self.target()?.address {
            Address::Tcp { host, port } => ServerLabels { address: host, port: Some(port), path: None },
            Address::Unix(path) => {
                ServerLabels { address: path.display().to_string(), ..ServerLabels::default() }
            }
        })
    }

    pub(super) fn target(&self) -> Result<Target, ConfigError> {
        let is_on = self.tls.is_on();
        if let Some(path) = self.endpoint.strip_prefix("unix:").filter(|path| path.contains('/')) {
            return self.unix(path.strip_prefix("//").unwrap_or(path), is_on);
        }
        let (tls, address) = match self.endpoint.split_once("://") {
            None => (is_on, self.endpoint.as_str()),
            Some(("http", address)) => (false, address),
            Some(("https", address)) => (true, address),
            // The part before the address names a DNS server. The system's DNS server is used instead.
            Some(("dns" | "passthrough", address)) => match address.split_once('/') {
                Some((_, address)) => (is_on, address),
                None => return wrong(EXPECTED),
            },
            Some(_) => return wrong(EXPECTED),
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
        let authority = self.authority(authority.as_str())?;
        Ok(Target { address: Address::Tcp { host, port }, authority, tls })
    }

    fn unix(&self, path: &str, tls: bool) -> Result<Target, ConfigError> {
        if !path.starts_with('/') {
            return wrong(
                "endpoint: a socket is named by its whole path, such as unix:///run/collector.sock",
            );
        }
        Ok(Target { address: Address::Unix(path.into()), authority: self.authority("localhost")?, tls })
    }

    fn authority(&self, of_address: &str) -> Result<String, ConfigError> {
        let authority = self.authority.as_deref().unwrap_or(of_address);
        match authority.parse::<Uri>() {
            Ok(_) => Ok(authority.to_owned()),
            Err(_) => wrong("authority: must be host or host:port"),
        }
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

    /// Scenario: the endpoint's scheme and `tls.insecure` ask for TLS or against it.
    /// Guarantees: the scheme outweighs the config, and TLS is on without both.
    #[test]
    fn tls_is_on_unless_the_endpoint_or_the_config_says_otherwise() {
        for (config, tls) in [
            (json!({"endpoint": "tempo:4317"}), true),
            (json!({"endpoint": "tempo:4317", "tls": {"insecure": true}}), false),
            (json!({"endpoint": "http://tempo:4317"}), false),
            (json!({"endpoint": "https://tempo:4317/", "tls": {"insecure": true}}), true),
        ] {
            let target = read(config.clone()).unwrap();
            assert_eq!((target.address, target.tls), (tcp("tempo", 4317), tls), "{config}");
        }
    }

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.to_owned(), port }
    }

    /// Scenario: endpoints are written as gRPC's targets.
    /// Guarantees: each gives its address and its authority.
    #[test]
    fn an_endpoint_may_say_how_it_is_found() {
        let unix = || Address::Unix("/run/x.sock".into());
        for (endpoint, address, authority) in [
            ("dns:///tempo:4317", tcp("tempo", 4317), "tempo:4317"),
            ("dns://10.0.0.1/tempo:4317", tcp("tempo", 4317), "tempo:4317"),
            ("passthrough:///tempo:4317", tcp("tempo", 4317), "tempo:4317"),
            ("unix:///run/x.sock", unix(), "localhost"),
            ("unix:/run/x.sock", unix(), "localhost"),
            ("unix:4317", tcp("unix", 4317), "unix:4317"),
        ] {
            let target = read(json!({"endpoint": endpoint, "tls": {"insecure": true}})).unwrap();
            assert_eq!(target, Target { address, authority: authority.to_owned(), tls: false }, "{endpoint}");
        }
    }

    /// Scenario: the config has `insecure` and a `ca_file`.
    /// Guarantees: TLS is on, as in the Collector, because a certificate authority only makes sense with TLS.
    #[test]
    fn insecure_is_overruled_by_an_authority_to_trust() {
        let tls = json!({"insecure": true, "ca_file": "ca.pem"});
        assert!(read(json!({"endpoint": "a:1", "tls": tls})).unwrap().tls);
    }

    /// Scenario: the endpoint is an IPv6 address in brackets.
    /// Guarantees: the socket's address has no brackets, and the authority keeps them.
    #[test]
    fn an_ipv6_endpoint_loses_its_brackets_for_the_socket_only() {
        let target = read(json!({"endpoint": "[::1]:4317"})).unwrap();
        assert_eq!((target.address, target.authority.as_str()), (tcp("::1", 4317), "[::1]:4317"));
    }

    /// Scenario: one key at a time has a value that cannot work.
    /// Guarantees: the error names the key or what would be right.
    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        for (config, key) in [
            (json!({}), "endpoint"),
            (json!({"endpoint": "tempo"}), "4317"),
            (json!({"endpoint": "unix://run/x"}), "unix:///"),
            (json!({"endpoint": "xds:///a"}), "dns:///"),
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
