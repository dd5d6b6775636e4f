//! `awsproxy`: forwards requests to an AWS service and signs them, for applications without credentials.

use std::sync::Arc;

use anyhow::Context;
use reqwest::Url;
use serde::Deserialize;

use crate::{
    aws::{IdentitySettings, ProxySettings, RoleSettings, SigningProxy, endpoint},
    component::{BuiltExtension, Endpoint, ExtensionFactory, Factory},
    config::{ConfigError, Finding, Node, filled},
    running::Running,
    server::{self, ServerSettings, Transport},
    telemetry::Health,
    tls::{self, client::ClientTlsConfig},
};

pub struct AwsProxyFactory;

/// The Collector's keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AwsProxyConfig {
    endpoint: String,
    /// `tcp`, `tcp4` or `tcp6`.
    transport: String,
    #[serde(deserialize_with = "filled")]
    proxy_address: Option<String>,
    /// TLS to AWS. As in the Collector, `insecure` leaves the check of the server's certificate out.
    tls: ClientTlsConfig,
    #[serde(deserialize_with = "filled")]
    region: Option<String>,
    #[serde(deserialize_with = "filled")]
    role_arn: Option<String>,
    #[serde(deserialize_with = "filled")]
    aws_endpoint: Option<String>,
    local_mode: bool,
    service_name: String,
}

struct AwsProxy(AwsProxyConfig);

impl Default for AwsProxyConfig {
    fn default() -> AwsProxyConfig {
        AwsProxyConfig {
            endpoint: "localhost:2000".to_owned(),
            transport: "tcp".to_owned(),
            proxy_address: None,
            tls: ClientTlsConfig::default(),
            region: None,
            role_arn: None,
            aws_endpoint: None,
            local_mode: false,
            service_name: "xray".to_owned(),
        }
    }
}

impl Factory for AwsProxyFactory {
    fn name(&self) -> &str {
        "awsproxy"
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(AwsProxyConfig::validate).map(drop)
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        let mut doubts = config.unused::<AwsProxyConfig>();
        doubts.extend(config.get("tls").into_iter().flat_map(tls::doubts));
        doubts
    }
}

impl ExtensionFactory for AwsProxyFactory {
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError> {
        let endpoint = AwsProxy(config.read_valid(AwsProxyConfig::validate)?);
        Ok(BuiltExtension { endpoint: Some(Box::new(endpoint)), ..BuiltExtension::default() })
    }
}

#[async_trait::async_trait]
impl Endpoint for AwsProxy {
    async fn start(&self, _health: Arc<Health>, running: &Running) -> anyhow::Result<()> {
        let AwsProxy(config) = self;
        let proxy = SigningProxy::new(config.settings()?).await?;
        let listeners = server::listen_on(&config.endpoint, config.transport()?, &running.sockets).await;
        for listener in listeners.context("awsproxy: endpoint")? {
            server::serve(listener, None, proxy.router(), ServerSettings::default(), running);
        }
        let (listens, forwards) = (&config.endpoint, proxy.endpoint().origin().ascii_serialization());
        tracing::info!("awsproxy listens on {listens} and forwards to {forwards}");
        Ok(())
    }
}

impl AwsProxyConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let port = self.endpoint.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        let is_arn = self.role_arn.as_ref().is_none_or(|arn| arn.starts_with("arn:"));
        ConfigError::all([
            match port {
                Some(Ok(_)) => Ok(()),
                _ => wrong("endpoint", &format!("endpoint: {:?} is not host:port", self.endpoint)),
            },
            self.transport().map(drop),
            self.proxy_address.as_ref().map_or(Ok(()), |address| match reqwest::Proxy::all(address) {
                Ok(_) => Ok(()),
                Err(_) => wrong("proxy_address", "must be an address, such as http://proxy:3128"),
            }),
            self.tls.validate(),
            if is_arn { Ok(()) } else { wrong("role_arn", "must begin with `arn:`") },
            self.aws_endpoint().map(drop),
            // The name is a part of the service's host.
            match endpoint::is_name(&self.service_name) {
                true => Ok(()),
                false => wrong("service_name", "must be the service's signing name, such as `xray`"),
            },
            self.region.as_ref().map_or(Ok(()), |region| endpoint::of_service("xray", region).map(drop)),
        ])
    }

    fn transport(&self) -> Result<Transport, ConfigError> {
        let transport = Transport::from_name(&self.transport);
        transport
            .filter(|transport| *transport != Transport::Unix)
            .ok_or_else(|| ConfigError::on("transport", "must be tcp, tcp4 or tcp6"))
    }

    fn aws_endpoint(&self) -> Result<Option<Url>, ConfigError> {
        self.aws_endpoint.as_ref().map(|text| endpoint::parse("aws_endpoint", text)).transpose()
    }

    fn settings(&self) -> Result<ProxySettings, ConfigError> {
        let role = self.role_arn.clone().map(|arn| RoleSettings { arn, ..RoleSettings::default() });
        Ok(ProxySettings {
            service: self.service_name.clone(),
            endpoint: self.aws_endpoint()?,
            identity: IdentitySettings { region: self.region.clone(), role, ..IdentitySettings::default() },
            local_mode: self.local_mode,
            tls: self.tls.clone().unverified_if_insecure(),
            proxy_address: self.proxy_address.clone(),
        })
    }
}

fn wrong(key: &str, message: &str) -> Result<(), ConfigError> {
    Err(ConfigError::on(key, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(yaml: &str) -> Result<AwsProxyConfig, ConfigError> {
        Node::parse("otel.yaml", yaml).unwrap().read_valid(AwsProxyConfig::validate)
    }

    /// Scenario: the config is empty, or that of the Collector's README.
    /// Guarantees: X-Ray is proxied, with the credentials and the region of the machine.
    #[test]
    fn the_collectors_example_is_the_default() {
        let readme = "endpoint: localhost:2000\nproxy_address: ''\ntls: { insecure: false, server_name_override: '' }\n\
                      region: ''\nrole_arn: ''\naws_endpoint: ''\nlocal_mode: false\nservice_name: xray\n";
        for yaml in ["{}", readme] {
            let settings = config(yaml).unwrap().settings().unwrap();
            assert_eq!((settings.service.as_str(), settings.endpoint), ("xray", None), "{yaml}");
            assert_eq!(settings.identity, IdentitySettings::default());
            assert_eq!(settings.proxy_address, None);
        }
    }

    /// Scenario: every key has a value that cannot work.
    /// Guarantees: all of them are reported.
    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let yaml = "endpoint: here\ntransport: unix\nproxy_address: '::'\nregion: a b\nrole_arn: x\n\
                    aws_endpoint: 'ftp://x'\nservice_name: 'a/b'\ntls: { cert_file: x }\n";
        let error = config(yaml).unwrap_err();
        assert_eq!(error.findings().len(), 8, "{error}");
    }

    /// Scenario: the endpoint has port 0, and the region is known.
    /// Guarantees: the extension starts; without a region in local mode, it does not, and the message names the
    /// key.
    #[tokio::test]
    async fn it_starts_only_with_a_region() {
        let running = Running::default();
        let proxy = AwsProxy(config("endpoint: 127.0.0.1:0\nregion: us-east-1").unwrap());
        proxy.start(Arc::default(), &running).await.unwrap();
        running.stop.cancel();
        if endpoint::region_of_environment().is_some() {
            return;
        }
        let proxy = AwsProxy(config("endpoint: 127.0.0.1:0\nlocal_mode: true").unwrap());
        let error = proxy.start(Arc::default(), &running).await.unwrap_err();
        assert!(format!("{error:#}").contains("write `region: us-east-1`"), "{error:#}");
    }
}
