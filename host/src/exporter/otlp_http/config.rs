//! The config of `otlp_http`: the keys of the Collector's `confighttp` client, with one endpoint for all
//! signals or one for each.

use std::time::Duration as StdDuration;

use reqwest::{Proxy, Url};
use serde::Deserialize;

use crate::{
    component::{RequestLimits, SendingSettings},
    config::{ConfigError, Duration, Finding, Node, Unused, filled},
    exporter::otlp::{
        compression::{Compression, CompressionConfig},
        headers::{self, AuthConfig, HeadersConfig},
        proxy::Proxies,
    },
    sending::{self, QueueConfig, RetryConfig, config::limits::LimitsConfig},
    tls::client::ClientTlsConfig,
};

/// The time limit for the socket and the TLS handshake together.
pub(super) const CONNECT_TIMEOUT: StdDuration = StdDuration::from_secs(10);

/// The value of `http2_ping_timeout` that 0 stands for.
const HTTP2_PING_TIMEOUT: StdDuration = StdDuration::from_secs(15);

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OtlpHttpConfig {
    /// The base address, to which `/v1/traces`, `/v1/metrics` or `/v1/logs` is appended.
    #[serde(deserialize_with = "filled")]
    endpoint: Option<String>,
    /// The address of one signal, used as it is instead of the base address.
    #[serde(deserialize_with = "filled")]
    traces_endpoint: Option<String>,
    #[serde(deserialize_with = "filled")]
    metrics_endpoint: Option<String>,
    #[serde(deserialize_with = "filled")]
    logs_endpoint: Option<String>,
    pub(super) encoding: Encoding,
    pub(super) tls: ClientTlsConfig,
    pub(super) headers: HeadersConfig,
    pub(super) compression: CompressionConfig,
    /// The timeout of one attempt; 0 means none.
    timeout: Duration,
    pub(super) auth: Option<AuthConfig>,
    /// The proxy, instead of the one that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    #[serde(deserialize_with = "filled")]
    proxy_url: Option<String>,
    /// The number of idle connections that are kept; 0 means no limit.
    max_idle_conns: usize,
    /// The same for one host. The smaller of the two counts.
    max_idle_conns_per_host: usize,
    /// The number of connections to one host for each signal, unless they are of HTTP/2; 0 means no limit.
    pub(super) max_conns_per_host: usize,
    idle_conn_timeout: Duration,
    disable_keep_alives: bool,
    /// Whether HTTP/2 may be used. Without it, only HTTP/1.1 is used.
    pub(super) force_attempt_http2: bool,
    /// Pings a connection that was silent for this time; 0 means never.
    http2_read_idle_timeout: Duration,
    http2_ping_timeout: Duration,
    read_buffer_size: Unused,
    write_buffer_size: Unused,
    compression_params: Unused,
    cookies: Option<CookiesConfig>,
    middlewares: Unused,
    profiles_endpoint: Unused,
    /// What the destination takes in one request. This key is Spanloom's.
    limits: Option<LimitsConfig>,
    sending_queue: QueueConfig,
    retry_on_failure: RetryConfig,
}

/// The value of `cookies`: whether the destination's cookies are kept, and sent with later requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CookiesConfig {
    enabled: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Encoding {
    #[default]
    Proto,
    Json,
}

impl Default for OtlpHttpConfig {
    fn default() -> OtlpHttpConfig {
        OtlpHttpConfig {
            endpoint: None,
            traces_endpoint: None,
            metrics_endpoint: None,
            logs_endpoint: None,
            encoding: Encoding::Proto,
            tls: ClientTlsConfig::default(),
            headers: HeadersConfig::default(),
            compression: CompressionConfig::default(),
            timeout: seconds(30),
            auth: None,
            proxy_url: None,
            max_idle_conns: 100,
            max_idle_conns_per_host: 0,
            idle_conn_timeout: seconds(90),
            disable_keep_alives: false,
            force_attempt_http2: true,
            http2_read_idle_timeout: seconds(0),
            http2_ping_timeout: seconds(15),
            read_buffer_size: Unused,
            write_buffer_size: Unused,
            compression_params: Unused,
            max_conns_per_host: 0,
            cookies: None,
            middlewares: Unused,
            profiles_endpoint: Unused,
            limits: None,
            sending_queue: QueueConfig::default(),
            retry_on_failure: RetryConfig::default(),
        }
    }
}

impl Default for CookiesConfig {
    fn default() -> CookiesConfig {
        CookiesConfig { enabled: true }
    }
}

impl OtlpHttpConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::all([
            self.endpoints().map(drop),
            self.tls.validate(),
            self.compression.read(&Compression::HTTP).map(drop),
            headers::read(&self.headers).map(drop),
            self.proxy().map(drop),
            self.sending().map(drop),
        ])
    }

    pub(super) fn sending(&self) -> Result<SendingSettings, ConfigError> {
        let settings = sending::config::settings(self.timeout, &self.sending_queue, &self.retry_on_failure)?;
        Ok(SendingSettings { limits: self.limits()?, ..settings })
    }

    fn limits(&self) -> Result<Option<RequestLimits>, ConfigError> {
        let limits = self.limits.as_ref().map(LimitsConfig::settings).transpose();
        let limits = limits.map_err(|error| error.below("limits"))?;
        match (&limits, self.encoding) {
            (Some(limits), Encoding::Json) if limits.counts_bytes() => {
                let message =
                    "counts the bytes of protobuf: leave `encoding: json` out, or the limits of bytes";
                Err(ConfigError::on("limits", message))
            }
            _ => Ok(limits),
        }
    }

    /// Returns the endpoints of traces, metrics and logs. At least one of them exists.
    pub(super) fn endpoints(&self) -> Result<[Option<Url>; 3], ConfigError> {
        let endpoints = [
            self.endpoint_of("traces", &self.traces_endpoint)?,
            self.endpoint_of("metrics", &self.metrics_endpoint)?,
            self.endpoint_of("logs", &self.logs_endpoint)?,
        ];
        if endpoints.iter().all(Option::is_none) {
            return wrong(
                "endpoint: is missing; give the destination's address, such as http://collector:4318",
            );
        }
        Ok(endpoints)
    }

    /// Returns whether cookies are kept. As in the Collector, an empty section is enough.
    pub(super) fn keeps_cookies(&self) -> bool {
        self.cookies.as_ref().is_some_and(|cookies| cookies.enabled)
    }

    pub(super) fn proxy(&self) -> Result<Option<Proxy>, ConfigError> {
        let proxy = self.proxy_url.as_ref().map(Proxy::all).transpose();
        proxy.map_err(|error| ConfigError::on("proxy_url", error.to_string()))
    }

    /// Returns the server name (SNI) that the config sets in place of the host of the address. With a proxy
    /// this is `None`, because a proxy is told a single name: the server is then asked for its host, and its
    /// certificate is checked against the name in the config.
    pub(super) fn server_name(&self) -> Option<&str> {
        let by_proxy = self.proxy_url.is_some() || !Proxies::of_environment().is_empty();
        let name = self.tls.server_name_override().filter(|_| !by_proxy)?;
        // An IP address cannot be a server name.
        name.parse::<std::net::IpAddr>().is_err().then_some(name)
    }

    pub(super) fn pool_max_idle_per_host(&self) -> usize {
        let unlimited = |limit| if limit == 0 { usize::MAX } else { limit };
        match self.disable_keep_alives {
            true => 0,
            false => unlimited(self.max_idle_conns).min(unlimited(self.max_idle_conns_per_host)),
        }
    }

    pub(super) fn pool_idle_timeout(&self) -> Option<StdDuration> {
        some(self.idle_conn_timeout)
    }

    pub(super) fn http2_keep_alive_interval(&self) -> Option<StdDuration> {
        some(self.http2_read_idle_timeout)
    }

    pub(super) fn http2_ping_timeout(&self) -> StdDuration {
        some(self.http2_ping_timeout).unwrap_or(HTTP2_PING_TIMEOUT)
    }

    fn endpoint_of(&self, signal: &str, own: &Option<String>) -> Result<Option<Url>, ConfigError> {
        match (own, &self.endpoint) {
            (Some(own), _) => url(&format!("{signal}_endpoint"), own).map(Some),
            (None, Some(base)) => {
                url("endpoint", &format!("{}/v1/{signal}", base.trim_end_matches('/'))).map(Some)
            }
            (None, None) => Ok(None),
        }
    }
}

impl Encoding {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Encoding::Proto => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }
}

/// Returns the warning about `insecure_skip_verify`, if `insecure` turns it off for an `https` endpoint.
pub(super) fn doubts(node: &Node) -> Option<Finding> {
    let config: OtlpHttpConfig = node.read().ok()?;
    let mut endpoints = config.endpoints().ok()?.into_iter().flatten();
    let is_in_vain = config.tls.skips_in_vain() && endpoints.any(|endpoint| endpoint.scheme() == "https");
    let place = node.get("tls")?.get("insecure_skip_verify").filter(|_| is_in_vain)?;
    let finding = place.finding("`insecure_skip_verify` has no effect beside `insecure`");
    Some(finding.help("without `insecure: true`, the server's certificate is not checked"))
}

fn url(key: &str, text: &str) -> Result<Url, ConfigError> {
    // As in Go, no host is this machine. Without a port too, the beginning of the path would be read as the host.
    let text = match text.split_once("://") {
        Some((scheme, rest)) if rest.starts_with(':') => &format!("{scheme}://localhost{rest}"),
        Some((_, rest)) if !rest.starts_with('/') => text,
        _ => "",
    };
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => wrong(&format!("{key}: must be an http:// or https:// address, such as http://collector:4318")),
    }
}

fn some(duration: Duration) -> Option<StdDuration> {
    (!duration.0.is_zero()).then_some(duration.0)
}

fn seconds(seconds: u64) -> Duration {
    Duration(StdDuration::from_secs(seconds))
}

fn wrong<T>(message: &str) -> Result<T, ConfigError> {
    Err(ConfigError::new(message.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(config: Value) -> Result<Vec<String>, String> {
        let config: OtlpHttpConfig = serde_json::from_value(config).map_err(|error| error.to_string())?;
        config.validate().map_err(|error| error.to_string())?;
        let endpoints = config.endpoints().map_err(|error| error.to_string())?;
        Ok(endpoints.iter().map(|endpoint| endpoint.as_ref().map_or("-", Url::as_str).to_owned()).collect())
    }

    /// Scenario: the config has a base address, or an address for one signal.
    /// Guarantees: the base address gets each signal's path, and the other address is used as it is.
    #[test]
    fn the_base_gets_each_signals_path_and_an_own_endpoint_none() {
        let base = read(json!({"endpoint": "http://tempo:4318/otlp/"})).unwrap();
        assert_eq!(
            base,
            ["traces", "metrics", "logs"].map(|signal| format!("http://tempo:4318/otlp/v1/{signal}"))
        );
        let own = read(json!({"traces_endpoint": "https://tempo/in?key=1"})).unwrap();
        assert_eq!(own, ["https://tempo/in?key=1", "-", "-"]);
        let here = read(json!({"traces_endpoint": "HTTP://:4318/in"})).unwrap();
        assert_eq!(here, ["http://localhost:4318/in", "-", "-"]);
    }

    /// Scenario: `cookies` is missing, without a value, empty, or has its switch.
    /// Guarantees: an empty section means the same as the switch, as in the Collector.
    #[test]
    fn an_empty_section_of_cookies_is_enough() {
        let keeps = |config: Value| serde_json::from_value::<OtlpHttpConfig>(config).unwrap().keeps_cookies();
        assert!(!keeps(json!({})) && !keeps(json!({"cookies": null})));
        assert!(keeps(json!({"cookies": {}})) && keeps(json!({"cookies": {"enabled": true}})));
        assert!(!keeps(json!({"cookies": {"enabled": false}})));
    }

    /// Scenario: `insecure` stands beside `insecure_skip_verify`, for endpoints with and without TLS, and with an
    /// authority.
    /// Guarantees: there is a warning where the server would be checked although the config says otherwise.
    #[test]
    fn a_check_that_is_not_left_out_is_warned_of() {
        let doubt =
            |yaml: &str| doubts(&Node::parse("config.yaml", yaml).unwrap()).map(|doubt| doubt.message);
        let both = "tls: { insecure: true, insecure_skip_verify: true";
        let expected = "`insecure_skip_verify` has no effect beside `insecure`";
        assert_eq!(doubt(&format!("endpoint: https://a\n{both} }}")).unwrap(), expected);
        assert_eq!(doubt(&format!("endpoint: http://a\n{both} }}")), None);
        assert_eq!(doubt(&format!("endpoint: https://a\n{both}, ca_file: ca.pem }}")), None);
        assert_eq!(doubt("endpoint: https://a\ntls: { insecure_skip_verify: true }"), None);
    }

    /// Scenario: one key at a time has a value that cannot work.
    /// Guarantees: the error names the key or what would be right.
    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        for (config, key) in [
            (json!({}), "endpoint"),
            (json!({"endpoint": "tempo:4318"}), "http://"),
            (json!({"endpoint": "http:///tempo"}), "endpoint: must be"),
            (json!({"endpoint": "http://"}), "endpoint: must be"),
            (json!({"logs_endpoint": "ftp://tempo"}), "logs_endpoint"),
            (json!({"endpoint": "http://a", "encoding": "xml"}), "xml"),
            (json!({"endpoint": "http://a", "compression": "br"}), "x-snappy-framed"),
            (json!({"endpoint": "http://a", "proxy_url": "::"}), "proxy_url"),
            (json!({"endpoint": "http://a", "limits": {"item_bytes": 0}}), "must be above zero"),
            (json!({"endpoint": "http://a", "limits": "aws_xray", "encoding": "json"}), "`encoding: json`"),
        ] {
            let error = read(config).unwrap_err();
            assert!(error.contains(key), "{error} names {key}");
        }
    }
}
