//! A connector plugin between pipelines.

use std::sync::Arc;

use futures::future::join_all;
use wire::Signal;

use crate::{
    pipeline::{
        Batch, Consumer, Ingest, Refused,
        fan_out::gather,
        ingest::{Acknowledge, Door},
    },
    plugin::{
        config::OnFailure,
        guest::{
            custody::Passed,
            failure::{CallError, CallErrorKind},
            instance::Undone,
            plugin::Plugin,
        },
        load::card::Role,
        pool::{
            GuestUsage, Outcome, Pool,
            breaker::left_alone,
            live::Live,
            see_through::see_through,
            settings::StageSettings,
            tending::{Settle, Tending},
        },
        stage,
    },
    telemetry::Telemetry,
};

/// Gives each batch to a guest, and takes what comes of it into other pipelines.
pub struct PluginConnector {
    junction: Arc<Junction>,
    tending: Tending,
}

/// Where one pipeline ends and others begin.
struct Junction {
    pool: Arc<Pool>,
    /// Into the pipelines of traces, metrics and logs.
    doors: [Door; 3],
}

impl PluginConnector {
    /// What it emits goes into the pipelines that `ingest` leads to.
    pub async fn start(
        plugin: &Arc<Plugin>,
        settings: &StageSettings,
        telemetry: &Arc<Telemetry>,
        ingest: &Ingest,
    ) -> anyhow::Result<PluginConnector> {
        let pool = settings.pool(plugin, Role::Connector, telemetry).await?;
        let door = |signal| ingest.door(signal, Door::CONNECTOR, Acknowledge::Accepted);
        let doors = Signal::ALL.map(door);
        let junction = Arc::new(Junction { pool, doors });
        let tending = Tending::start(&junction.pool, junction.clone()).await?;
        Ok(PluginConnector { junction, tending })
    }

    pub fn live(&self) -> Live {
        self.junction.pool.live()
    }

    /// What its guests use at this moment.
    pub fn usage(&self) -> GuestUsage {
        self.junction.pool.usage()
    }

    /// Called when no batch will follow: what the guests still have to say goes on.
    pub async fn shutdown(&self) {
        self.tending.shutdown().await;
    }
}

#[async_trait::async_trait]
impl Consumer for PluginConnector {
    /// Once the call has been made its outcome goes on, whether the sender is still there or not.
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let junction = self.junction.clone();
        let call = Box::pin(async move { junction.consume(batch).await });
        see_through(&self.junction.pool.component, call).await.unwrap_or(Ok(()))
    }
}

impl Junction {
    /// Each part of the batch in the instance that its traces belong to.
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let Some(route) = self.pool.route() else {
            return self.fall_back(batch, &Undone::holding(left_alone(), Vec::new()));
        };
        // The guest is given the data; what is owed for it stays here, and is settled by how the call ends.
        let calls = route.share_out(batch).into_iter().map(async |(lane, part)| {
            let data = Batch::owed_to_nobody(part.data.clone());
            (lane, part, lane.pool.process(lane.place, data).await)
        });
        let outcomes = join_all(calls).await;
        route.note(outcomes.iter().map(|(lane, _, outcome)| (*lane, outcome.error()))).await;
        gather(join_all(outcomes.into_iter().map(|(_, part, outcome)| self.conclude(part, outcome))).await)
    }

    async fn conclude(&self, batch: Batch, outcome: Outcome) -> Result<(), Box<Refused>> {
        let Outcome { passed, undone, lost } = outcome;
        let settled = match &undone {
            None => {
                batch.delivered();
                Ok(())
            }
            Some(undone) => self.fall_back(batch, undone),
        };
        self.settle(vec![Outcome { passed, undone: None, lost }]).await;
        settled
    }

    /// What `on_failure` says. There is nothing to pass on in the place of what the plugin would have made.
    fn fall_back(&self, batch: Batch, undone: &Undone) -> Result<(), Box<Refused>> {
        let drops = self.pool.on_failure() == OnFailure::Drop;
        let consequence = if drops { "the batch is dropped" } else { "the batch is rejected" };
        self.pool.metrics.report(&self.pool.plugin(), &undone.error, consequence);
        let failure = stage::failure(&undone.error, undone.retry_after);
        if drops {
            batch.dropped(&failure);
            return Ok(());
        }
        Err(batch.refused(failure))
    }

    async fn bring(&self, passed: Passed) {
        for batch in passed.onward {
            let data = batch.into_data();
            let signal = data.signal();
            if !self.pool.plugin().emits.contains(&signal) {
                let wrong = format!("it passed on {signal}, which it does not say that it emits");
                let error = CallError::new(CallErrorKind::WrongAnswer, wrong);
                self.pool.metrics.report(&self.pool.plugin(), &error, "they go nowhere");
            } else if let Some(door) = self.doors.get(signal as usize) {
                door.bring(data).await;
            }
        }
    }
}

#[async_trait::async_trait]
impl Settle for Junction {
    async fn settle(&self, outcomes: Vec<Outcome>) {
        for Outcome { passed, undone, lost } in outcomes {
            self.bring(passed).await;
            for undone in [lost, undone].into_iter().flatten() {
                self.pool.metrics.report(&self.pool.plugin(), &undone.error, "what it held is lost");
            }
        }
    }
}
