//! `awsproxy`: forwards requests to an AWS service and signs them, for applications without credentials.

use std::sync::Arc;

use anyhow::Context;

use crate::{
    aws::ProxyConfig,
    component::{BuiltExtension, Endpoint, ExtensionFactory, Factory},
    config::{ConfigError, Finding, Node},
    running::Running,
    telemetry::Health,
    tls,
};

pub struct AwsProxyFactory;

struct AwsProxy(ProxyConfig);

impl Factory for AwsProxyFactory {
    fn name(&self) -> &str {
        "awsproxy"
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(ProxyConfig::validate).map(drop)
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        let mut doubts = config.unused::<ProxyConfig>();
        doubts.extend(config.get("tls").into_iter().flat_map(tls::doubts));
        doubts
    }
}

impl ExtensionFactory for AwsProxyFactory {
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError> {
        let endpoint = AwsProxy(config.read_valid(ProxyConfig::validate)?);
        Ok(BuiltExtension { endpoint: Some(Box::new(endpoint)), ..BuiltExtension::default() })
    }
}

#[async_trait::async_trait]
impl Endpoint for AwsProxy {
    async fn start(&self, _health: Arc<Health>, running: &Running) -> anyhow::Result<()> {
        let proxy = self.0.build().await?;
        let listeners = proxy.bind(running).await.context("awsproxy: endpoint")?;
        proxy.serve(listeners, "awsproxy", running);
        Ok(())
    }
}
