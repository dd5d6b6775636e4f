//! The key `endpoint`, which names the destination as gRPC's clients do.

use std::path::PathBuf;

use http::uri::{Authority, Uri};

use super::config::wrong;
use crate::config::ConfigError;

/// An endpoint in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) authority: String,
    pub(super) tls: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp {
        host: String,
        port: u16,
        /// Each connection looks up the host by itself (`passthrough:///`), so that the balancer does not know
        /// its addresses.
        is_opaque: bool,
    },
    Unix(PathBuf),
}

const EXPECTED: &str =
    "endpoint: must be host:port, or begin with http://, https://, dns:///, passthrough:/// or unix:";

impl Target {
    /// Reads an endpoint. `tls` says what holds for an endpoint without `https://`, and `authority` replaces
    /// the endpoint's.
    pub(super) fn read(endpoint: &str, tls: bool, authority: Option<&str>) -> Result<Target, ConfigError> {
        if let Some(path) = unix_path(endpoint) {
            let address = Address::Unix(path?);
            return Ok(Target { address, authority: checked(authority.unwrap_or("localhost"))?, tls });
        }
        let (tls, is_opaque, address) = match endpoint.split_once("://") {
            None => (tls, false, endpoint),
            Some(("http", address)) => (tls, false, address),
            Some(("https", address)) => (true, false, address),
            // The part before the address names a DNS server. The system's DNS server is used instead.
            Some((scheme, address)) => {
                let is_opaque = scheme.eq_ignore_ascii_case("passthrough");
                match address.split_once('/') {
                    Some((_, address)) if is_opaque || scheme.eq_ignore_ascii_case("dns") => {
                        (tls, is_opaque, address)
                    }
                    _ => return wrong(EXPECTED),
                }
            }
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        let Ok(of_address) = address.parse::<Authority>() else {
            return wrong("endpoint: must be host:port, such as collector:4317");
        };
        let Some(port) = of_address.port_u16() else {
            return wrong("endpoint: must be host:port; OTLP over gRPC is usually on 4317");
        };
        let (host, of_address) = match of_address.host() {
            // As in Go, no host is this machine.
            "" => ("localhost", format!("localhost:{port}")),
            host => (host, of_address.to_string()),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if address.contains('[') && !address.starts_with('[') {
            return wrong("endpoint: must be host:port, such as collector:4317 or [::1]:4317");
        }
        let authority = checked(authority.unwrap_or(&of_address))?;
        Ok(Target { address: Address::Tcp { host, port, is_opaque }, authority, tls })
    }
}

/// Returns the path of a Unix socket, or `None` for another endpoint: `unix:4317` is a host and a port.
fn unix_path(endpoint: &str) -> Option<Result<PathBuf, ConfigError>> {
    let rest = endpoint.strip_prefix("unix:").filter(|rest| rest.parse::<u16>().is_err())?;
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(path) if path.starts_with('/') => path,
        Some(_) => {
            return Some(wrong(
                "endpoint: behind unix:// a socket is named by its whole path, such as unix:///run/collector.sock",
            ));
        }
    };
    Some(match path {
        "" | "/" => wrong("endpoint: the path of the socket is missing, as in unix:///run/collector.sock"),
        path => Ok(path.into()),
    })
}

fn checked(authority: &str) -> Result<String, ConfigError> {
    match authority.parse::<Uri>() {
        Ok(_) => Ok(authority.to_owned()),
        Err(_) => wrong("authority: must be host or host:port"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.to_owned(), port, is_opaque: false }
    }

    fn read(endpoint: &str) -> Result<Target, String> {
        Target::read(endpoint, false, None).map_err(|error| error.to_string())
    }

    /// Scenario: endpoints with and without a scheme, in configs with and without TLS.
    /// Guarantees: `https://` turns TLS on, and `http://` says nothing, as in the Collector.
    #[test]
    fn only_https_outweighs_the_config() {
        for (endpoint, configured, tls) in [
            ("tempo:4317", true, true),
            ("tempo:4317", false, false),
            ("http://tempo:4317", true, true),
            ("http://tempo:4317", false, false),
            ("https://tempo:4317/", false, true),
        ] {
            let target = Target::read(endpoint, configured, None).unwrap();
            assert_eq!((target.address, target.tls), (tcp("tempo", 4317), tls), "{endpoint}");
        }
    }

    /// Scenario: endpoints are written as gRPC's targets.
    /// Guarantees: each gives its address and its authority.
    #[test]
    fn an_endpoint_may_say_how_it_is_found() {
        let unix = |path: &str| Address::Unix(path.into());
        let opaque = Address::Tcp { host: "tempo".to_owned(), port: 4317, is_opaque: true };
        for (endpoint, address, authority) in [
            ("dns:///tempo:4317", tcp("tempo", 4317), "tempo:4317"),
            ("dns://10.0.0.1/tempo:4317", tcp("tempo", 4317), "tempo:4317"),
            ("passthrough:///tempo:4317", opaque, "tempo:4317"),
            ("unix:///run/x.sock", unix("/run/x.sock"), "localhost"),
            ("unix:/run/x.sock", unix("/run/x.sock"), "localhost"),
            ("unix:run/x.sock", unix("run/x.sock"), "localhost"),
            ("unix:x.sock", unix("x.sock"), "localhost"),
            ("unix:4317", tcp("unix", 4317), "unix:4317"),
            ("DNS:///tempo:4317", tcp("tempo", 4317), "tempo:4317"),
            ("[::1]:4317", tcp("::1", 4317), "[::1]:4317"),
            (":4317", tcp("localhost", 4317), "localhost:4317"),
        ] {
            let target = read(endpoint).unwrap();
            assert_eq!(target, Target { address, authority: authority.to_owned(), tls: false }, "{endpoint}");
        }
    }

    /// Scenario: endpoints that name no address.
    /// Guarantees: each error says what would be right.
    #[test]
    fn an_endpoint_that_names_no_address_is_refused() {
        for (endpoint, words) in [
            ("", "host:port"),
            ("tempo", "host:port"),
            ("ipv6:[::1]:4317", "host:port"),
            ("xds:///a", "dns:///"),
            ("dns://tempo:4317", "dns:///"),
            ("unix://run/x", "unix:///"),
            ("unix:", "unix:///"),
            ("unix://", "unix:///"),
        ] {
            let error = read(endpoint).unwrap_err();
            assert!(error.contains("endpoint") && error.contains(words), "{endpoint}: {error}");
        }
        let error = Target::read("a:1", false, Some("a b")).unwrap_err().to_string();
        assert!(error.contains("authority"), "{error}");
    }
}
