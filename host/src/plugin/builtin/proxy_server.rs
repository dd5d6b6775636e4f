//! `proxy_server` of the receiver `awsxray`: the host forwards the SDKs' requests for sampling rules to X-Ray, beside
//! the plugin, which takes the segments. The Collector's receiver does so too, by the same keys.

use std::sync::Arc;

use anyhow::Context as _;
use serde::Deserialize;

use super::Builtin;
use crate::{
    aws::{ProxyConfig, ProxyServer},
    component::Receiver,
    config::{ConfigError, Finding, Node},
    id::Kind,
    pipeline::Ingest,
    running::Running,
    tls,
};

/// The key of a receiver's config. The plugin is not given it.
pub(in crate::plugin) const KEY: &str = "proxy_server";

/// The value of the key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::plugin) struct ProxyServerConfig {
    /// Spanloom's own key: without the proxy, no region is needed.
    enabled: bool,
    #[serde(rename = "..proxy")]
    proxy: ProxyConfig,
    /// Whether the config says where the proxy listens.
    #[serde(skip)]
    has_endpoint: bool,
}

impl Default for ProxyServerConfig {
    fn default() -> ProxyServerConfig {
        ProxyServerConfig { enabled: true, proxy: ProxyConfig::default(), has_endpoint: false }
    }
}

impl Builtin {
    /// Returns whether the host serves a proxy beside each component of this plugin.
    pub(in crate::plugin) fn has_proxy_server(&self) -> bool {
        (self.kind, self.name) == (Kind::Receiver, "awsxray")
    }
}

impl ProxyServerConfig {
    /// Reads the key of a receiver's config. Without it, the defaults hold.
    pub(in crate::plugin) fn read(receiver: &Node) -> Result<ProxyServerConfig, ConfigError> {
        let Some(node) = receiver.get(KEY).filter(|node| !node.is_null()) else {
            return Ok(ProxyServerConfig::default());
        };
        let mut config: ProxyServerConfig = node.read_valid(|config: &Self| config.proxy.validate())?;
        config.has_endpoint = node.get("endpoint").is_some_and(|endpoint| !endpoint.is_null());
        Ok(config)
    }

    /// Returns the warnings about the key of a valid config.
    pub(in crate::plugin) fn doubts(receiver: &Node) -> Vec<Finding> {
        let Some(node) = receiver.get(KEY) else { return Vec::new() };
        let of_tls = node.get("tls").into_iter().flat_map(tls::doubts);
        node.unused::<ProxyServerConfig>().into_iter().chain(of_tls).collect()
    }

    /// Puts the proxy beside a receiver, if the config wants it.
    ///
    /// # Errors
    /// No region is known, or a file of `tls` cannot be used. The keys of the error are below `proxy_server`.
    pub(in crate::plugin) async fn beside(
        self,
        receiver: Arc<dyn Receiver>,
        id: &str,
    ) -> Result<Arc<dyn Receiver>, ConfigError> {
        if !self.enabled {
            return Ok(receiver);
        }
        let proxy = self.proxy.build().await.map_err(|error| said_how_to_leave_it_out(error).below(KEY))?;
        Ok(Arc::new(WithProxy { receiver, proxy, id: id.to_owned(), has_endpoint: self.has_endpoint }))
    }
}

fn said_how_to_leave_it_out(error: ConfigError) -> ConfigError {
    let help = "it forwards the X-Ray SDKs' requests for sampling rules; `proxy_server: { enabled: false }` leaves it out";
    let findings = error.into_findings().into_iter().map(|finding| finding.help(help)).collect();
    // There is a finding, so this is an error.
    ConfigError::from_findings(findings).err().unwrap_or_else(|| ConfigError::new(help))
}

/// A receiver, and the proxy that starts and ends with it.
struct WithProxy {
    receiver: Arc<dyn Receiver>,
    proxy: ProxyServer,
    id: String,
    has_endpoint: bool,
}

#[async_trait::async_trait]
impl Receiver for WithProxy {
    async fn check_files(&self) -> anyhow::Result<()> {
        self.receiver.check_files().await
    }

    async fn start(&self, ingest: Ingest, running: &Running) -> anyhow::Result<()> {
        let id = &self.id;
        let bound = self.proxy.bind(running).await.with_context(|| format!("{id}: {KEY}"));
        let listeners = match bound {
            Ok(listeners) => listeners,
            Err(error) if self.has_endpoint => return Err(error),
            // As in the Collector, which says nothing: several receivers, or the extension `awsproxy`, may have the
            // default endpoint in one config.
            Err(error) => {
                tracing::warn!(component = id, "it receives segments without `{KEY}`: {error:#}");
                Vec::new()
            }
        };
        self.receiver.start(ingest, running).await?;
        self.proxy.serve(listeners, id, running);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<ProxyServerConfig, ConfigError> {
        ProxyServerConfig::read(&Node::parse("otel.yaml", yaml).unwrap())
    }

    /// Scenario: the key is left out, empty, has the Collector's keys, or leaves the proxy out.
    /// Guarantees: the proxy is there unless `enabled` says otherwise, and an own endpoint is told from the default.
    #[test]
    fn the_proxy_is_there_unless_it_is_left_out() {
        for (yaml, expected) in [
            ("endpoint: 127.0.0.1:1", (true, false)),
            ("proxy_server:", (true, false)),
            ("proxy_server: { region: us-east-1 }", (true, false)),
            ("proxy_server: { endpoint: 0.0.0.0:2000, local_mode: true }", (true, true)),
            ("proxy_server: { enabled: false }", (false, false)),
        ] {
            let config = read(yaml).unwrap();
            assert_eq!((config.enabled, config.has_endpoint), expected, "{yaml}");
        }
    }

    /// Scenario: keys below `proxy_server` are unknown or have values that cannot work.
    /// Guarantees: each is refused at its place.
    #[test]
    fn what_cannot_work_is_refused_at_its_place() {
        for (yaml, said) in [
            ("proxy_server: { regio: us-east-1 }", "unknown key `regio`"),
            ("proxy_server: { endpoint: here }", "not host:port"),
            ("proxy_server: { role_arn: x }", "must begin with `arn:`"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.to_string().contains(said), "{yaml}: {error}");
            assert!(error.to_string().contains("proxy_server"), "{yaml}: {error}");
        }
    }
}
