//! `service.admin`: where operators ask what runs, and have it changed. Ours, not the Collector's.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Visitor};

/// `service.admin`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    pub endpoint: AdminEndpoint,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdminEndpoint {
    /// No config says where: [`AdminEndpoint::USUAL`], if that is free.
    #[default]
    Usual,
    /// `host:port`; an empty host is every address, port 0 a free one.
    At(String),
    /// `none`, or nothing.
    Off,
}

impl AdminEndpoint {
    /// This machine's own address.
    pub const USUAL: &'static str = "127.0.0.1:8899";
}

impl<'de> Deserialize<'de> for AdminEndpoint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<AdminEndpoint, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = AdminEndpoint;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address such as `127.0.0.1:8899`, or `none`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AdminEndpoint, E> {
                let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
                match (text, port) {
                    ("none", _) => Ok(AdminEndpoint::Off),
                    (_, Some(Ok(_))) => Ok(AdminEndpoint::At(text.to_owned())),
                    _ => Err(E::custom(format!(
                        "{text:?} is not host:port; write it as `127.0.0.1:8899`, or `none`"
                    ))),
                }
            }

            fn visit_unit<E>(self) -> Result<AdminEndpoint, E> {
                Ok(AdminEndpoint::Off)
            }

            fn visit_none<E>(self) -> Result<AdminEndpoint, E> {
                Ok(AdminEndpoint::Off)
            }
        }
        from.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Node};

    fn read(yaml: &str) -> (AdminConfig, Vec<String>) {
        let root = Node::parse("otel.yaml", yaml).unwrap();
        let (config, findings) = Config::read(&root);
        (config.service.admin, findings.iter().map(|finding| finding.message.clone()).collect())
    }

    #[test]
    fn an_endpoint_is_an_address_or_none_or_the_usual_one() {
        let at = |address: &str| AdminEndpoint::At(address.to_owned());
        let cases = [
            ("service: {}", AdminEndpoint::Usual),
            ("service: { admin: }", AdminEndpoint::Usual),
            ("service: { admin: {} }", AdminEndpoint::Usual),
            ("service: { admin: { endpoint: } }", AdminEndpoint::Off),
            ("service: { admin: { endpoint: none } }", AdminEndpoint::Off),
            ("service: { admin: { endpoint: localhost:9000 } }", at("localhost:9000")),
            ("service: { admin: { endpoint: '[::1]:0' } }", at("[::1]:0")),
            ("service: { admin: { endpoint: ':8899' } }", at(":8899")),
        ];
        for (yaml, expected) in cases {
            assert_eq!(read(yaml), (AdminConfig { endpoint: expected }, Vec::new()), "{yaml}");
        }
    }

    #[test]
    fn what_is_no_address_and_a_key_that_is_none_are_refused() {
        let cases = [
            (
                "endpoint: localhost",
                "\"localhost\" is not host:port; write it as `127.0.0.1:8899`, or `none`",
            ),
            ("endpoint: 'a:65536'", "\"a:65536\" is not host:port; write it as `127.0.0.1:8899`, or `none`"),
            ("endpoint: 8899", "expected an address such as `127.0.0.1:8899`, or `none`, found `8899`"),
            ("endpont: none", "unknown key `endpont`"),
        ];
        for (keys, expected) in cases {
            let (_, findings) = read(&format!("service: {{ admin: {{ {keys} }} }}"));
            assert_eq!(findings, [expected], "{keys}");
        }
    }
}
