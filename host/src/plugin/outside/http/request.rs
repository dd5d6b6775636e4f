//! Checks a plugin's request before anything is done for it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::Url;

use super::{HttpLimits, error::HttpError, grant::has_user_info};
use crate::server::hop::is_hop;

/// The limit of the URL and the headers together.
const MAX_HEAD_BYTES: usize = 256 << 10;
const MAX_HEADERS: usize = 256;
const USER_AGENT: &str = concat!("spanloom/", env!("CARGO_PKG_VERSION"));

/// A request for one exchange, as a plugin makes it.
#[derive(Clone, Default)]
pub struct HttpRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// The time limit of the whole exchange, if it is shorter than the grant's.
    pub timeout: Option<Duration>,
}

/// The request that is sent. Only the host's code sees it, since it holds the credentials.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Outgoing {
    /// Checks a plugin's request.
    ///
    /// # Errors
    /// [`HttpError::Invalid`]
    pub(super) fn read(request: HttpRequest, limits: &HttpLimits) -> Result<Outgoing, HttpError> {
        if request.body.len() > limits.max_request_bytes {
            return invalid(format!("the body is larger than {} bytes", limits.max_request_bytes));
        }
        let head_bytes = request.headers.iter().map(|(name, value)| name.len() + value.len());
        if request.url.len() + head_bytes.sum::<usize>() > MAX_HEAD_BYTES
            || request.headers.len() > MAX_HEADERS
        {
            return invalid(format!(
                "the head is larger than {MAX_HEAD_BYTES} bytes or {MAX_HEADERS} headers"
            ));
        }
        Ok(Outgoing {
            method: method(&request.method)?,
            url: url(&request.url)?,
            headers: headers(&request.headers)?,
            body: request.body,
        })
    }
}

/// Checks the method. CONNECT would open a tunnel, and the answer to a TRACE repeats the request with the
/// host's credentials.
fn method(text: &str) -> Result<Method, HttpError> {
    if ["connect", "trace"].iter().any(|refused| text.eq_ignore_ascii_case(refused)) {
        return invalid(format!("the method {text} is not served"));
    }
    Method::from_bytes(text.as_bytes()).or_else(|_| invalid("the method is no token".to_owned()))
}

fn url(text: &str) -> Result<Url, HttpError> {
    let mut url = Url::parse(text).or_else(|error| invalid(format!("the URL is wrong: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return invalid("the URL must begin with http:// or https:// and a host".to_owned());
    }
    if has_user_info(&url) {
        return invalid("the URL has a user or a password; credentials come with the grant".to_owned());
    }
    url.set_fragment(None);
    Ok(url)
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return invalid("the name of a header is no token".to_owned());
        };
        let Ok(value) = HeaderValue::from_str(value) else {
            return invalid(format!("the header {name} has bytes that no header may have"));
        };
        if !is_hop(&name) {
            headers.append(name, value);
        }
    }
    if !headers.contains_key(header::USER_AGENT) {
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    }
    Ok(headers)
}

fn invalid<T>(message: String) -> Result<T, HttpError> {
    Err(HttpError::Invalid(message))
}
