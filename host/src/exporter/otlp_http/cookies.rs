//! The cookies that a destination sets. Load balancers know a client by them, and send it to the same server again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cookie_store::CookieStore;
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use reqwest::Url;

/// The number of cookies that are kept. With one more, all are forgotten, and the destination sets them again.
const COOKIES_LIMIT: usize = 64;
/// The most bytes of a cookie with its attributes. (RFC 6265 asks for at least so many.)
const COOKIE_BYTES_LIMIT: usize = 4096;

/// The cookies of one exporter. They are kept in memory only.
#[derive(Default)]
pub(super) struct Cookies(Mutex<CookieStore>);

impl Cookies {
    /// Adds the cookies for an address, in the order of RFC 6265: of longer paths first, then the older first.
    pub(super) fn apply(&self, url: &Url, headers: &mut HeaderMap) {
        let store = self.lock();
        let mut cookies = store.matches(url);
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let cookies: Vec<String> = cookies
            .iter()
            .map(|cookie| {
                let (name, value) = cookie.name_value();
                format!("{name}={value}")
            })
            .collect();
        if let Ok(value) = HeaderValue::try_from(cookies.join("; "))
            && !value.is_empty()
        {
            headers.insert(COOKIE, value);
        }
    }

    /// Keeps the cookies that the answer from an address sets. Others than that address may set are ignored.
    pub(super) fn note(&self, url: &Url, headers: &HeaderMap) {
        if !headers.contains_key(SET_COOKIE) {
            return;
        }
        let mut store = self.lock();
        for cookie in headers.get_all(SET_COOKIE) {
            let Ok(cookie) = cookie.to_str() else { continue };
            if cookie.len() > COOKIE_BYTES_LIMIT {
                continue;
            }
            if store.iter_any().count() >= COOKIES_LIMIT {
                store.clear();
            }
            // A cookie that cannot be read, or that is not the address's, is left out, as a browser does.
            let _ = store.parse(cookie, url);
        }
    }

    fn lock(&self) -> MutexGuard<'_, CookieStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(cookies: &[String]) -> HeaderMap {
        cookies.iter().map(|cookie| (SET_COOKIE, cookie.parse().unwrap())).collect()
    }

    fn sent(cookies: &Cookies, url: &str) -> String {
        let mut headers = HeaderMap::new();
        cookies.apply(&url.parse().unwrap(), &mut headers);
        headers.get(COOKIE).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// Scenario: a destination sets cookies for its path, for others, for another host, and removes one.
    /// Guarantees: each is sent where it belongs, and nowhere else.
    #[test]
    fn cookies_go_where_they_belong() {
        let cookies = Cookies::default();
        let url = "https://otlp.example/v1/traces".parse().unwrap();
        let set = [
            "session=1; Path=/",
            "here=2",
            "old=3; Path=/",
            "logs=4; Path=/v1/logs",
            "other=5; Domain=elsewhere",
            "no cookie",
        ];
        cookies.note(&url, &sets(&set.map(str::to_owned)));
        cookies.note(
            &url,
            &sets(&["old=; Path=/; Max-Age=0".to_owned(), "session=6; Path=/; Secure".to_owned()]),
        );
        assert_eq!(sent(&cookies, "https://otlp.example/v1/traces"), "here=2; session=6");
        assert_eq!(sent(&cookies, "https://otlp.example/v1/logs"), "logs=4; here=2; session=6");
        assert_eq!(sent(&cookies, "http://otlp.example/"), "");
        assert_eq!(sent(&cookies, "https://elsewhere/"), "");
    }

    /// Scenario: a destination sets a new cookie in each of a thousand answers, and one that is too large.
    /// Guarantees: no more than the limit are kept.
    #[test]
    fn no_more_cookies_are_kept_than_the_limit() {
        let cookies = Cookies::default();
        let url: Url = "http://a/v1/traces".parse().unwrap();
        for number in 0..1000 {
            cookies.note(&url, &sets(&[format!("c{number}=1")]));
        }
        cookies.note(&url, &sets(&[format!("large={}", "x".repeat(COOKIE_BYTES_LIMIT))]));
        let sent = sent(&cookies, url.as_str());
        assert!(sent.split("; ").count() <= COOKIES_LIMIT && sent.contains("c999=1"), "{sent}");
        assert!(!sent.contains("large"), "{sent}");
    }
}
