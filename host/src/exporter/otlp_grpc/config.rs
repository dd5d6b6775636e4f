//! The config of `otlp_grpc`: the keys of the Collector's `configgrpc` client, and `connections`.

use std::time::Duration as StdDuration;

use http::HeaderValue;
use serde::Deserialize;

use super::target::{Address, Target};
use crate::{
    component::{SendingSettings, ServerLabels},
    config::{ConfigError, Duration, Finding, Node, Unused, filled},
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
    /// The address: `host:port`, `http://…`, `https://…`, `dns:///host:port`, `passthrough:///host:port`,
    /// `unix:///path` or `unix:path`.
    pub(super) endpoint: String,
    pub(super) tls: ClientTlsConfig,
    pub(super) headers: HeadersConfig,
    pub(super) compression: CompressionConfig,
    /// The timeout of one attempt; 0 means none.
    pub(super) timeout: Duration,
    pub(super) keepalive: Option<KeepaliveConfig>,
    /// Keeps connecting until the timeout instead of failing at once.
    pub(super) wait_for_ready: bool,
    /// `round_robin` spreads requests over all addresses of the endpoint's name. `pick_first`, or an empty
    /// name, uses the first address that answers.
    balancer_name: String,
    /// The `user-agent` of requests.
    user_agent: Option<String>,
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
    /// The number of HTTP/2 connections to each address, which are used in turn. One is enough unless a load
    /// balancer spreads connections.
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

const USER_AGENT: &str = concat!("spanloom/", env!("CARGO_PKG_VERSION"));
/// Clients of grpc-go do not ping more often, because servers end the connections of those that do.
const PING_INTERVAL_MIN: StdDuration = StdDuration::from_secs(10);
/// How long the answer to a ping may take, if the config says 0.
const PING_TIMEOUT: StdDuration = StdDuration::from_secs(20);

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
            balancer_name: "round_robin".to_owned(),
            user_agent: None,
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
            self.user_agent().map(drop),
        ])
    }

    pub(super) fn sending(&self) -> Result<SendingSettings, ConfigError> {
        sending::config::settings(self.timeout, &self.sending_queue, &self.retry_on_failure)
    }

    /// Returns the server, for the labels of metrics.
    pub(super) fn server(&self) -> Result<ServerLabels, ConfigError> {
        Ok(match self.target()?.address {
            Address::Tcp { host, port, .. } => ServerLabels { address: host, port: Some(port), path: None },
            Address::Unix(path) => {
                ServerLabels { address: path.display().to_string(), ..ServerLabels::default() }
            }
        })
    }

    pub(super) fn target(&self) -> Result<Target, ConfigError> {
        Target::read(&self.endpoint, self.tls.is_on(), self.authority.as_deref())
    }

    /// Returns whether requests are spread over the addresses of a name. grpc-go ignores the case of names.
    pub(super) fn is_spread(&self) -> bool {
        !["", "pick_first"].iter().any(|name| self.balancer_name.eq_ignore_ascii_case(name))
    }

    pub(super) fn user_agent(&self) -> Result<HeaderValue, ConfigError> {
        let given = self.user_agent.as_deref().filter(|given| !given.is_empty());
        HeaderValue::try_from(given.unwrap_or(USER_AGENT))
            .map_err(|error| ConfigError::on("user_agent", format!("user_agent: {error}")))
    }

    /// Returns how often a silent connection is pinged, how long the answer may take, and whether connections
    /// without a request are pinged too.
    pub(super) fn pings(&self) -> (StdDuration, StdDuration, bool) {
        let KeepaliveConfig { time, timeout, permit_without_stream } =
            self.keepalive.clone().unwrap_or_default();
        let timeout = if timeout.0.is_zero() { PING_TIMEOUT } else { timeout.0 };
        (time.0.max(PING_INTERVAL_MIN), timeout, permit_without_stream)
    }
}

/// Returns the warnings about values that are read in another way than they may be meant.
pub(super) fn doubts(node: &Node) -> Vec<Finding> {
    let Ok(config) = node.read::<OtlpGrpcConfig>() else { return Vec::new() };
    let doubt = |holds: bool, key: &str, message: &str, help: &str| {
        let place = node.get(key).filter(|_| holds)?;
        Some(place.finding(message.to_owned()).help(help))
    };
    let is_unknown = config.is_spread() && !config.balancer_name.eq_ignore_ascii_case("round_robin");
    let is_often = config.keepalive.as_ref().is_some_and(|keepalive| keepalive.time.0 < PING_INTERVAL_MIN);
    let doubts = [
        doubt(
            config.endpoint.starts_with("http://") && config.tls.is_on(),
            "endpoint",
            "`http://` does not turn TLS off here",
            "for a destination without TLS, set `tls: { insecure: true }`",
        ),
        doubt(
            config.endpoint.starts_with("dns://") && !config.endpoint.starts_with("dns:///"),
            "endpoint",
            "the DNS server in `dns://` is not asked; the system's is",
            "write `dns:///host:port`",
        ),
        doubt(
            is_unknown,
            "balancer_name",
            "the balancer is unknown, and `round_robin` is used",
            "the balancers are `round_robin` and `pick_first`",
        ),
        doubt(
            is_often,
            "keepalive",
            "a connection is pinged every 10s at the most",
            "servers end the connections of clients that ping more often",
        ),
    ];
    doubts.into_iter().flatten().collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration(std::time::Duration::from_secs(seconds))
}

pub(super) fn wrong<T>(message: &str) -> Result<T, ConfigError> {
    Err(ConfigError::new(message.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(config: Value) -> Result<OtlpGrpcConfig, String> {
        let config: OtlpGrpcConfig = serde_json::from_value(config).map_err(|error| error.to_string())?;
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    }

    /// Scenario: the config has `insecure` and a `ca_file`.
    /// Guarantees: TLS is on, as in the Collector, because a certificate authority only makes sense with TLS.
    #[test]
    fn insecure_is_overruled_by_an_authority_to_trust() {
        let tls = json!({"insecure": true, "ca_file": "ca.pem"});
        assert!(read(json!({"endpoint": "a:1", "tls": tls})).unwrap().target().unwrap().tls);
    }

    /// Scenario: `keepalive` is missing, empty, or asks for pings that are too frequent.
    /// Guarantees: pings are as far apart as grpc-go sends them.
    #[test]
    fn pings_are_not_sent_more_often_than_servers_allow() {
        for (keepalive, pings) in [
            (json!(null), (10, 10, false)),
            (json!({}), (10, 10, false)),
            (json!({"time": "0s", "timeout": "0s"}), (10, 20, false)),
            (json!({"time": "1m", "timeout": "5s", "permit_without_stream": true}), (60, 5, true)),
        ] {
            let (interval, timeout, idle) =
                read(json!({"endpoint": "a:1", "keepalive": keepalive})).unwrap().pings();
            assert_eq!((interval.as_secs(), timeout.as_secs(), idle), pings, "{keepalive}");
        }
    }

    /// Scenario: balancers by their names.
    /// Guarantees: requests are spread unless the config asks for the first address.
    #[test]
    fn requests_are_spread_unless_the_first_address_is_asked_for() {
        for (balancer, is_spread) in
            [("round_robin", true), ("pick_first", false), ("Pick_First", false), ("", false), ("else", true)]
        {
            let config = read(json!({"endpoint": "a:1", "balancer_name": balancer})).unwrap();
            assert_eq!(config.is_spread(), is_spread, "{balancer}");
        }
        assert!(read(json!({"endpoint": "a:1"})).unwrap().is_spread());
    }

    /// Scenario: values that mean something else than one could think.
    /// Guarantees: each has a warning that says so, and others have none.
    #[test]
    fn what_could_be_misread_is_warned_of() {
        for (config, words) in [
            ("endpoint: http://a:1", "`http://` does not turn TLS off here"),
            ("endpoint: dns://10.0.0.1/a:1", "the DNS server in `dns://` is not asked; the system's is"),
            ("endpoint: a:1\nbalancer_name: nobody", "the balancer is unknown, and `round_robin` is used"),
            ("endpoint: a:1\nkeepalive: { time: 1s }", "a connection is pinged every 10s at the most"),
        ] {
            let doubts = doubts(&Node::parse("config.yaml", config).unwrap());
            let messages: Vec<&str> = doubts.iter().map(|doubt| doubt.message.as_str()).collect();
            assert_eq!(messages, [words], "{config}");
        }
        let plain = "endpoint: http://a:1\ntls: { insecure: true }\nbalancer_name: round_robin";
        assert!(doubts(&Node::parse("config.yaml", plain).unwrap()).is_empty());
    }

    /// Scenario: one key at a time has a value that cannot work.
    /// Guarantees: the error names the key or what would be right.
    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        for (config, key) in [
            (json!({}), "endpoint"),
            (json!({"endpoint": "a:1", "compression": "lz4"}), "compression"),
            (json!({"endpoint": "a:1", "connections": 0}), "connections"),
            (json!({"endpoint": "a:1", "headers": {"a b": "c"}}), "a b: invalid"),
            (json!({"endpoint": "a:1", "tls": {"cert_file": "x"}}), "key_file"),
            (json!({"endpoint": "a:1", "user_agent": "a\nb"}), "user_agent"),
            (json!({"endpoint": "a:1", "endpont": "b"}), "endpont"),
        ] {
            let error = read(config).unwrap_err();
            assert!(error.contains(key), "{error} names {key}");
        }
    }
}
