//! `cors`: the web pages whose scripts may send requests. The Collector's keys, for receivers and
//! `health_check`.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use serde::Deserialize;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::ConfigError;

/// The headers that a browser may always send, and those that OTLP needs.
const ALWAYS_ALLOWED: [HeaderName; 4] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    HeaderName::from_static("x-requested-with"),
];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorsConfig {
    /// Origins such as `https://*.example.com`, where `*` stands for any text. If the list is empty, there is
    /// no CORS.
    pub allowed_origins: Vec<String>,
    /// Headers in addition to `Accept`, `Content-Type`, `Content-Encoding` and `X-Requested-With`. `*` allows
    /// any header.
    pub allowed_headers: Vec<String>,
    pub exposed_headers: Vec<String>,
    /// In seconds. With 0 the browser decides.
    pub max_age: u64,
}

impl CorsConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        let keys = [("allowed_headers", &self.allowed_headers), ("exposed_headers", &self.exposed_headers)];
        for (key, names) in keys {
            let wrong =
                names.iter().find(|name| *name != "*" && HeaderName::try_from(name.as_str()).is_err());
            if let Some(name) = wrong {
                let message = format!("cors.{key}: {name:?} is not the name of a header");
                return Err(ConfigError::on(&format!("cors::{key}"), message));
            }
        }
        Ok(())
    }

    /// Returns the layer for a service with one method, or `None` if no origin is allowed.
    pub fn layer(&self, method: Method) -> Option<CorsLayer> {
        if self.allowed_origins.is_empty() {
            return None;
        }
        let patterns = self.allowed_origins.clone();
        let origins = AllowOrigin::predicate(move |origin: &HeaderValue, _| {
            patterns.iter().any(|pattern| matches(pattern.as_bytes(), origin.as_bytes()))
        });
        let mut layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_credentials(true)
            .allow_methods([method])
            .allow_headers(self.headers())
            .expose_headers(names(&self.exposed_headers));
        if self.max_age > 0 {
            layer = layer.max_age(Duration::from_secs(self.max_age));
        }
        Some(layer)
    }

    fn headers(&self) -> AllowHeaders {
        if self.allowed_headers.iter().any(|name| name == "*") {
            return AllowHeaders::mirror_request();
        }
        AllowHeaders::list(ALWAYS_ALLOWED.into_iter().chain(names(&self.allowed_headers)))
    }
}

fn names(names: &[String]) -> Vec<HeaderName> {
    names.iter().filter_map(|name| HeaderName::try_from(name.as_str()).ok()).collect()
}

/// Returns whether the text matches the pattern, in which each `*` stands for any bytes. ASCII case is
/// ignored. Each part takes its first match from the left and never another, so the time is bounded.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let Some(mut rest) = parts.next().and_then(|first| strip_prefix(text, first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.len() >= part.len() && rest.iter().rev().zip(part.iter().rev()).all(same);
        }
        let found = (0..=rest.len()).find_map(|at| strip_prefix(rest.get(at..)?, part));
        let Some(after) = found else { return false };
        rest = after;
    }
    true
}

fn strip_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.iter().zip(prefix).all(same).then_some(rest)
}

fn same((a, b): (&u8, &u8)) -> bool {
    a.eq_ignore_ascii_case(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: patterns with and without `*` meet origins.
    /// Guarantees: `*` stands for any text, and everything else must match, whatever its case.
    #[test]
    fn a_star_stands_for_anything() {
        let cases = [
            ("*", "https://app.example.com", true),
            ("https://*.example.com", "https://app.example.com", true),
            ("https://*.example.com", "https://APP.Example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://app.example.com.evil.org", false),
            ("http*://*.example.com", "https://a.b.example.com", true),
            ("https://app.example.com", "https://app.example.com", true),
            ("https://app.example.com", "https://app.example.com:8443", false),
            ("https://a*a", "https://a", false),
            ("https://app.example.com:*", "https://app.example.com:8443", true),
        ];
        for (pattern, origin, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), origin.as_bytes()), expected, "{pattern} {origin}");
        }
    }
}
