//! The keys of a proxy, which are those of the Collector's `awsproxy` and of `proxy_server` in its `awsxray`
//! receiver; and the server that they configure.

use std::sync::Arc;

use reqwest::Url;
use serde::Deserialize;

use super::{ProxySettings, SigningProxy};
use crate::{
    aws::{IdentitySettings, RoleSettings, endpoint},
    config::{ConfigError, filled},
    running::Running,
    server::{self, Listener, ServerSettings, Transport},
    tls::client::ClientTlsConfig,
};

/// A part of a component's config: `#[serde(rename = "..proxy")] proxy: ProxyConfig`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    /// `host:port`.
    pub endpoint: String,
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

/// A proxy, and where it listens once it is bound.
pub struct ProxyServer {
    proxy: Arc<SigningProxy>,
    endpoint: String,
    transport: Transport,
}

impl Default for ProxyConfig {
    fn default() -> ProxyConfig {
        ProxyConfig {
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

impl ProxyConfig {
    /// Checks every value that can be checked without opening a socket or a file.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let is_arn = self.role_arn.as_ref().is_none_or(|arn| arn.starts_with("arn:"));
        ConfigError::all([
            match server::has_port(&self.endpoint) {
                true => Ok(()),
                false => wrong("endpoint", &format!("endpoint: {:?} is not host:port", self.endpoint)),
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

    /// Makes the proxy, which finds its region. It does not listen yet.
    ///
    /// # Errors
    /// As those of [`SigningProxy::new`]. They name keys of this config.
    pub async fn build(&self) -> Result<ProxyServer, ConfigError> {
        let proxy = SigningProxy::new(self.settings()?).await?;
        Ok(ProxyServer { proxy, endpoint: self.endpoint.clone(), transport: self.transport()? })
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

impl ProxyServer {
    /// Binds each address of the endpoint. Nobody is answered before [`ProxyServer::serve`].
    ///
    /// # Errors
    /// An address cannot be bound.
    pub async fn bind(&self, running: &Running) -> anyhow::Result<Vec<Listener>> {
        server::listen_on(&self.endpoint, self.transport, &running.sockets).await
    }

    /// Answers on these listeners until `running.stop`. `component` is the id that the log names.
    pub fn serve(&self, listeners: Vec<Listener>, component: &str, running: &Running) {
        for listener in listeners {
            let (address, forwards) = (&listener, self.proxy.endpoint().origin().ascii_serialization());
            tracing::info!(component, %address, to = forwards, "the proxy to AWS listens");
            server::serve(listener, None, self.proxy.router(), ServerSettings::default(), running);
        }
    }
}

fn wrong(key: &str, message: &str) -> Result<(), ConfigError> {
    Err(ConfigError::on(key, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Node;

    fn config(yaml: &str) -> Result<ProxyConfig, ConfigError> {
        Node::parse("otel.yaml", yaml).unwrap().read_valid(ProxyConfig::validate)
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

    /// Scenario: the endpoint has port 0, and the region is known; or none is known in local mode.
    /// Guarantees: the proxy can be bound; without a region it is not made, and the message says what to write.
    #[tokio::test]
    async fn it_is_made_only_with_a_region() {
        let proxy = config("endpoint: 127.0.0.1:0\nregion: us-east-1").unwrap().build().await.unwrap();
        assert_eq!(proxy.bind(&Running::default()).await.unwrap().len(), 1);
        if endpoint::region_of_environment().is_some() {
            return;
        }
        let error = config("endpoint: 127.0.0.1:0\nlocal_mode: true").unwrap().build().await.err().unwrap();
        assert!(error.to_string().contains("write `region: us-east-1`"), "{error}");
    }
}
