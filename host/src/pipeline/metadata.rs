//! The metadata of a request, by which plugins can distinguish senders.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION},
};

/// The headers of a request, without those that carry secrets. No plugin sees a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// Keeps only the headers that both senders have with the same values.
    pub(crate) fn keep_common(metadata: &mut Option<Arc<Metadata>>, with: Option<&Metadata>) {
        let (Some(ours), Some(Metadata(theirs))) = (metadata.as_mut(), with) else {
            *metadata = None;
            return;
        };
        let differs = |name: &&HeaderName| ours.0.get_all(*name) != theirs.get_all(*name);
        let differing: Vec<HeaderName> = ours.0.keys().filter(differs).cloned().collect();
        for name in differing {
            Arc::make_mut(ours).0.remove(name);
        }
    }

    /// Returns whether a header carries a secret, and so is never kept. The name may have any case.
    pub(crate) fn is_secret(name: &str) -> bool {
        SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_str()))
    }

    /// Returns the values of a header, whose name may have any case.
    pub(crate) fn bytes_of(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.get_all(name).iter().map(HeaderValue::as_bytes)
    }

    /// Returns the values of a header, whose name may have any case. Values that are not UTF-8 are left out.
    pub fn values(&self, name: &str) -> Vec<String> {
        let values = self.bytes_of(name).filter_map(|value| std::str::from_utf8(value).ok());
        values.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a request has a header twice, and headers with secrets.
    /// Guarantees: both values are found under a name in any case, and secrets are not found.
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

    /// Scenario: the metadata of two senders is merged, and then that of a sender without metadata.
    /// Guarantees: only headers with the same values stay, and nothing stays without metadata.
    #[test]
    fn senders_have_in_common_the_headers_with_the_same_values() {
        let of = |headers: &[(&'static str, &str)]| {
            let header = |(name, value): &(&'static str, &str)| {
                (HeaderName::from_static(name), value.parse().unwrap())
            };
            Some(Arc::new(Metadata(headers.iter().map(header).collect())))
        };
        let theirs = of(&[("x-tenant", "a"), ("content-length", "7"), ("x-more", "1")]);
        let mut ours = of(&[("x-tenant", "a"), ("content-length", "5"), ("x-less", "1")]);
        Metadata::keep_common(&mut ours, theirs.as_deref());
        assert_eq!(ours, of(&[("x-tenant", "a")]));
        Metadata::keep_common(&mut ours, None);
        assert_eq!(ours, None);
        Metadata::keep_common(&mut ours, theirs.as_deref());
        assert_eq!(ours, None, "of a sender of whom nothing is known");
    }
}
