//! The exporter `nop` accepts everything and sends nothing.

use std::sync::Arc;

use serde::Deserialize;
use wire::Signal;

use crate::{
    component::{
        BuildContext, BuiltExporter, ExportError, Exported, Exporter, ExporterFactory, Factory,
        SendingSettings,
    },
    config::{ConfigError, Node},
};

#[derive(Debug)]
pub struct NopFactory;

/// The config of `nop`, which has no keys.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NopConfig {}

struct NopExporter;

impl Factory for NopFactory {
    fn name(&self) -> &str {
        "nop"
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Traces, Signal::Metrics, Signal::Logs]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read::<NopConfig>().map(|_| ())
    }
}

#[async_trait::async_trait]
impl ExporterFactory for NopFactory {
    async fn build(&self, config: &Node, _: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        self.check(config)?;
        Ok(BuiltExporter { exporter: Arc::new(NopExporter), sending: SendingSettings::direct() })
    }
}

#[async_trait::async_trait]
impl Exporter for NopExporter {
    async fn export(&self, _: &wire::Batch) -> Result<Exported, ExportError> {
        Ok(Exported::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the config of `nop` is empty, or has a key.
    /// Guarantees: a key is refused by name.
    #[test]
    fn a_key_in_its_config_is_refused() {
        assert!(NopFactory.check(&Node::from_json(serde_json::json!({}))).is_ok());
        let error = NopFactory.check(&Node::from_json(serde_json::json!({ "path": "x" }))).unwrap_err();
        assert!(error.to_string().contains("path"), "{error}");
    }
}
