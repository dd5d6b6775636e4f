//! Requests over HTTP: `http_server_*` and `http_client_*`.

use std::{sync::Arc, time::Instant};

use http::{Method, Version};
use metrics::Histogram;

use super::ByLabels;
use crate::telemetry::Telemetry;

/// Measures the requests that one port gets, or that go to one destination.
pub struct HttpRequests(Option<Inner>);

struct Inner {
    telemetry: Arc<Telemetry>,
    names: &'static Names,
    address: String,
    /// `None` if the scheme has the port by default.
    port: Option<String>,
    scheme: &'static str,
    known: ByLabels<Key, Histograms>,
}

struct Names {
    duration: &'static str,
    request_bytes: &'static str,
    response_bytes: Option<&'static str>,
}

const SERVER: Names = Names {
    duration: "http_server_request_duration",
    request_bytes: "http_server_request_body_size",
    response_bytes: Some("http_server_response_body_size"),
};
const CLIENT: Names = Names {
    duration: "http_client_request_duration",
    request_bytes: "http_client_request_body_size",
    response_bytes: None,
};

/// The outcome of a request whose answer nobody waits for any more.
const GIVEN_UP: &str = "timeout";

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    method: &'static str,
    version: &'static str,
    outcome: Outcome,
    route: Option<String>,
}

/// The status of the answer, or why there was none.
type Outcome = Result<u16, &'static str>;

#[derive(Clone)]
struct Histograms {
    duration: Histogram,
    request_bytes: Histogram,
    response_bytes: Histogram,
}

/// A request under way. It is recorded when it is dropped. A port records only requests that it has answered.
pub struct HttpCall<'a>(Option<UnderWay<'a>>);

struct UnderWay<'a> {
    of: &'a Inner,
    begun: Instant,
    key: Key,
    request_bytes: u64,
    response_bytes: Option<u64>,
}

impl HttpRequests {
    /// Measures what is served at an address.
    pub fn server(telemetry: &Arc<Telemetry>, address: &str, port: u16, is_tls: bool) -> HttpRequests {
        HttpRequests::new(telemetry, &SERVER, address, port, is_tls)
    }

    /// Measures what is sent to an address.
    pub fn client(telemetry: &Arc<Telemetry>, address: &str, port: u16, is_tls: bool) -> HttpRequests {
        HttpRequests::new(telemetry, &CLIENT, address, port, is_tls)
    }

    fn new(
        telemetry: &Arc<Telemetry>,
        names: &'static Names,
        address: &str,
        port: u16,
        is_tls: bool,
    ) -> HttpRequests {
        let (scheme, usual_port) = if is_tls { ("https", 443) } else { ("http", 80) };
        HttpRequests(telemetry.is_detailed().then(|| Inner {
            telemetry: telemetry.clone(),
            names,
            address: address.to_owned(),
            port: (port != usual_port).then(|| port.to_string()),
            scheme,
            known: ByLabels::default(),
        }))
    }

    /// Begins a request. `route` is its path if that is one of a fixed set.
    pub fn begin(&self, method: &Method, route: Option<&str>) -> HttpCall<'_> {
        HttpCall(self.0.as_ref().map(|of| UnderWay {
            of,
            begun: Instant::now(),
            key: Key {
                method: known_method(method),
                version: known_version(Version::HTTP_11),
                outcome: Err(GIVEN_UP),
                route: route.map(str::to_owned),
            },
            request_bytes: 0,
            response_bytes: None,
        }))
    }
}

impl HttpCall<'_> {
    /// Notes the status of the answer, or why there is none.
    pub fn ended(&mut self, version: Version, outcome: Outcome) {
        if let Some(under_way) = &mut self.0 {
            under_way.key.version = known_version(version);
            under_way.key.outcome = outcome;
        }
    }

    /// Notes the bytes of the bodies, as they are on the wire.
    pub fn bytes(&mut self, request: u64, response: Option<u64>) {
        if let Some(under_way) = &mut self.0 {
            (under_way.request_bytes, under_way.response_bytes) = (request, response);
        }
    }
}

impl Drop for HttpCall<'_> {
    fn drop(&mut self) {
        let Some(UnderWay { of, begun, key, request_bytes, response_bytes }) = self.0.take() else { return };
        if key.outcome == Err(GIVEN_UP) && of.names.response_bytes.is_some() {
            return;
        }
        let Some(histograms) = of.known.get(key, |key| of.histograms(key)) else { return };
        histograms.duration.record(begun.elapsed().as_secs_f64());
        histograms.request_bytes.record(request_bytes as f64);
        if let Some(bytes) = response_bytes {
            histograms.response_bytes.record(bytes as f64);
        }
    }
}

impl Inner {
    fn histograms(&self, key: &Key) -> Histograms {
        let status;
        let mut labels: Vec<(&'static str, &str)> = Vec::new();
        if let Err(why) = key.outcome {
            labels.push(("error_type", why));
        }
        labels.push(("http_request_method", key.method));
        if let Ok(code) = key.outcome {
            status = code.to_string();
            labels.push(("http_response_status_code", &status));
        }
        labels.extend(key.route.as_deref().map(|route| ("http_route", route)));
        labels.push(("network_protocol_name", "http"));
        labels.push(("network_protocol_version", key.version));
        labels.push(("server_address", &self.address));
        labels.extend(self.port.as_deref().map(|port| ("server_port", port)));
        labels.push(("url_scheme", self.scheme));
        let histogram = |name| self.telemetry.histogram(name, &labels);
        Histograms {
            duration: histogram(self.names.duration),
            request_bytes: histogram(self.names.request_bytes),
            response_bytes: self.names.response_bytes.map_or_else(Histogram::noop, histogram),
        }
    }
}

fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

fn known_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        Version::HTTP_3 => "3.0",
        _ => "1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::telemetry::MetricsLevel;

    /// Scenario: a port answers a request of a known path, and another by a method of the client's invention.
    /// Guarantees: each has its series, with labels from fixed sets.
    #[test]
    fn a_request_is_recorded_under_labels_of_fixed_sets() {
        let telemetry = Telemetry::at(MetricsLevel::Detailed);
        let requests = HttpRequests::server(&telemetry, "0.0.0.0", 4318, false);
        for (method, route, status) in [("POST", Some("/v1/traces"), 200), ("EVIL1", None, 405)] {
            let mut call = requests.begin(&method.parse().unwrap(), route);
            call.bytes(700, Some(2));
            call.ended(Version::HTTP_2, Ok(status));
        }
        let shown = telemetry.render();
        let common = r#"network_protocol_name="http",network_protocol_version="2.0",server_address="0.0.0.0",server_port="4318",url_scheme="http""#;
        let post = format!(
            r#"{{http_request_method="POST",http_response_status_code="200",http_route="/v1/traces",{common}}}"#
        );
        let other = format!(r#"{{http_request_method="_OTHER",http_response_status_code="405",{common}}}"#);
        for line in [
            format!("http_server_request_duration_count{post} 1"),
            format!("http_server_request_body_size_sum{post} 700"),
            format!("http_server_response_body_size_sum{post} 2"),
            format!("http_server_request_duration_count{other} 1"),
        ] {
            assert!(shown.contains(&format!("{line}\n")), "no `{line}` in:\n{shown}");
        }
        assert!(shown.contains(r#"url_scheme="http",le="0.075"} "#), "{shown}");
    }

    /// Scenario: requests have ever new labels; requests are made below the level.
    /// Guarantees: the series are bounded, and there are none below the level.
    #[test]
    fn the_series_are_bounded() {
        let telemetry = Telemetry::at(MetricsLevel::Detailed);
        let requests = HttpRequests::client(&telemetry, "tempo", 443, true);
        for status in 0..3000 {
            requests.begin(&Method::POST, None).ended(Version::HTTP_11, Ok(status));
        }
        let shown = telemetry.render();
        let counts = shown.lines().filter(|line| line.starts_with("http_client_request_duration_count"));
        assert_eq!(counts.count(), super::super::SERIES_LIMIT);
        assert!(!shown.contains("server_port"), "443 is the usual port");

        let telemetry = Telemetry::new();
        drop(HttpRequests::client(&telemetry, "tempo", 443, true).begin(&Method::POST, None));
        assert!(!telemetry.render().contains("http_client"));
    }
}
