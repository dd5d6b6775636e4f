//! `forward`: joins pipelines of one signal, to merge several into one or to split one into several.

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

/// It has no settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardConfig {}

/// A batch goes on as it came, with what is owed for it: a sender that waits for delivery waits for what comes behind.
struct ForwardConnector {
    /// Of traces, metrics and logs.
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
    /// It holds nothing.
    async fn shutdown(&self, _: Instant) {}
}
