//! A subject of a measurement: the path of a batch from the bytes of one request to the bytes of another,
//! with or without a plugin.

use std::sync::Arc;

use anyhow::bail;
use bytes::Bytes;
use wire::{Batch, Signal};

use crate::{
    component::Exporter as _,
    pipeline::{self, Consumer, Ingest, Refused},
    plugin::{
        GuestUsage, Plugin, PluginConnector, PluginExporter, PluginProcessor, PluginSampler, Role,
        StageSettings,
    },
    telemetry::Telemetry,
};

/// A subject of a measurement.
pub(super) struct Subject {
    pub(super) name: String,
    stage: Stage,
}

enum Stage {
    None,
    Processor(PluginProcessor),
    Sampler(PluginSampler),
    Exporter(PluginExporter),
    Connector(PluginConnector),
}

impl Subject {
    pub(super) fn without_plugin() -> Subject {
        Subject { name: "no plugin".to_owned(), stage: Stage::None }
    }

    pub(super) async fn start(
        name: &str,
        plugin: &Arc<Plugin>,
        settings: &StageSettings,
    ) -> anyhow::Result<Subject> {
        let (telemetry, next) = (Telemetry::new(), Arc::new(Encode));
        let stage = match plugin.role {
            Role::Processor => {
                Stage::Processor(PluginProcessor::start(plugin, settings, &telemetry, next).await?)
            }
            Role::Sampler => Stage::Sampler(PluginSampler::start(plugin, settings, &telemetry, next).await?),
            Role::Exporter => Stage::Exporter(PluginExporter::start(plugin, settings, &telemetry).await?),
            Role::Connector => {
                let ingest = Ingest::of_one(name, &telemetry, next);
                Stage::Connector(PluginConnector::start(plugin, settings, &telemetry, &ingest).await?)
            }
            Role::Receiver => bail!("receivers are not measured: they are given requests, and no batches"),
        };
        Ok(Subject { name: name.to_owned(), stage })
    }

    /// Passes one request through the whole path.
    pub(super) async fn pass(&self, signal: Signal, request: &Bytes) -> anyhow::Result<()> {
        let data = Batch::decode(signal, request.clone())?;
        let refused = match &self.stage {
            Stage::Exporter(exporter) => return Ok(exporter.export(&data).await.map(drop)?),
            Stage::None => Encode.consume(pipeline::Batch::owed_to_nobody(data)).await,
            Stage::Processor(stage) => stage.consume(pipeline::Batch::owed_to_nobody(data)).await,
            Stage::Sampler(stage) => stage.consume(pipeline::Batch::owed_to_nobody(data)).await,
            Stage::Connector(stage) => stage.consume(pipeline::Batch::owed_to_nobody(data)).await,
        };
        if let Err(refused) = refused {
            bail!("{}", refused.failure);
        }
        Ok(())
    }

    /// Returns what the subject's guests use now.
    pub(super) fn usage(&self) -> GuestUsage {
        match &self.stage {
            Stage::None => GuestUsage::default(),
            Stage::Processor(stage) => stage.usage(),
            Stage::Sampler(stage) => stage.usage(),
            Stage::Exporter(stage) => stage.usage(),
            Stage::Connector(stage) => stage.usage(),
        }
    }

    pub(super) async fn stop(self) {
        match self.stage {
            Stage::Processor(stage) => stage.shutdown().await,
            Stage::Exporter(stage) => stage.shutdown().await,
            Stage::Connector(stage) => stage.shutdown().await,
            Stage::None | Stage::Sampler(_) => {}
        }
    }
}

/// The last stage: it encodes the batch as an exporter would.
struct Encode;

#[async_trait::async_trait]
impl Consumer for Encode {
    async fn consume(&self, batch: pipeline::Batch) -> Result<(), Box<Refused>> {
        std::hint::black_box(batch.data.chunks());
        batch.delivered();
        Ok(())
    }
}
