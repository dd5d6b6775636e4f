//! Paths that are spelt in another way than they are served.

use std::borrow::Cow;

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, Uri, header::LOCATION};

/// Returns the answer to a request whose path has empty parts, `.` or `..`: where it is served, if anywhere. As the
/// Collector's servers do, whether the path is known or not.
pub(super) fn redirect(uri: &Uri) -> Option<Response> {
    let clean = cleaned(uri.path())?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, HeaderValue::from_str(&format!("{clean}{query}")).ok()?);
    Some(response)
}

/// Returns the path without empty parts, `.` and `..`, or `None` if it has none of these.
fn cleaned(path: &str) -> Option<String> {
    let parts = path.strip_prefix('/')?;
    let is_clean = |part: &str| !matches!(part, "" | "." | "..");
    let (all, last) = parts.rsplit_once('/').map_or((None, parts), |(all, last)| (Some(all), last));
    if all.is_none_or(|all| all.split('/').all(is_clean)) && (last.is_empty() || is_clean(last)) {
        return None;
    }
    let mut kept: Vec<&str> = Vec::new();
    for part in parts.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            part => kept.push(part),
        }
    }
    let end = if last.is_empty() && !kept.is_empty() { "/" } else { "" };
    Some(format!("/{}{end}", kept.join("/")))
}

/// Returns the path with the characters that its escapes stand for. An escaped slash stays, since it separates
/// nothing.
pub fn unescaped(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        match escaped(rest) {
            Some(byte) if byte != b'/' => {
                bytes.push(byte);
                rest = rest.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(path), Cow::Owned)
}

/// Returns the character that the text begins with, if it is escaped.
fn escaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: paths with and without empty parts, dots and a slash at the end are cleaned.
    /// Guarantees: a clean path stays, and another becomes the path that it means.
    #[test]
    fn a_path_is_cleaned_where_it_has_to_be() {
        for clean in ["/", "/v1/traces", "/v1/", "/v1/..x/.y", "*", ""] {
            assert_eq!(cleaned(clean), None, "{clean}");
        }
        for (path, expected) in [
            ("//", "/"),
            ("//v1/traces", "/v1/traces"),
            ("/v1//traces", "/v1/traces"),
            ("/v1/./traces", "/v1/traces"),
            ("/v1/x/../traces/", "/v1/traces/"),
            ("/v1//", "/v1/"),
            ("/../..", "/"),
            ("/v1/.", "/v1"),
        ] {
            assert_eq!(cleaned(path).as_deref(), Some(expected), "{path}");
        }
    }

    /// Scenario: a request for such a path has a query.
    /// Guarantees: the answer leads to the clean path, with the query.
    #[test]
    fn the_answer_leads_to_the_clean_path() {
        let answer = redirect(&Uri::from_static("/v1//traces?x=1")).unwrap();
        assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(answer.headers()[LOCATION], "/v1/traces?x=1");
        assert!(redirect(&Uri::from_static("/v1/traces?x=//")).is_none());
    }

    /// Scenario: paths have escapes, some of which are malformed or stand for a slash.
    /// Guarantees: letters are read, and the rest stays.
    #[test]
    fn escapes_are_read_but_for_a_slash() {
        assert!(matches!(unescaped("/v1/traces"), Cow::Borrowed(_)));
        for (path, expected) in [
            ("/v1/%74races", "/v1/traces"),
            ("/v1%2ftraces", "/v1%2ftraces"),
            ("/%c3%A9%", "/é%"),
            ("/%zz/%7", "/%zz/%7"),
            ("/%ff", "/%ff"),
        ] {
            assert_eq!(unescaped(path), expected);
        }
    }
}
