//! A processor plugin in the path of a batch.

use std::sync::Arc;

use futures::future::join_all;

use super::{
    Concurrency, Plugin, Role, StageSettings,
    live::Live,
    pool::{GuestUsage, Outcome, Place},
    see_through::see_through,
    stage::Stage,
    tending::{Settle, Tending},
};
use crate::{
    pipeline::{Batch, Consumer, Refused, fan_out::gather},
    telemetry::Telemetry,
};

/// Gives each batch to a guest and hands on what comes back.
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
        let stage = Arc::new(Stage::new(pool, next));
        let tending = Tending::start(&stage.pool, stage.clone()).await?;
        Ok(PluginProcessor { stage, tending })
    }

    pub fn live(&self) -> Live {
        self.stage.pool.live()
    }

    /// What its guests use at this moment.
    pub fn usage(&self) -> GuestUsage {
        self.stage.pool.usage()
    }

    /// Called when no batch will follow: what the guests still hold goes on.
    pub async fn shutdown(&self) {
        self.tending.shutdown().await;
    }
}

#[async_trait::async_trait]
impl Consumer for PluginProcessor {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let (takes, concurrency) = {
            let description = &self.stage.pool.current().plugin.description;
            (description.signals.contains(&batch.data.signal()), description.concurrency)
        };
        if !takes {
            return self.stage.next.consume(batch).await;
        }
        self.stage.learn(&batch);
        let Some(_admission) = self.stage.pool.admit() else {
            return Box::pin(self.stage.fall_back(Stage::left_alone(batch), true)).await;
        };
        if concurrency == Concurrency::Stateless {
            return self.stage.process(Place::Any, batch).await;
        }
        // Its guests may hold batches of several senders: none of them may end a call by going away.
        let stage = self.stage.clone();
        let call = Box::pin(async move {
            match concurrency {
                Concurrency::ByTrace => Box::pin(stage.process_by_trace(batch)).await,
                Concurrency::Single | Concurrency::Stateless => stage.process(Place::Slot(0), batch).await,
            }
        });
        see_through(&self.stage.pool.component, call).await
    }
}

impl Stage {
    async fn process(&self, place: Place, batch: Batch) -> Result<(), Box<Refused>> {
        let pool = self.pool.chosen();
        let copies = pool.copies(&batch.data);
        let outcome = pool.process(place, batch).await;
        pool.note(outcome.error());
        if let Some(copies) = copies {
            copies.compare(place, &outcome);
        }
        match outcome {
            Outcome { passed, undone: None, lost: None } if !passed.mixed => self.hand_on(passed).await,
            // Senders whose batches a guest held have had their answer: it can't go back to this one.
            Outcome { passed, undone, lost } => {
                self.settle(vec![Outcome { passed, undone: None, lost }]).await;
                match undone {
                    Some(undone) => Box::pin(self.fall_back(*undone, true)).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// Each part of the batch in the instance that its traces belong to.
    async fn process_by_trace(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let calls = split_by_trace(batch, self.pool.slots());
        let calls = calls.into_iter().map(|(place, part)| self.process(place, part));
        gather(join_all(calls).await)
    }
}

/// The parts of a batch, each with the slot that its traces belong to.
pub(super) fn split_by_trace(mut batch: Batch, slots: usize) -> Vec<(Place, Batch)> {
    let parts = match &batch.data {
        wire::Batch::Spans(spans) if slots > 1 => spans.split_by_trace(slots, slot_hash),
        _ => return vec![(Place::Slot(0), batch)],
    };
    let parts = (parts.into_iter().enumerate())
        .filter(|(_, part)| !part.is_empty())
        .map(|(slot, part)| (Place::Slot(slot), batch.derive(wire::Batch::Spans(part))))
        .collect();
    batch.forget();
    parts
}

/// Trace ids are random, or their last bytes are.
fn slot_hash(trace_id: &[u8; 16]) -> u64 {
    u128::from_be_bytes(*trace_id) as u64
}
