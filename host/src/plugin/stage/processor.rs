//! A processor plugin in the path of a batch.

use std::{sync::Arc, time::Instant};

use super::{
    Stage,
    call::{InPath, pass},
};
use crate::{
    pipeline::{Batch, Consumer, Refused},
    plugin::{
        guest::{failure::CallError, instance::Undone, plugin::Plugin},
        load::card::Role,
        pool::{
            GuestUsage, Lane, Outcome, Pool,
            live::Live,
            settings::StageSettings,
            tending::{Settle, Tending},
        },
    },
    receipt::ledger::Account,
    telemetry::Telemetry,
};

/// Gives each batch to a guest, and passes on what the guest returns.
pub struct PluginProcessor {
    stage: Arc<Stage>,
    tending: Tending,
}

impl PluginProcessor {
    pub async fn start(
        plugin: &Arc<Plugin>,
        settings: &StageSettings,
        telemetry: &Arc<Telemetry>,
        next: Arc<dyn Consumer>,
    ) -> anyhow::Result<PluginProcessor> {
        let pool = settings.pool(plugin, Role::Processor, telemetry).await?;
        let stage = Arc::new(Stage::new(pool, next, telemetry.processor(&settings.component)));
        let tending = Tending::start(&stage.pool, stage.clone()).await?;
        Ok(PluginProcessor { stage, tending })
    }

    pub fn live(&self) -> Live {
        self.stage.pool.live()
    }

    /// Returns what the guests use now.
    pub fn usage(&self) -> GuestUsage {
        self.stage.pool.usage()
    }

    /// Passes on what the guests still hold. Called when no batch will follow.
    pub async fn shutdown(&self) {
        self.tending.shutdown().await;
    }
}

#[async_trait::async_trait]
impl Consumer for PluginProcessor {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let takes = self.stage.pool.current().plugin.description.signals.contains(&batch.data.signal());
        if !takes {
            return self.stage.next.consume(batch).await;
        }
        self.stage.metrics.incoming(&batch.data);
        pass(&self.stage, Box::new(batch)).await
    }

    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        self.stage.next.accounts()
    }
}

/// A processor adds nothing to a [`Stage`].
impl InPath for Stage {
    type Answer = Outcome;

    fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    async fn call(&self, Lane { pool, place }: Lane<'_>, batch: Box<Batch>) -> Outcome {
        let copies = pool.copies(&batch.data);
        let timed = self.metrics.is_timed().then(|| (batch.data.signal(), Instant::now()));
        let outcome = pool.process(place, batch).await;
        if let Some((signal, begun)) = timed {
            self.metrics.took(signal, begun.elapsed());
        }
        if let Some(copies) = copies {
            copies.compare(place, &outcome);
        }
        outcome
    }

    fn error(outcome: &Outcome) -> Option<&CallError> {
        outcome.error()
    }

    async fn conclude(&self, outcome: Outcome) -> Result<(), Box<Refused>> {
        match outcome {
            Outcome { passed, undone: None, lost: None } if !passed.mixed => self.hand_on(passed).await,
            // Senders whose batches a guest held have been answered, so nothing can be refused to this
            // sender.
            Outcome { passed, undone, lost } => {
                self.settle(vec![Outcome { passed, undone: None, lost }]).await;
                match undone {
                    Some(undone) => Box::pin(self.fall_back(*undone, true)).await,
                    None => Ok(()),
                }
            }
        }
    }

    async fn left_alone(&self, batch: Box<Batch>, error: CallError) -> Result<(), Box<Refused>> {
        self.fall_back(Undone::holding(error, vec![*batch]), true).await
    }
}
