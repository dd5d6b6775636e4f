//! `cors`: the web pages whose scripts may send requests. The Collector's keys, for receivers and
//! `health_check`.

use std::time::Duration;

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use serde::Deserialize;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::config::ConfigError;

/// The headers that a browser may always send, and those that OTLP needs.
const ALWAYS_ALLOWED: [HeaderName; 4] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    HeaderName::from_static("x-requested-with"),
];

const ABOUT_ALLOWED_REQUESTS: [HeaderName; 5] = [
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorsConfig {
    /// Origins such as `https://*.example.com`, where `*` stands for any text. With `*` alone any page may send
    /// requests, without credentials. If the list is empty, there is no CORS.
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

    /// Adds CORS to a service, if an origin is allowed. `methods` returns the methods that a path takes, as the
    /// header `Allow` writes them; an empty text stands for any.
    pub fn apply(
        &self,
        methods: impl Fn(&str) -> String + Clone + Send + Sync + 'static,
        router: Router,
    ) -> Router {
        if self.allowed_origins.is_empty() {
            return router;
        }
        let answer = move |request: Request, next: Next| {
            let methods = methods(request.uri().path());
            as_in_the_collector(methods, request, next)
        };
        router.layer(self.layer()).layer(middleware::from_fn(answer))
    }

    fn layer(&self) -> CorsLayer {
        // If any page may send requests, none may send them with a user's credentials.
        let is_any = self.allowed_origins.iter().any(|pattern| pattern == "*");
        let patterns = self.allowed_origins.clone();
        let origins = move |origin: &HeaderValue, _: &Parts| {
            patterns.iter().any(|pattern| matches(pattern.as_bytes(), origin.as_bytes()))
        };
        let mut layer = CorsLayer::new()
            .allow_origin(if is_any { AllowOrigin::any() } else { AllowOrigin::predicate(origins) })
            .allow_credentials(!is_any)
            // The method that the page asks for, until the methods of the path replace it.
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(self.headers())
            .expose_headers(names(&self.exposed_headers));
        if self.max_age > 0 {
            layer = layer.max_age(Duration::from_secs(self.max_age));
        }
        layer
    }

    fn headers(&self) -> AllowHeaders {
        if self.allowed_headers.iter().any(|name| name == "*") {
            return AllowHeaders::mirror_request();
        }
        AllowHeaders::list(ALWAYS_ALLOWED.into_iter().chain(names(&self.allowed_headers)))
    }
}

/// Answers a preflight with 204 and the path's methods, and tells nothing to a page whose origin is not allowed.
async fn as_in_the_collector(methods: String, request: Request, next: Next) -> Response {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let is_preflight = asks && request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if is_preflight && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    let headers = response.headers_mut();
    if is_preflight
        && let Ok(methods) = HeaderValue::try_from(methods)
        && !methods.is_empty()
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        ABOUT_ALLOWED_REQUESTS.iter().for_each(|name| drop(headers.remove(name)));
    }
    response
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
    use tower::ServiceExt as _;

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

    /// Sends a request of a page to a service with CORS. Returns the status, and the names and values of the
    /// headers about CORS.
    async fn ask(origins: &[&str], method: Method, origin: &str) -> (u16, Vec<String>) {
        let allowed_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let cors = CorsConfig { allowed_origins, ..CorsConfig::default() };
        let router = cors.apply(|_| "POST".to_owned(), Router::new().fallback(async || "answer"));
        let request = Request::builder()
            .method(method.clone())
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        let response = router.oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        let about_cors = |(name, value): (&HeaderName, &HeaderValue)| {
            let name = name.as_str().strip_prefix("access-control-allow-")?;
            (name == "origin" || name == "credentials")
                .then(|| format!("{name}: {}", value.to_str().unwrap()))
        };
        let mut headers: Vec<_> = response.headers().iter().filter_map(about_cors).collect();
        headers.sort();
        (response.status().as_u16(), headers)
    }

    /// Scenario: pages of allowed and other origins ask before they send, and send.
    /// Guarantees: an allowed page is told so, with credentials only if its origin is named; another is told
    /// nothing; a preflight has no content.
    #[tokio::test]
    async fn a_page_is_told_what_it_may_send() {
        let (named, any) = (["https://*.example.com"], ["*"]);
        let page = "https://app.example.com";
        let allowed = ["credentials: true".to_owned(), format!("origin: {page}")];
        assert_eq!(ask(&named, Method::OPTIONS, page).await, (204, allowed.to_vec()));
        assert_eq!(ask(&named, Method::POST, page).await, (200, allowed.to_vec()));
        assert_eq!(ask(&named, Method::OPTIONS, "https://evil.org").await, (204, Vec::new()));
        assert_eq!(ask(&named, Method::POST, "https://evil.org").await, (200, Vec::new()));
        assert_eq!(ask(&any, Method::OPTIONS, "https://evil.org").await, (204, vec!["origin: *".to_owned()]));
    }

    /// Scenario: a page asks before it sends to paths that take two methods, one, and any.
    /// Guarantees: it is told the methods of the path; of a path that takes any, the one that it asked for.
    #[tokio::test]
    async fn a_page_is_told_the_methods_of_the_path() {
        let cors = CorsConfig { allowed_origins: vec!["*".to_owned()], ..CorsConfig::default() };
        let methods = |path: &str| match path {
            "/spans" => "PUT, POST".to_owned(),
            "/any" => String::new(),
            _ => "GET".to_owned(),
        };
        let router = cors.apply(methods, Router::new().fallback(async || "answer"));
        for (path, expected) in [("/spans", "PUT, POST"), ("/other", "GET"), ("/any", "PATCH")] {
            let request = Request::builder()
                .method(Method::OPTIONS)
                .uri(path)
                .header(header::ORIGIN, "https://app.example.com")
                .header(header::ACCESS_CONTROL_REQUEST_METHOD, "PATCH");
            let request = request.body(axum::body::Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_METHODS], expected, "{path}");
        }
    }
}
