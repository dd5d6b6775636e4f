//! What a request said of its sender, for plugins to tell senders apart.

use http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION},
};

/// The headers of a request, but for those that carry secrets: no plugin sees one.
#[derive(Debug, PartialEq, Eq)]
pub struct Metadata(HeaderMap);

const SECRET: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

impl Metadata {
    pub fn of(headers: &HeaderMap) -> Metadata {
        let mut headers = headers.clone();
        for name in SECRET {
            headers.remove(name);
        }
        Metadata(headers)
    }

    /// The values of a header, its name in any case. Bytes that are no text are left out.
    pub fn values(&self, name: &str) -> Vec<String> {
        let values =
            self.0.get_all(name).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
        values.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_in_any_case_and_secrets_are_not() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("x-tenant", "a"), ("x-tenant", "b"), ("authorization", "Bearer x"), ("cookie", "y")]
        {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let metadata = Metadata::of(&headers);
        assert_eq!(metadata.values("X-Tenant"), ["a", "b"]);
        for none in ["Authorization", "cookie", "x-other", "no header", ""] {
            assert_eq!(metadata.values(none), Vec::<String>::new(), "{none}");
        }
    }
}
