//! Redirects: which are followed, and what goes along.
//!
//! | status | what happens |
//! |---|---|
//! | 307, 308 | followed: they keep the method and the body |
//! | 301, 302, 303 | not followed: a POST would become a GET, and arrive without its data |
//!
//! A redirect from `https` to `http` is not followed either, because the data would go unencrypted.

use http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION};
use reqwest::Url;

use crate::{component::ExportError, receipt::Code};

/// How many requests are made for one attempt, the first included. Go's client has the same limit.
pub(super) const MAX_REQUESTS: usize = 10;

/// The most characters of a new address that are shown.
const SHOWN_CHARS: usize = 200;

/// One request of a chain of redirects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) url: Url,
    /// Whether `headers`, `auth` and cookies go along: to the host of the config and to names below it. Once the chain
    /// has led elsewhere, they are left out for the rest of it.
    pub(super) with_credentials: bool,
    is_redirected: bool,
}

impl Hop {
    /// Returns the request to an address of the config.
    pub(super) fn first(url: &Url) -> Hop {
        Hop { url: url.clone(), with_credentials: true, is_redirected: false }
    }

    /// Returns the next request, or `None` if the answer is not a redirect to follow. `configured` is where the
    /// chain began.
    pub(super) fn next(
        &self,
        configured: &Url,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<Hop>, ExportError> {
        if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
            return Ok(None);
        }
        let Some(location) = headers.get(LOCATION) else { return Ok(None) };
        let text = std::str::from_utf8(location.as_bytes()).ok();
        let Some(url) = text.and_then(|text| self.url.join(text).ok()) else {
            return Err(not_followed(status, headers, "is not an address"));
        };
        match (self.url.scheme(), url.scheme()) {
            (_, "https") | ("http", "http") => {}
            (_, "http") => {
                return Err(not_followed(status, headers, "is not encrypted, and the endpoint is"));
            }
            _ => return Err(not_followed(status, headers, "is neither http:// nor https://")),
        }
        let with_credentials = self.with_credentials && is_host_or_below(&url, configured);
        Ok(Some(Hop { url, with_credentials, is_redirected: true }))
    }

    /// Returns the address in errors: without its path and query, which may hold a key.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Returns the beginning of an error's message: who answered, if that is not the endpoint.
    pub(super) fn prefix(&self) -> String {
        match (self.is_redirected, self.with_credentials) {
            (false, _) => String::new(),
            (true, true) => format!("redirected to {}: ", self.origin()),
            (true, false) => format!("redirected to {} (without `headers` and `auth`): ", self.origin()),
        }
    }
}

/// Returns the error for a redirect that is not followed. `why` is said of the new address.
pub(super) fn not_followed(status: StatusCode, headers: &HeaderMap, why: &str) -> ExportError {
    let to = headers.get(LOCATION).map(shown).unwrap_or_default();
    let message = match to.as_str() {
        "" => format!("HTTP {status} without a new address"),
        to => format!("HTTP {status}: not followed, because {to} {why}; set `endpoint` to the new address"),
    };
    ExportError::Permanent { message, code: Code::Unknown }
}

/// Returns an address without its query, which may hold a key.
fn shown(location: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(location.as_bytes());
    text.split(['?', '#']).next().unwrap_or_default().chars().take(SHOWN_CHARS).collect()
}

/// Returns whether an address has the host of another, or a name below it.
fn is_host_or_below(url: &Url, other: &Url) -> bool {
    match (url.domain(), other.domain()) {
        (Some(name), Some(parent)) => {
            name.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        _ => url.host_str() == other.host_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(from: &Hop, status: u16, location: &str) -> Result<Option<Hop>, String> {
        let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
        let configured = Url::parse("https://otlp.example/v1/traces?key=sesame").unwrap();
        let next = from.next(&configured, StatusCode::from_u16(status).unwrap(), &headers);
        next.map_err(|error| error.to_string())
    }

    fn first(url: &str) -> Hop {
        Hop::first(&Url::parse(url).unwrap())
    }

    /// Scenario: a destination answers with each kind of redirect, and with an address of each kind.
    /// Guarantees: 307 and 308 are followed; nothing is followed out of TLS or to anything but HTTP.
    #[test]
    fn only_what_keeps_the_data_and_its_encryption_is_followed() {
        let endpoint = first("https://otlp.example/v1/traces");
        for status in [300, 301, 302, 303, 304, 200] {
            assert_eq!(next(&endpoint, status, "/moved"), Ok(None), "{status}");
        }
        for status in [307, 308] {
            let hop = next(&endpoint, status, "../moved?a=b").unwrap().unwrap();
            assert_eq!(hop.url.as_str(), "https://otlp.example/moved?a=b");
        }
        let plain = first("http://otlp.example/v1/traces");
        assert!(next(&plain, 307, "https://otlp.example/").unwrap().is_some());
        for (location, why) in [
            ("http://otlp.example/?key=sesame", "not encrypted"),
            ("file:///etc/passwd", "neither http:// nor"),
            ("https://", "not an address"),
        ] {
            let error = next(&endpoint, 307, location).unwrap_err();
            assert!(error.contains(why) && !error.contains("sesame"), "{error}");
        }
    }

    /// Scenario: redirects lead to the endpoint's host, to a name below it, and to other hosts.
    /// Guarantees: credentials go to the first two, and to nobody once the chain has left them.
    #[test]
    fn credentials_stay_with_the_host_of_the_config() {
        let endpoint = first("https://otlp.example/v1/traces");
        for (location, expected) in [
            ("/moved", true),
            ("https://OTLP.example:8443/", true),
            ("https://eu.otlp.example/", true),
            ("https://example/", false),
            ("https://notlp.example/", false),
            ("https://otlp.example.evil/", false),
            ("https://127.0.0.1/", false),
        ] {
            let hop = next(&endpoint, 307, location).unwrap().unwrap();
            assert_eq!(hop.with_credentials, expected, "{location}");
        }
        let elsewhere = next(&endpoint, 307, "https://elsewhere/").unwrap().unwrap();
        let back = next(&elsewhere, 307, "https://otlp.example/").unwrap().unwrap();
        assert!(!back.with_credentials);
        assert_eq!(back.prefix(), "redirected to https://otlp.example (without `headers` and `auth`): ");
    }
}
