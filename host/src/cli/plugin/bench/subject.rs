//! A subject of a measurement: the path of a batch from the bytes of one request to the bytes of another,
//! with or without a plugin.

use std::sync::Arc;

use anyhow::{anyhow, bail};
use bytes::Bytes;
use wire::{Batch, Signal};

use crate::{
    component::Exporter as _,
    pipeline::{self, Consumer, Ingest, Refused},
    plugin::{
        GuestUsage, Plugin, PluginConnector, PluginExporter, PluginProcessor, PluginReceiver, PluginSampler,
        Role, StageSettings,
    },
    telemetry::Telemetry,
};

/// A subject of a measurement.
pub(super) struct Subject {
    pub(super) name: String,
    stage: Stage,
    given: Given,
}

/// What a subject is given in one pass.
#[derive(Clone)]
pub(super) enum Given {
    /// OTLP requests, one after another.
    Otlp(Arc<[(Signal, Bytes)]>),
    /// The body of a request to a receiver.
    Body(Bytes),
}

enum Stage {
    None,
    Processor(PluginProcessor),
    Sampler(PluginSampler),
    Exporter(PluginExporter),
    Connector(PluginConnector),
    Receiver(PluginReceiver),
}

impl Subject {
    pub(super) fn without_plugin(given: Given) -> Subject {
        Subject { name: "no plugin".to_owned(), stage: Stage::None, given }
    }

    pub(super) async fn start(
        name: &str,
        plugin: &Arc<Plugin>,
        settings: &StageSettings,
        given: Given,
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
            Role::Receiver => {
                Stage::Receiver(PluginReceiver::without_ports(plugin, settings, &telemetry).await?)
            }
        };
        Ok(Subject { name: name.to_owned(), stage, given })
    }

    /// Passes what the subject is given through the whole path.
    pub(super) async fn pass(&self) -> anyhow::Result<()> {
        match (&self.given, &self.stage) {
            (Given::Body(body), Stage::Receiver(receiver)) => receive(receiver, None, body).await.map(drop),
            (Given::Body(_), _) => bail!("only a receiver is given the body of a request"),
            (Given::Otlp(requests), Stage::Receiver(receiver)) => {
                for (signal, request) in requests.iter() {
                    receive(receiver, Some(otlp_path(*signal)), request).await?;
                }
                Ok(())
            }
            (Given::Otlp(requests), _) => {
                for (signal, request) in requests.iter() {
                    self.pass_batch(Batch::decode(*signal, request.clone())?).await?;
                }
                Ok(())
            }
        }
    }

    async fn pass_batch(&self, data: Batch) -> anyhow::Result<()> {
        let refused = match &self.stage {
            Stage::Receiver(_) => bail!("a receiver is given requests, and no batches"),
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
            Stage::Receiver(stage) => stage.usage(),
        }
    }

    pub(super) async fn stop(self) {
        match self.stage {
            Stage::Processor(stage) => stage.shutdown().await,
            Stage::Exporter(stage) => stage.shutdown().await,
            Stage::Connector(stage) => stage.shutdown().await,
            Stage::None | Stage::Sampler(_) | Stage::Receiver(_) => {}
        }
    }
}

/// Gives a receiver a request, and returns the telemetry of its reply.
///
/// # Errors
/// The plugin failed, or rejects the request.
pub(super) async fn receive(
    receiver: &PluginReceiver,
    path: Option<&str>,
    body: &Bytes,
) -> anyhow::Result<Vec<Batch>> {
    let tried = receiver.try_on(path, body.clone()).await.map_err(|wrong| anyhow!(wrong))?;
    if let Some(reason) = tried.rejected {
        bail!("the request is rejected: {reason}");
    }
    for batch in &tried.batches {
        std::hint::black_box(batch.chunks());
    }
    Ok(tried.batches)
}

/// Returns the path of OTLP over HTTP.
fn otlp_path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/v1/traces",
        Signal::Metrics => "/v1/metrics",
        Signal::Logs => "/v1/logs",
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
