//! Changes the config of a running service. New parts are built, then connected, and then the replaced parts
//! drain. The running parts stay in use until every step that can fail has succeeded.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use tokio::time::timeout;

use super::{
    Service,
    changes::Changes,
    graph::{Change, Graph, Intake, Plan, plan},
    hold_to_memory_limit,
};
use crate::{
    config::{Config, Node, ServiceConfig},
    id::ComponentId,
    plugin::Live,
    running::{Offer, Running},
    service::Opened,
};

/// How long a receiver may take to stop listening.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);

/// The part of the config that only a restart can change.
pub(super) struct Fixed {
    service: ServiceConfig,
    extensions: Vec<Option<Node>>,
}

impl Fixed {
    pub(super) fn of(config: &Config) -> Fixed {
        let extensions = config.service.extensions.iter();
        let extensions = extensions.map(|id| config.extensions.get(id).cloned()).collect();
        Fixed { service: config.service.clone(), extensions }
    }

    /// # Errors
    /// A key has changed. The error names the key.
    fn check(&self, config: &Config) -> anyhow::Result<()> {
        let Fixed { service: before, extensions } = self;
        let next = &config.service;
        let keys = [
            ("service.extensions", before.extensions == next.extensions),
            ("service.telemetry", before.telemetry == next.telemetry),
            ("service.admin", before.admin == next.admin),
        ];
        for (key, is_same) in keys {
            anyhow::ensure!(is_same, "`{key}` changed: restart Spanloom to apply it");
        }
        for (id, known) in std::iter::zip(&before.extensions, extensions) {
            let is_same = match (known, config.extensions.get(id)) {
                (Some(known), Some(next)) => known.says_as(next),
                (known, next) => known.is_none() && next.is_none(),
            };
            anyhow::ensure!(is_same, "`extensions.{id}` changed: restart Spanloom to apply it");
        }
        Ok(())
    }
}

impl Service {
    /// Makes the service run the config. Unchanged parts continue: receivers keep their connections,
    /// exporters their queues, and processors what they hold. Replaced parts drain in the background, within
    /// `shutdown_timeout`.
    ///
    /// `may` is called last, with the plugins that stay unchanged. If it fails, the reload fails.
    ///
    /// # Errors
    /// A part cannot be built or started, a change requires a restart, or `may` fails. The previous config
    /// then still runs.
    pub async fn reload(
        &mut self,
        opened: &Opened,
        may: impl FnOnce(&[Live]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Changes> {
        self.fixed.check(&opened.config)?;
        let (plan, outcome) = plan(opened, &self.telemetry, &self.extensions, &self.graph).await;
        let outcome = match outcome {
            Ok(()) => self.exchange(&plan.graph).await,
            Err(error) => Err(error.into()),
        };
        let outcome = outcome.and_then(|()| may(&plan.untouched(&self.graph)));
        match outcome {
            Ok(()) => {
                let changes = self.commit(plan).await;
                self.fixed = Fixed::of(&opened.config);
                self.shutdown_timeout = opened.config.service.shutdown_timeout.0;
                hold_to_memory_limit(&opened.config);
                Ok(changes)
            }
            Err(error) => {
                self.undo(plan).await;
                Err(error)
            }
        }
    }

    /// Connects all parts as the next graph says, and starts its receivers in place of those that they
    /// replace.
    async fn exchange(&mut self, next: &Graph) -> anyhow::Result<()> {
        next.connect();
        let (replaced, new) = (only_in(&self.graph, next), only_in(next, &self.graph));
        for (id, intake) in &new {
            intake.receiver.check_files().await.with_context(|| did_not_start(id))?;
        }
        // Senders can connect all the while, and wait for the receiver that comes next.
        let offer = Offer::default();
        for intake in replaced.values() {
            offer.add(&intake.running.sockets);
            stop_listening(intake).await;
        }
        let mut started = Ok(());
        for (id, intake) in &new {
            intake.running.sockets.may_take(&offer);
            started = start(id, intake).await;
            if started.is_err() {
                break;
            }
        }
        if started.is_err() {
            for intake in new.values() {
                offer.add(&intake.running.sockets);
                stop_listening(intake).await;
            }
            self.start_again(replaced, &offer).await;
        }
        offer.end();
        started
    }

    async fn start_again(&mut self, replaced: BTreeMap<ComponentId, Intake>, offer: &Offer) {
        for (id, before) in replaced {
            // The tasks that were told to end continue to end.
            before.running.tasks.close();
            let tasks = before.running.tasks.clone();
            self.draining.stages.spawn(async move { tasks.wait().await });
            let intake = Intake { running: Running::default(), ..before };
            intake.running.sockets.may_take(offer);
            if let Err(error) = start(&id, &intake).await {
                tracing::error!(receiver = %id, "no longer listens: {error:#}");
                self.graph.receivers.remove(&id);
            } else {
                self.graph.receivers.insert(id, intake);
            }
        }
    }

    async fn commit(&mut self, plan: Plan) -> Changes {
        for revision in plan.revisions {
            let (live, next) = match revision.change {
                Change::Plugin { live, next } => (live, next),
                Change::Native(revise) => {
                    revise();
                    continue;
                }
            };
            live.admit(next, None);
            // A canary or shadow belonged to the previous config.
            live.dismiss().await;
            let turnover = timeout(self.shutdown_timeout, async move { live.turned_over().await });
            self.draining.stages.spawn(turnover);
        }
        let before = std::mem::replace(&mut self.graph, plan.graph);
        self.draining.retire(before, &self.graph, self.shutdown_timeout);
        plan.changes
    }

    /// The parts that were built also drain, because requests may have arrived already.
    async fn undo(&mut self, plan: Plan) {
        self.graph.connect();
        if !plan.silenced.is_empty() {
            let known = self.graph.lives();
            for live in plan.graph.lives().iter().filter(|live| !known.iter().any(|known| known.is(live))) {
                live.stop_listening().await;
            }
        }
        for live in plan.silenced {
            if let Err(error) = live.listen().await {
                tracing::error!(component = live.component(), "no longer listens: {error:#}");
            }
        }
        self.draining.retire(plan.graph, &self.graph, self.shutdown_timeout);
    }
}

/// Returns the receivers of one graph that are not in the other.
fn only_in(one: &Graph, other: &Graph) -> BTreeMap<ComponentId, Intake> {
    let is_other = |(id, intake): &(&ComponentId, &Intake)| {
        !other.receivers.get(*id).is_some_and(|known| known.is(intake))
    };
    one.receivers.iter().filter(is_other).map(|(id, intake)| (id.clone(), intake.clone())).collect()
}

pub(super) async fn start(id: &ComponentId, intake: &Intake) -> anyhow::Result<()> {
    let started = intake.receiver.start(intake.ingest.clone(), &intake.running).await;
    started.with_context(|| did_not_start(id))
}

fn did_not_start(id: &ComponentId) -> String {
    format!("receiver {id} did not start")
}

/// Stops a receiver's listeners. Requests under way continue.
async fn stop_listening(intake: &Intake) {
    intake.running.stop.cancel();
    intake.running.listeners.close();
    let _ = timeout(CLOSING_TIMEOUT, intake.running.listeners.wait()).await;
}

#[cfg(test)]
mod tests;
