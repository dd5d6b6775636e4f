//! A processor plugin in the path of a batch.

use std::sync::Arc;

use futures::future::join_all;

use super::Stage;
use crate::{
    pipeline::{Batch, Consumer, Refused, fan_out::gather},
    plugin::{
        guest::plugin::Plugin,
        load::{card::Role, description::Concurrency},
        pool::{
            GuestUsage, Lane, Outcome, Route,
            live::Live,
            see_through::see_through,
            settings::StageSettings,
            tending::{Settle, Tending},
        },
    },
    receipt::ledger::Account,
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
        let takes = self.stage.pool.current().plugin.description.signals.contains(&batch.data.signal());
        if !takes {
            return self.stage.next.consume(batch).await;
        }
        if self.stage.pool.concurrency == Concurrency::Stateless {
            return self.stage.process(batch).await;
        }
        // Its guests may hold batches of several senders: none of them may end a call by going away.
        let stage = self.stage.clone();
        let call = Box::pin(async move { stage.process(batch).await });
        see_through(&self.stage.pool.component, call).await.unwrap_or(Ok(()))
    }

    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        self.stage.next.accounts()
    }
}

impl Stage {
    /// Each part of the batch in the instance that its traces belong to.
    async fn process(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let Some(route) = self.pool.route() else {
            return Box::pin(self.fall_back(Stage::left_alone(batch), true)).await;
        };
        let parts = route.share_out(batch);
        match parts.into_inner() {
            Ok([(lane, part)]) => {
                let outcome = Stage::call(lane, part).await;
                route.note([(lane, outcome.error())]).await;
                self.conclude(outcome).await
            }
            Err(parts) => Box::pin(self.process_parts(&route, parts)).await,
        }
    }

    async fn process_parts(
        &self,
        route: &Route<'_>,
        parts: impl IntoIterator<Item = (Lane<'_>, Batch)>,
    ) -> Result<(), Box<Refused>> {
        let calls = parts.into_iter().map(async |(lane, part)| (lane, Stage::call(lane, part).await));
        let outcomes = join_all(calls).await;
        route.note(outcomes.iter().map(|(lane, outcome)| (*lane, outcome.error()))).await;
        gather(join_all(outcomes.into_iter().map(|(_, outcome)| self.conclude(outcome))).await)
    }

    async fn call(Lane { pool, place }: Lane<'_>, batch: Batch) -> Outcome {
        let copies = pool.copies(&batch.data);
        let outcome = pool.process(place, batch).await;
        if let Some(copies) = copies {
            copies.compare(place, &outcome);
        }
        outcome
    }

    async fn conclude(&self, outcome: Outcome) -> Result<(), Box<Refused>> {
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
}
