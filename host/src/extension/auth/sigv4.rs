//! `sigv4auth`: signs an exporter's requests by AWS Signature Version 4.

use std::{path::PathBuf, sync::Arc};

use serde::Deserialize;

use crate::{
    aws::{IdentitySettings, RoleSettings, Signer, endpoint},
    component::{
        BuiltExtension, ExtensionFactory, Factory,
        auth::{RequestSigner, SignError, UnsignedRequest},
    },
    config::{ConfigError, Duration, Finding, Node, filled},
};

pub struct Sigv4AuthFactory;

/// The Collector's keys. Service and region are those of the endpoint's host, if the config does not name them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sigv4AuthConfig {
    #[serde(deserialize_with = "filled")]
    region: Option<String>,
    /// The service as AWS writes it in signatures: `xray`, `logs`, `monitoring`, `aps`.
    #[serde(deserialize_with = "filled")]
    service: Option<String>,
    assume_role: AssumeRoleConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AssumeRoleConfig {
    #[serde(deserialize_with = "filled")]
    arn: Option<String>,
    #[serde(deserialize_with = "filled")]
    external_id: Option<String>,
    #[serde(deserialize_with = "filled")]
    session_name: Option<String>,
    session_duration: Option<Duration>,
    /// How long before they expire the credentials are renewed.
    expiry_window: Option<Duration>,
    #[serde(deserialize_with = "filled")]
    sts_region: Option<String>,
    /// A file with a web identity token, with which the role is assumed. It is read again for each renewal.
    #[serde(deserialize_with = "filled")]
    web_identity_token_file: Option<PathBuf>,
}

struct Sigv4Auth {
    service: Option<String>,
    region: Option<String>,
    signer: Signer,
}

impl Factory for Sigv4AuthFactory {
    fn name(&self) -> &str {
        "sigv4auth"
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(Sigv4AuthConfig::validate).map(drop)
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        let Some(role) = config.get("assume_role").filter(|role| role.get("arn").is_none()) else {
            return Vec::new();
        };
        let keys = ["external_id", "session_name", "session_duration", "expiry_window", "sts_region"];
        let without = keys.iter().filter_map(|key| role.get(key));
        without.map(|key| key.finding("has no effect without `arn`")).collect()
    }
}

impl ExtensionFactory for Sigv4AuthFactory {
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError> {
        let config = config.read_valid(Sigv4AuthConfig::validate)?;
        let signer = Signer::new(config.identity());
        let auth = Sigv4Auth { service: config.service, region: config.region, signer };
        Ok(BuiltExtension { signer: Some(Arc::new(auth)), ..BuiltExtension::default() })
    }
}

impl Sigv4AuthConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let role = &self.assume_role;
        let region = |key: &str, region: &Option<String>| {
            let region = region.as_ref().map(|region| endpoint::of_service("sts", region));
            match region.transpose() {
                Ok(_) => Ok(()),
                Err(error) => Err(ConfigError::on(key, error.in_a_line())),
            }
        };
        ConfigError::all([
            region("region", &self.region),
            region("assume_role::sts_region", &role.sts_region),
            match &role.arn {
                Some(arn) if !arn.starts_with("arn:") => {
                    Err(ConfigError::on("assume_role::arn", "must begin with `arn:`"))
                }
                None if role.web_identity_token_file.is_some() => {
                    Err(ConfigError::on("assume_role::web_identity_token_file", "goes with `arn`"))
                }
                _ => Ok(()),
            },
            match role.session_duration {
                Some(duration) if !(900..=43_200).contains(&duration.0.as_secs()) => {
                    Err(ConfigError::on("assume_role::session_duration", "must be from 15m to 12h"))
                }
                _ => Ok(()),
            },
        ])
    }

    fn identity(&self) -> IdentitySettings {
        let role = &self.assume_role;
        IdentitySettings {
            region: self.region.clone(),
            role: role.arn.clone().map(|arn| RoleSettings {
                arn,
                session_name: role.session_name.clone(),
                session_duration: role.session_duration.map(|duration| duration.0),
                external_id: role.external_id.clone(),
                sts_region: role.sts_region.clone(),
                web_identity_token_file: role.web_identity_token_file.clone(),
            }),
            renew_before: role.expiry_window.map(|window| window.0),
            ..IdentitySettings::default()
        }
    }
}

#[async_trait::async_trait]
impl RequestSigner for Sigv4Auth {
    async fn sign(&self, request: UnsignedRequest<'_>) -> Result<(), SignError> {
        let inferred = endpoint::inferred(request.url);
        let Some(service) = self.service.as_deref().or(inferred.service) else {
            let host = request.url.host_str().unwrap_or_default();
            let message =
                format!("{host} does not say which AWS service it is: write `service` in `sigv4auth`");
            return Err(SignError::Invalid(message));
        };
        let region = self.region.as_deref().or(inferred.region).map(str::to_owned);
        self.signer.sign(service, region.as_deref(), request).await
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use reqwest::Url;

    use super::*;

    fn config(yaml: &str) -> Result<Sigv4AuthConfig, ConfigError> {
        Node::parse("otel.yaml", yaml).unwrap().read_valid(Sigv4AuthConfig::validate)
    }

    /// Returns the scope of a request's signature: region and service.
    async fn scope(yaml: &str, url: &str) -> Result<String, SignError> {
        let config = config(yaml).unwrap();
        let signer = Signer::with_keys("AKIDTEST");
        let auth = Sigv4Auth { service: config.service, region: config.region, signer };
        let (mut url, mut headers) = (Url::parse(url).unwrap(), HeaderMap::new());
        let body = [b"a".as_slice().into(), b"b".as_slice().into()];
        let method = &Method::POST;
        auth.sign(UnsignedRequest { method, url: &mut url, headers: &mut headers, body: &body }).await?;
        let authorization = headers["authorization"].to_str().unwrap();
        let (_, scope) = authorization.split_once("Credential=AKIDTEST/").unwrap();
        Ok(scope.split('/').skip(1).take(2).collect::<Vec<_>>().join(" "))
    }

    /// Scenario: the config names service and region, or leaves one of them to the endpoint.
    /// Guarantees: the config has precedence over the endpoint's host, and the host over the machine. If nothing names the
    /// service, the error says which key to write.
    #[tokio::test]
    async fn service_and_region_are_the_endpoints_unless_the_config_names_them() {
        let xray = "https://xray.eu-west-1.amazonaws.com/v1/traces";
        assert_eq!(scope("{}", xray).await.unwrap(), "eu-west-1 xray");
        assert_eq!(scope("region: us-east-1", xray).await.unwrap(), "us-east-1 xray");
        assert_eq!(scope("service: logs", xray).await.unwrap(), "eu-west-1 logs");
        let own = "region: us-east-1\nservice: xray";
        assert_eq!(scope(own, "http://127.0.0.1:1/v1/traces").await.unwrap(), "us-east-1 xray");
        let error = scope("region: us-east-1", "https://vpce.example").await.unwrap_err().to_string();
        assert!(error.contains("write `service`"), "{error}");
        assert_eq!(scope("service: xray", "https://vpce.example").await.unwrap(), "test-1 xray");
    }

    /// Scenario: keys have values that cannot work, or have no effect.
    /// Guarantees: the former are refused at their places, and there is a warning for each of the latter.
    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let yaml = "region: a b\nassume_role: { arn: x, sts_region: '-.', session_duration: 1m }\n";
        assert_eq!(config(yaml).unwrap_err().findings().len(), 4);
        let error = config("assume_role: { web_identity_token_file: /token }").unwrap_err().to_string();
        assert!(error.contains("goes with `arn`"), "{error}");
        let node =
            Node::parse("otel.yaml", "assume_role: { session_name: a, sts_region: us-east-1 }").unwrap();
        Sigv4AuthFactory.check(&node).unwrap();
        assert_eq!(Sigv4AuthFactory.doubts(&node).len(), 2);
    }

    /// Scenario: every key of a role is set.
    /// Guarantees: the credentials are obtained so.
    #[test]
    fn the_keys_of_a_role_are_its_settings() {
        let yaml = "region: us-west-2\nassume_role:\n  arn: arn:aws:iam::1:role/x\n  external_id: e\n  session_name: s\n  \
                    session_duration: 1h\n  expiry_window: 5m\n  sts_region: us-east-1\n  web_identity_token_file: /t\n";
        let role = RoleSettings {
            arn: "arn:aws:iam::1:role/x".to_owned(),
            session_name: Some("s".to_owned()),
            session_duration: Some(std::time::Duration::from_secs(3600)),
            external_id: Some("e".to_owned()),
            sts_region: Some("us-east-1".to_owned()),
            web_identity_token_file: Some("/t".into()),
        };
        let expected = IdentitySettings {
            region: Some("us-west-2".to_owned()),
            role: Some(role),
            renew_before: Some(std::time::Duration::from_secs(300)),
            ..IdentitySettings::default()
        };
        assert_eq!(config(yaml).unwrap().identity(), expected);
    }
}
