//! The key `headers`: headers that clients and servers add to each message.

use std::{collections::BTreeMap, fmt};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

use super::{ConfigError, Secret};

/// The value of `headers`: a map, or a list of `name` and `value`. A header without a value is sent empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadersConfig(BTreeMap<String, Secret>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderConfig {
    name: String,
    #[serde(default)]
    value: Option<Secret>,
}

/// Returns the headers. The error lists every name or value that HTTP does not allow.
pub fn read(headers: &HeadersConfig) -> Result<HeaderMap, ConfigError> {
    let header = |(key, Secret(value)): (&String, &Secret)| -> Result<_, ConfigError> {
        let wrong =
            |error: &dyn fmt::Display| ConfigError::on(&format!("headers::{key}"), format!("{key}: {error}"));
        let name = HeaderName::try_from(key.as_str()).map_err(|error| wrong(&error))?;
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|error| wrong(&error))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    let (mut map, mut wrong) = (HeaderMap::new(), Vec::new());
    for outcome in headers.0.iter().map(header) {
        match outcome {
            Ok((name, value)) => drop(map.insert(name, value)),
            Err(error) => wrong.push(Err(error)),
        }
    }
    ConfigError::all(wrong).map(|()| map)
}

impl<'de> Deserialize<'de> for HeadersConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<HeadersConfig, D::Error> {
        struct Headers;
        impl<'de> Visitor<'de> for Headers {
            type Value = HeadersConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of headers, or a list of `name` and `value`")
            }

            fn visit_unit<E>(self) -> Result<HeadersConfig, E> {
                Ok(HeadersConfig::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeadersConfig, A::Error> {
                let mut headers = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Option<Secret>>()? {
                    headers.insert(name, value.unwrap_or_default());
                }
                Ok(HeadersConfig(headers))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<HeadersConfig, A::Error> {
                let mut headers = BTreeMap::new();
                while let Some(HeaderConfig { name, value }) = list.next_element()? {
                    if headers.insert(name.clone(), value.unwrap_or_default()).is_some() {
                        return Err(A::Error::custom(format!("the header `{name}` is there twice")));
                    }
                }
                Ok(HeadersConfig(headers))
            }
        }
        from.deserialize_any(Headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Node;

    /// Scenario: the same headers are written as a map and as a list, one of them without a value; other lists
    /// misspell `value` and have a name twice.
    /// Guarantees: both forms give the same headers, and the errors name the unknown key and the header.
    #[test]
    fn headers_are_a_map_or_a_list() {
        let map = "{ x-a: '1', x-b: 2, x-c: }";
        let list = "[{ name: x-a, value: '1' }, { name: x-b, value: 2 }, { name: x-c, value: }]";
        for yaml in [map, list] {
            let headers: HeadersConfig = Node::parse("otel.yaml", yaml).unwrap().read().unwrap();
            let headers = read(&headers).unwrap();
            let values = ["x-a", "x-b", "x-c"].map(|name| headers[name].to_str().unwrap().to_owned());
            assert_eq!(values, ["1", "2", ""], "{yaml}");
        }
        let error = |yaml: &str| {
            let read = Node::parse("otel.yaml", yaml).unwrap().read::<HeadersConfig>();
            read.unwrap_err().to_string()
        };
        assert!(error("[{ name: a, valu: b }]").contains("unknown key `valu`"));
        assert!(error("[{ name: a, value: b }, { name: a }]").contains("`a` is there twice"));
    }
}
