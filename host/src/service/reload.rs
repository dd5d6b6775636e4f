//! Another config for a running service. Built first, then led to, then what it replaced drains: until everything that
//! can fail has been done, what runs runs on.

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
    running::Running,
    service::Opened,
};

/// For so long a receiver that is told to stop may go on listening.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);

/// What a running service keeps as it was started.
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
    /// When a key is another; it names the key.
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
    /// Makes what runs what the config says. What it leaves as it is goes on: receivers keep their connections, exporters their
    /// queues, processors what they hold. What it replaces drains in the background, within `shutdown_timeout`.
    ///
    /// `may` is asked last, and told which plugins stay wholly as they are; what it forbids is not done.
    ///
    /// # Errors
    /// When something cannot be built or started, or changed without a restart, or may not be; then what ran before still does.
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

    /// Everything leads where the next graph has it lead, and its receivers listen in the place of those that they replace.
    async fn exchange(&mut self, next: &Graph) -> anyhow::Result<()> {
        next.connect();
        let (replaced, new) = (only_in(&self.graph, next), only_in(next, &self.graph));
        for intake in replaced.values() {
            stop_listening(intake).await;
        }
        for (id, intake) in &new {
            if let Err(error) = start(id, intake).await {
                for intake in new.values() {
                    stop_listening(intake).await;
                }
                self.start_again(replaced).await;
                return Err(error);
            }
        }
        Ok(())
    }

    async fn start_again(&mut self, replaced: BTreeMap<ComponentId, Intake>) {
        for (id, before) in replaced {
            // What it was told to end goes on ending.
            before.running.tasks.close();
            let tasks = before.running.tasks.clone();
            self.draining.stages.spawn(async move { tasks.wait().await });
            let intake = Intake { running: Running::default(), ..before };
            if let Err(error) = start(&id, &intake).await {
                tracing::error!(receiver = %id, "does not listen any more: {error:#}");
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
            // It was of the config before.
            live.dismiss().await;
            let turnover = timeout(self.shutdown_timeout, async move { live.turned_over().await });
            self.draining.stages.spawn(turnover);
        }
        let before = std::mem::replace(&mut self.graph, plan.graph);
        self.draining.retire(before, &self.graph, self.shutdown_timeout);
        plan.changes
    }

    /// What was built for nothing drains too: requests may have come in already.
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
                tracing::error!(component = live.component(), "does not listen any more: {error:#}");
            }
        }
        self.draining.retire(plan.graph, &self.graph, self.shutdown_timeout);
    }
}

/// The receivers of one graph that are not those of another.
fn only_in(one: &Graph, other: &Graph) -> BTreeMap<ComponentId, Intake> {
    let is_other = |(id, intake): &(&ComponentId, &Intake)| {
        !other.receivers.get(*id).is_some_and(|known| known.is(intake))
    };
    one.receivers.iter().filter(is_other).map(|(id, intake)| (id.clone(), intake.clone())).collect()
}

pub(super) async fn start(id: &ComponentId, intake: &Intake) -> anyhow::Result<()> {
    let started = intake.receiver.start(intake.ingest.clone(), &intake.running).await;
    started.with_context(|| format!("receiver {id} did not start"))
}

/// Requests under way go on.
async fn stop_listening(intake: &Intake) {
    intake.running.stop.cancel();
    intake.running.listeners.close();
    let _ = timeout(CLOSING_TIMEOUT, intake.running.listeners.wait()).await;
}

#[cfg(test)]
mod tests;
