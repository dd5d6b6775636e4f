//! Drains the parts that a reload replaced. A part closes once no other part leads to it, so parts close from
//! the front to the back.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::graph::{Chain, Graph, Intake, Junction, Outlet};

/// Parts that the current config does not use, and that still drain.
#[derive(Default)]
pub(super) struct Draining {
    /// Receivers, processors and connectors. They pass their data on to exporters that may be in use.
    pub(super) stages: TaskTracker,
    pub(super) exporters: TaskTracker,
}

impl Draining {
    /// Drains the parts of `before` that are not in `next`, in the background. Receivers have three quarters
    /// of the timeout, the waves behind them share the next eighth, and exporters have the rest.
    pub(super) fn retire(&self, before: Graph, next: &Graph, timeout: Duration) {
        let start = Instant::now();
        for (id, intake) in before.receivers {
            if !next.receivers.get(&id).is_some_and(|one| one.is(&intake)) {
                self.stages.spawn(retire_receiver(intake, start + timeout * 3 / 4));
            }
        }
        let waves = u32::try_from(before.waves.len()).unwrap_or(u32::MAX).max(1);
        for (wave, number) in std::iter::zip(before.waves, 0..) {
            let part = |parts: u32| start + timeout * 3 / 4 + timeout / 8 * parts / (2 * waves);
            let chains = wave.chains.into_iter().filter(|chain| !next.chains().any(|one| one.is(chain)));
            for chain in chains {
                self.stages.spawn(retire_chain(chain, part(2 * number), part(2 * number + 1)));
            }
            let connectors = wave.connectors.into_iter();
            for connector in connectors.filter(|known| !next.connectors().any(|one| one.is(known))) {
                self.stages.spawn(retire_connector(connector, part(2 * number + 1), part(2 * number + 2)));
            }
        }
        for (id, outlet) in before.exporters {
            if !next.exporters.get(&id).is_some_and(|one| one.is(&outlet)) {
                self.exporters.spawn(retire_exporter(outlet, start + timeout * 7 / 8, start + timeout));
            }
        }
    }
}

async fn retire_receiver(Intake { running, .. }: Intake, deadline: Instant) {
    running.stop.cancel();
    running.tasks.close();
    if timeout_at(deadline, running.tasks.wait()).await.is_err() {
        tracing::warn!(
            "some senders' requests were still under way when a receiver that was replaced closed"
        );
    }
}

async fn retire_chain(chain: Chain, fed_until: Instant, deadline: Instant) {
    // If the pipeline is still fed after `fed_until`, calls under way may find a processor closed. They count
    // the items that they lose.
    let _ = timeout_at(fed_until, chain.leads.ended()).await;
    for stage in &chain.stages {
        stage.processor.shutdown(deadline).await;
    }
    tracing::debug!(pipeline = %chain.id, "has drained");
}

async fn retire_connector(
    Junction { id, connector, leads, .. }: Junction,
    fed_until: Instant,
    deadline: Instant,
) {
    let _ = timeout_at(fed_until, leads.ended()).await;
    connector.shutdown(deadline).await;
    tracing::debug!(connector = %id, "has drained");
}

async fn retire_exporter(Outlet { sending, leads, .. }: Outlet, fed_until: Instant, deadline: Instant) {
    let _ = timeout_at(fed_until, leads.ended()).await;
    sending.shutdown(deadline).await;
}
