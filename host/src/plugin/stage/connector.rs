//! A connector plugin between pipelines.

use std::sync::Arc;

use wire::Signal;

use super::call::{InPath, pass};
use crate::{
    pipeline::{
        Batch, Consumer, Ingest, Refused,
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
            GuestUsage, Lane, Outcome, Pool,
            live::Live,
            settings::StageSettings,
            tending::{Settle, Tending},
        },
        stage,
    },
    telemetry::Telemetry,
};

/// Gives each batch to a guest, and passes the guest's output into other pipelines.
pub struct PluginConnector {
    junction: Arc<Junction>,
    tending: Tending,
}

/// The calls of one connector, and the pipelines behind it.
struct Junction {
    pool: Arc<Pool>,
    /// The doors to the pipelines of traces, metrics and logs.
    doors: [Door; 3],
}

impl PluginConnector {
    /// Starts the connector. Its output goes into the pipelines that `ingest` leads to.
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

    /// Returns what the guests use now.
    pub fn usage(&self) -> GuestUsage {
        self.junction.pool.usage()
    }

    /// Passes on the remaining output of the guests. Called when no batch will follow.
    pub async fn shutdown(&self) {
        self.tending.shutdown().await;
    }
}

#[async_trait::async_trait]
impl Consumer for PluginConnector {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        pass(&self.junction, Box::new(batch)).await
    }
}

impl InPath for Junction {
    /// A part of the batch, and the outcome of its call.
    type Answer = (Box<Batch>, Outcome);

    fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// A connector's output belongs to no sender, so it is passed on whether or not the sender is still
    /// there.
    fn outlives_senders(&self) -> bool {
        true
    }

    /// The guest gets only the data. The shares stay here, and are settled by the outcome of the call.
    async fn call(&self, lane: Lane<'_>, part: Box<Batch>) -> (Box<Batch>, Outcome) {
        let data = Box::new(Batch::owed_to_nobody(part.data.clone()));
        let outcome = lane.pool.process(lane.place, data).await;
        (part, outcome)
    }

    fn error((_, outcome): &(Box<Batch>, Outcome)) -> Option<&CallError> {
        outcome.error()
    }

    async fn conclude(&self, (batch, outcome): (Box<Batch>, Outcome)) -> Result<(), Box<Refused>> {
        let Outcome { passed, undone, lost } = outcome;
        let settled = match &undone {
            None => {
                batch.delivered();
                Ok(())
            }
            Some(undone) => self.fall_back(*batch, undone),
        };
        self.settle(vec![Outcome { passed, undone: None, lost }]).await;
        settled
    }

    async fn left_alone(&self, batch: Box<Batch>, error: CallError) -> Result<(), Box<Refused>> {
        self.fall_back(*batch, &Undone::holding(error, Vec::new()))
    }
}

impl Junction {
    /// Applies `on_failure`. Nothing can be passed on in place of the plugin's output.
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
