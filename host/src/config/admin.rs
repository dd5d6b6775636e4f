//! The section `service.admin`: the endpoint and the socket at which operators see and change what runs. This
//! section is Spanloom's, not the Collector's.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Deserializer, de::Visitor};

use super::Secret;

/// The value of `service.admin`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Keys")]
pub struct AdminConfig {
    pub endpoint: AdminEndpoint,
    pub socket: AdminSocket,
    pub token: Option<AdminToken>,
}

/// The keys as the config writes them.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Keys {
    endpoint: AdminEndpoint,
    socket: AdminSocket,
    token: Option<Secret>,
    token_file: Option<PathBuf>,
}

/// The token that allows changes over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminToken {
    Text(Secret),
    /// A file whose first line is the token. It is read when the process starts.
    File(PathBuf),
}

/// The Unix socket on which this user and root may make changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdminSocket {
    /// A socket in a folder of this user, named for the endpoint's port. Without an endpoint, there is no
    /// socket.
    #[default]
    Usual,
    At(PathBuf),
    /// No socket: the key says `none` or nothing.
    Off,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdminEndpoint {
    /// The config does not name an endpoint: [`AdminEndpoint::USUAL`] is used if it is free.
    #[default]
    Usual,
    /// An endpoint `host:port`. An empty host means every address, and port 0 a free port.
    At(String),
    /// No endpoint: the key says `none` or nothing.
    Off,
}

impl AdminEndpoint {
    /// The usual endpoint, on the loopback address.
    pub const USUAL: &'static str = "127.0.0.1:8899";
}

impl TryFrom<Keys> for AdminConfig {
    type Error = &'static str;

    fn try_from(keys: Keys) -> Result<AdminConfig, &'static str> {
        let Keys { endpoint, socket, token, token_file } = keys;
        let token = match (token, token_file) {
            (Some(_), Some(_)) => return Err("give one of `token` and `token_file`"),
            (Some(token), None) if token.0.trim().is_empty() => return Err("`token` is empty"),
            (Some(token), None) => Some(AdminToken::Text(token)),
            (None, file) => file.map(AdminToken::File),
        };
        Ok(AdminConfig { endpoint, socket, token })
    }
}

impl<'de> Deserialize<'de> for AdminSocket {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<AdminSocket, D::Error> {
        Ok(match Option::<String>::deserialize(from)?.as_deref() {
            None | Some("none" | "") => AdminSocket::Off,
            Some(path) => AdminSocket::At(path.into()),
        })
    }
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

    /// Scenario: the endpoint is left out, set to nothing, set to `none`, or set to an address.
    /// Guarantees: these give the usual endpoint, none, none, and that address.
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
            let expected = AdminConfig { endpoint: expected, ..AdminConfig::default() };
            assert_eq!(read(yaml), (expected, Vec::new()), "{yaml}");
        }
    }

    /// Scenario: the socket is turned off or set to a path; the token is a text or a file.
    /// Guarantees: each is read, and the other keys keep their defaults.
    #[test]
    fn a_socket_and_a_token_are_optional() {
        let cases = [
            ("socket: none", AdminConfig { socket: AdminSocket::Off, ..AdminConfig::default() }),
            ("socket:", AdminConfig { socket: AdminSocket::Off, ..AdminConfig::default() }),
            (
                "socket: /run/a.sock",
                AdminConfig { socket: AdminSocket::At("/run/a.sock".into()), ..AdminConfig::default() },
            ),
            (
                "token: abc",
                AdminConfig {
                    token: Some(AdminToken::Text(Secret("abc".to_owned()))),
                    ..AdminConfig::default()
                },
            ),
            (
                "token_file: /run/token",
                AdminConfig { token: Some(AdminToken::File("/run/token".into())), ..AdminConfig::default() },
            ),
        ];
        for (keys, expected) in cases {
            assert_eq!(
                read(&format!("service: {{ admin: {{ {keys} }} }}")),
                (expected, Vec::new()),
                "{keys}"
            );
        }
    }

    /// Scenario: an address without a port or with an impossible one, an unknown key, two tokens, an empty
    /// token.
    /// Guarantees: each is an error that says what would be right.
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
            ("token: a, token_file: b", "give one of `token` and `token_file`"),
            ("token: ''", "`token` is empty"),
        ];
        for (keys, expected) in cases {
            let (_, findings) = read(&format!("service: {{ admin: {{ {keys} }} }}"));
            assert_eq!(findings, [expected], "{keys}");
        }
    }
}
