//! `grants.http`: the origins that a plugin may reach, and what the host adds to requests.

use std::{fmt, path::PathBuf};

use http::HeaderValue;
use reqwest::Url;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::aws::AwsConfig;
use crate::{
    config::{ConfigError, Duration, Secret},
    exporter::otlp::headers::{self, HeadersConfig},
    server::hop::is_hop,
    tls::client::ClientTlsConfig,
};

/// An entry of `grants.http`: an origin as text, or a map with more settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrantConfig {
    pub origin: Origin,
    pub auth: Option<AuthConfig>,
    pub tls: ClientTlsConfig,
    /// True to connect also to link-local addresses, where clouds have their metadata services.
    pub allow_link_local: bool,
    /// The longest time of an exchange, whatever the plugin asks for.
    pub timeout: Option<Duration>,
}

/// The credentials that the host adds to each request. The plugin never sees them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthConfig {
    /// `Authorization: Bearer …`
    Bearer(Secret),
    /// The same, with the token in the first line of a file. The file is read again when it changes.
    BearerFile(PathBuf),
    Headers(HeadersConfig),
    Aws(AwsConfig),
}

/// Scheme, host and port in the form in which they are compared and shown: lower case, punycode, without the
/// scheme's default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpGrantMap {
    origin: Origin,
    #[serde(default)]
    auth: Option<AuthConfig>,
    #[serde(default)]
    tls: ClientTlsConfig,
    #[serde(default)]
    allow_link_local: bool,
    #[serde(default)]
    timeout: Option<Duration>,
}

impl Origin {
    /// Parses an origin.
    ///
    /// # Errors
    /// The text is not an origin: it has a path, user info or a wildcard, or lacks a scheme. The error is in
    /// the user's words.
    pub fn parse(text: &str) -> Result<Origin, String> {
        if text.contains('*') {
            return Err("wildcards are not supported: name each origin".to_owned());
        }
        let example = "write `https://host` or `https://host:port`";
        if !text.contains("://") {
            return Err(format!("an origin begins with its scheme: {example}"));
        }
        let url = Url::parse(text).map_err(|error| format!("not an origin ({error}): {example}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("only http and https can be granted: {example}"));
        }
        if has_user_info(&url) {
            return Err("an origin has no user or password: write them under `auth`".to_owned());
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            let origin = Origin::of(&url);
            return Err(format!("an origin has no path: write `{origin}`, all of it is granted"));
        }
        Ok(Origin::of(&url))
    }

    /// Returns the origin of an `http` or `https` address.
    pub fn of(url: &Url) -> Origin {
        Origin(url.origin().ascii_serialization())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HttpGrantConfig {
    pub fn new(origin: Origin) -> HttpGrantConfig {
        HttpGrantConfig {
            origin,
            auth: None,
            tls: ClientTlsConfig::default(),
            allow_link_local: false,
            timeout: None,
        }
    }

    /// Checks what can be checked without reading files. The keys of the error are below the grant.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.tls.validate().map_err(|error| error.below("tls"))?;
        if self.timeout.is_some_and(|timeout| timeout.0.is_zero()) {
            return Err(ConfigError::on("timeout", "must be above zero"));
        }
        self.auth.as_ref().map_or(Ok(()), AuthConfig::validate).map_err(|error| error.below("auth"))
    }
}

impl AuthConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        match self {
            AuthConfig::Bearer(token) if !is_token(token) => {
                Err(ConfigError::on("bearer", "is empty, or has bytes that a header cannot carry"))
            }
            AuthConfig::Bearer(_) | AuthConfig::BearerFile(_) => Ok(()),
            AuthConfig::Headers(config) => match headers::read(config)?.keys().find(|name| is_hop(name)) {
                Some(name) => Err(ConfigError::on("headers", format!("{name}: the host sets it itself"))),
                None => Ok(()),
            },
            AuthConfig::Aws(config) => config.validate().map_err(|error| error.below("aws")),
        }
    }
}

/// Checks what can be checked of `grants.http` without reading files. The keys of the error are below the
/// list.
pub fn validate(grants: &[HttpGrantConfig]) -> Result<(), ConfigError> {
    for (index, grant) in grants.iter().enumerate() {
        let key = format!("[{index}]");
        grant.validate().map_err(|error| error.below(&key))?;
        if grants.iter().take(index).any(|other| other.origin == grant.origin) {
            return Err(ConfigError::on(&key, format!("{} is granted twice", grant.origin)));
        }
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Origin, D::Error> {
        let text = String::deserialize(from)?;
        Origin::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for HttpGrantConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<HttpGrantConfig, D::Error> {
        struct TextOrMap;

        impl<'de> Visitor<'de> for TextOrMap {
            type Value = HttpGrantConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an origin such as `https://api.example.com`, or a map with the key `origin`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HttpGrantConfig, E> {
                Origin::parse(text).map(HttpGrantConfig::new).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HttpGrantConfig, A::Error> {
                let HttpGrantMap { origin, auth, tls, allow_link_local, timeout } =
                    HttpGrantMap::deserialize(MapAccessDeserializer::new(map))?;
                Ok(HttpGrantConfig { origin, auth, tls, allow_link_local, timeout })
            }
        }

        from.deserialize_any(TextOrMap)
    }
}

pub(super) fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_token(token: &Secret) -> bool {
    !token.0.is_empty() && HeaderValue::from_str(&token.0).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Node;

    fn read(config: Value) -> Result<HttpGrantConfig, String> {
        Node::from_json(config).read().map_err(|error: ConfigError| error.to_string())
    }

    /// Scenario: origins are written in several ways.
    /// Guarantees: they are compared as browsers do.
    #[test]
    fn an_origin_is_compared_as_browsers_do() {
        for (written, expected) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://API.Example.com:443/", "https://api.example.com"),
            ("http://api.example.com:443", "http://api.example.com:443"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://0x7f.1", "http://127.0.0.1"),
        ] {
            assert_eq!(Origin::parse(written).unwrap().as_str(), expected);
        }
    }

    /// Scenario: texts are not origins.
    /// Guarantees: each is refused with the right form, and no password is shown.
    #[test]
    fn what_is_no_origin_is_refused_with_what_would_be_right() {
        for (written, said) in [
            ("https://*.example.com", "name each origin"),
            ("*", "name each origin"),
            ("api.example.com", "https://host"),
            ("api.example.com:443", "https://host"),
            ("ftp://api.example.com", "only http and https"),
            ("https://me:pw@api.example.com", "under `auth`"),
            ("https://api.example.com/v1", "write `https://api.example.com`"),
            ("https://api.example.com?a", "write `https://api.example.com`"),
            ("https://", "not an origin"),
            ("https://a b", "not an origin"),
        ] {
            for config in [json!(written), json!({ "origin": written })] {
                let error = read(config).unwrap_err();
                assert!(error.contains(said), "{written}: {error}");
                assert!(!error.contains("pw"), "{error}");
            }
        }
    }

    /// Scenario: a grant is an origin, or a map.
    /// Guarantees: both are read, and `Debug` shows no secret.
    #[test]
    fn a_grant_is_an_origin_or_a_map() {
        let grant = read(json!("http://a:1")).unwrap();
        assert_eq!((grant.origin.as_str(), grant.allow_link_local), ("http://a:1", false));
        let grant = read(json!({
            "origin": "https://a",
            "auth": { "bearer": "hush" },
            "tls": { "insecure_skip_verify": true },
            "allow_link_local": true,
            "timeout": "5s",
        }))
        .unwrap();
        assert!(matches!(&grant.auth, Some(AuthConfig::Bearer(token)) if token.0 == "hush"));
        assert_eq!((grant.allow_link_local, grant.timeout), (true, Some(Duration::from_secs(5))));
        assert!(!format!("{grant:?}").contains("hush"));
    }

    /// Scenario: grants are valid YAML and cannot work.
    /// Guarantees: each is refused at its place.
    #[test]
    fn what_cannot_work_is_refused_by_its_place() {
        for (grants, place) in [
            (json!(["https://a", "https://A:443"]), "test.yaml:1:14"),
            (json!([{ "origin": "https://a", "timeout": 0 }]), "must be above zero"),
            (json!([{ "origin": "https://a", "auth": { "bearer": "" } }]), "is empty"),
            (json!([{ "origin": "https://a", "auth": { "headers": { "Host": "b" } } }]), "the host sets it"),
            (json!([{ "origin": "https://a", "auth": { "aws": { "service": "" } } }]), "signing name"),
            (
                json!([{ "origin": "https://a", "auth": { "aws": { "service": "s3", "role_arn": "x" } } }]),
                "arn:",
            ),
            (json!([{ "origin": "https://a", "tls": { "cert_file": "x" } }]), "key_file go together"),
        ] {
            let node = Node::parse("test.yaml", &grants.to_string()).unwrap();
            let config: Vec<HttpGrantConfig> = node.read().unwrap();
            let error = validate(&config).unwrap_err().within(&node).to_string();
            assert!(error.contains(place) && error.contains("test.yaml:1:"), "{error} says {place}");
        }
    }

    /// Scenario: grants have wrong types and keys.
    /// Guarantees: the message says what would be right.
    #[test]
    fn mistakes_are_named() {
        for (config, said) in [
            (json!(7), "https://api.example.com"),
            (json!({ "origin": "https://a", "oauth": {} }), "unknown key `oauth`"),
            (json!({ "auth": { "bearer": "x" } }), "`origin` is missing"),
            (json!({ "origin": "https://a", "auth": { "basic": "x" } }), "`bearer`"),
            (json!({ "origin": "https://a", "auth": { "bearer": "x", "headers": {} } }), "a map of one key"),
            (json!({ "origin": "https://a", "tls": { "ca": "x" } }), "unknown key `ca`"),
        ] {
            let error = read(config).unwrap_err();
            assert!(error.contains(said), "{error} says {said}");
        }
    }
}
