//! Requests to the origins that `grants.http` of the config lists. The host keeps connections, does TLS and
//! adds credentials. The plugin never sees the credentials.

use std::time::Duration;

use crate::bindings::spanloom::plugin::http;
use crate::{Failure, host};

pub use http::{Header, HttpError};

/// One request, which [`send`](Request::send) sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub(crate) raw: http::Request,
}

/// A response with any status.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<Header>,
    /// The body, of at most 16 MiB.
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, url: &str) -> Request {
        let (method, url) = (method.to_owned(), url.to_owned());
        Request {
            raw: http::Request { method, url, headers: Vec::new(), body: Vec::new(), timeout_ms: None },
        }
    }

    pub fn get(url: &str) -> Request {
        Request::new("GET", url)
    }

    pub fn post(url: &str) -> Request {
        Request::new("POST", url)
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.raw.headers.push(Header { name: name.to_owned(), value: value.to_owned() });
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.raw.body = body.into();
        self
    }

    /// Sets the time limit of the whole exchange. The default is the host's own limit (30 s).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Request {
        self.raw.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    pub fn method(&self) -> &str {
        &self.raw.method
    }

    pub fn url(&self) -> &str {
        &self.raw.url
    }

    /// Returns the body if it is text, else an empty text.
    pub fn body_text(&self) -> &str {
        std::str::from_utf8(&self.raw.body).unwrap_or_default()
    }

    /// Sends the request once. A response with any status is `Ok`. Nothing is retried.
    pub fn send(&self) -> Result<Response, HttpError> {
        let http::Response { status, headers, body } = host::http::send(&self.raw)?;
        Ok(Response { status, headers, body })
    }
}

impl Response {
    /// Returns the first header with that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| header.value.as_str())
    }

    /// Returns the delay of `Retry-After` if it is in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// Returns the response if its status is 2xx, else the failure to report: 408, 429 and 5xx are retryable,
    /// and other statuses are permanent.
    pub fn error_for_status(self) -> Result<Response, Failure> {
        let message = || format!("status {}", self.status);
        match self.status {
            200..=299 => Ok(self),
            408 | 429 | 500..=599 => {
                let failure = Failure::retryable(message());
                Err(match self.retry_after() {
                    Some(delay) => failure.after(delay),
                    None => failure,
                })
            }
            _ => Err(Failure::permanent(message())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Result<(), Failure> {
        let header = |value: &str| Header { name: "retry-after".to_owned(), value: value.to_owned() };
        let headers = retry_after.map(header).into_iter().collect();
        Response { status, headers, body: Vec::new() }.error_for_status().map(|_| ())
    }

    #[test]
    fn a_status_says_whether_to_come_again_and_when() {
        assert_eq!(answer(204, None), Ok(()));
        assert_eq!(answer(400, Some("9")), Err(Failure::permanent("status 400")));
        assert_eq!(answer(302, None), Err(Failure::permanent("status 302")));
        assert_eq!(answer(503, None), Err(Failure::retryable("status 503")));
        let later = Failure::retryable("status 429").after(Duration::from_secs(7));
        assert_eq!(answer(429, Some("7")), Err(later));
        assert_eq!(answer(429, Some("Wed, 21 Oct")), Err(Failure::retryable("status 429")));
    }
}
