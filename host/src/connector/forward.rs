//! The connector `forward` joins pipelines of one signal, to merge several or to split one.

use std::sync::Arc;

use serde::Deserialize;
use tokio::time::Instant;
use wire::Signal;

use crate::{
    component::{BuildContext, Connector, ConnectorFactory, Factory},
    config::{ConfigError, Node},
    pipeline::{
        Batch, Consumer, Ingest, Refused,
        ingest::{Acknowledge, Door},
    },
};

#[derive(Debug)]
pub struct ForwardFactory;

/// The config of `forward`, which has no keys.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardConfig {}

/// Hands each batch on as it came, with its receipts. So a sender that waits for delivery also waits for the
/// pipelines behind.
struct ForwardConnector {
    /// The doors for traces, metrics and logs.
    doors: [Door; 3],
}

impl Factory for ForwardFactory {
    fn name(&self) -> &str {
        "forward"
    }

    fn signals(&self) -> &[Signal] {
        &Signal::ALL
    }

    fn emits(&self) -> &[Signal] {
        &Signal::ALL
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read::<ForwardConfig>().map(|_| ())
    }
}

#[async_trait::async_trait]
impl ConnectorFactory for ForwardFactory {
    fn connects(&self, from: Signal, to: Signal) -> bool {
        from == to
    }

    async fn build(
        &self,
        config: &Node,
        _: &BuildContext<'_>,
        ingest: Ingest,
    ) -> Result<Arc<dyn Connector>, ConfigError> {
        self.check(config)?;
        let door = |signal| ingest.door(signal, Door::CONNECTOR, Acknowledge::Accepted);
        Ok(Arc::new(ForwardConnector { doors: Signal::ALL.map(door) }))
    }
}

#[async_trait::async_trait]
impl Consumer for ForwardConnector {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let [traces, metrics, logs] = &self.doors;
        let door = match batch.data.signal() {
            Signal::Traces => traces,
            Signal::Metrics => metrics,
            Signal::Logs => logs,
        };
        door.forward(batch).await
    }
}

#[async_trait::async_trait]
impl Connector for ForwardConnector {
    /// Does nothing, because the connector holds no data.
    async fn shutdown(&self, _: Instant) {}
}
