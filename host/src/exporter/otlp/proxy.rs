//! The proxies that the environment names, by the rules of Go's clients.

use std::{env, net::IpAddr};

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

/// The values of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, or of their names in lower case.
pub struct Proxies {
    matcher: Matcher,
    /// What `NO_PROXY` says of single ports, such as `tempo:4317`.
    by_port: Vec<(u16, Matcher)>,
    https: String,
    http: String,
}

impl Proxies {
    pub fn of_environment() -> Proxies {
        Proxies::new(|name| env::var(name).ok())
    }

    pub fn new(variable: impl Fn(&str) -> Option<String>) -> Proxies {
        let read = |name: &str| {
            let mut values =
                [name.to_owned(), name.to_lowercase()].into_iter().filter_map(|name| variable(&name));
            values.find(|value| !value.is_empty()).unwrap_or_default()
        };
        let (https, http) = (read("HTTPS_PROXY"), read("HTTP_PROXY"));
        let (mut anywhere, mut by_port) = (Vec::new(), Vec::<(u16, Vec<String>)>::new());
        for entry in read("NO_PROXY").split(',').map(str::trim) {
            let (host, port) = with_port(entry);
            // A domain and all below it are written as `.domain` here.
            let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host).to_owned();
            match (port, by_port.iter_mut().find(|(known, _)| Some(*known) == port)) {
                (None, _) => anywhere.push(host),
                (Some(_), Some((_, hosts))) => hosts.push(host),
                (Some(port), None) => by_port.push((port, vec![host])),
            }
        }
        let except =
            |hosts: &[String]| Matcher::builder().https(&*https).http(&*http).no(hosts.join(",")).build();
        let matcher = except(&anywhere);
        let by_port = by_port.iter().map(|(port, hosts)| (*port, except(hosts))).collect();
        Proxies { matcher, by_port, https, http }
    }

    pub fn is_empty(&self) -> bool {
        self.https.is_empty() && self.http.is_empty()
    }

    /// Returns the proxy for a destination, if it has one. This machine is reached directly.
    pub fn intercept(&self, destination: &Uri) -> Option<Intercept> {
        if is_this_machine(destination.host()?) {
            return None;
        }
        let usual = if destination.scheme_str() == Some("http") { 80 } else { 443 };
        let port = destination.port_u16().unwrap_or(usual);
        let mut of_port = self.by_port.iter().filter(|(of, _)| *of == port);
        match of_port.any(|(_, matcher)| matcher.intercept(destination).is_none()) {
            true => None,
            false => self.matcher.intercept(destination),
        }
    }

    /// Returns the address of the proxy for a destination, as the variable has it.
    pub fn address(&self, destination: &Uri) -> Option<&str> {
        self.intercept(destination)?;
        match destination.scheme_str() {
            Some("https") => Some(&self.https),
            _ => Some(&self.http),
        }
    }
}

/// Splits an entry of `NO_PROXY` into its host and its port.
fn with_port(entry: &str) -> (&str, Option<u16>) {
    let parts = entry.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    match parts.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host.trim_start_matches('[').trim_end_matches(']'), Some(port)),
        None => (entry, None),
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(proxies: &Proxies, destination: &str) -> Option<String> {
        proxies.address(&destination.parse().unwrap()).map(str::to_owned)
    }

    /// Scenario: destinations of both schemes, this machine, and those that `NO_PROXY` names.
    /// Guarantees: each has the proxy that a Go client would take.
    #[test]
    fn a_destination_has_the_proxy_of_its_scheme_unless_it_is_near() {
        let proxies = Proxies::new(|name| match name {
            "HTTPS_PROXY" => Some("http://user:pw@proxy:3128".to_owned()),
            "http_proxy" => Some("other:3128".to_owned()),
            "NO_PROXY" => Some(
                "near.example, 10.0.0.0/8,*.wild.example, port.example:4317,::1,[2001:db8::1]:4317"
                    .to_owned(),
            ),
            _ => None,
        });
        for (destination, expected) in [
            ("https://far.example:4317", Some("http://user:pw@proxy:3128")),
            ("http://far.example:4318", Some("other:3128")),
            ("https://near.example:4317", None),
            ("https://a.near.example:4317", None),
            ("https://10.1.2.3:4317", None),
            ("https://a.wild.example:4317", None),
            ("https://port.example:4317", None),
            ("https://port.example:4318", Some("http://user:pw@proxy:3128")),
            ("https://[2001:db8::1]:4317", None),
            ("https://[2001:db8::1]:4318", Some("http://user:pw@proxy:3128")),
            ("https://localhost:4317", None),
            ("https://127.0.0.2:4317", None),
            ("https://[::1]:4317", None),
        ] {
            assert_eq!(address(&proxies, destination).as_deref(), expected, "{destination}");
        }
        let intercept = proxies.intercept(&Uri::from_static("https://far.example:4317")).unwrap();
        assert_eq!(intercept.uri(), "http://proxy:3128/");
        assert_eq!(intercept.basic_auth().unwrap(), "Basic dXNlcjpwdw==");
        assert_eq!(address(&Proxies::new(|_| None), "https://far.example"), None);
    }
}
