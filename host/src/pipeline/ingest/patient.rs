//! Ingest for senders that never send again, such as those of datagrams.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::{Door, Entrance};
use crate::{
    memory,
    pipeline::{Batch, Refused},
    receipt::{Failure, Reason, Receipt},
};

/// The pauses before a pipeline is asked again.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Door {
    /// Hands data to every pipeline. A pipeline that refuses it for the moment is asked again, with growing pauses,
    /// for as long as `patience`. Then the data is dropped for that pipeline, with the pipeline's reason.
    ///
    /// The data counts as received from the beginning, so the accounts have what is lost.
    pub async fn bring_patiently(&self, data: wire::Batch, patience: Duration) {
        let entrances = self.ingest.entrances(self.signal);
        if entrances.is_empty() {
            // The last pipeline has just been removed.
            return self.metrics().refused(data.items());
        }
        self.metrics().accepted(data.items());
        let until = Instant::now() + patience;
        join_all(entrances.iter().map(|entrance| bring(&data, entrance, until))).await;
    }
}

async fn bring(data: &wire::Batch, entrance: &Entrance, until: Instant) {
    let mut batch = Batch::enter(data.clone(), Receipt::unawaited(), entrance.accounts.clone());
    let mut pause = FIRST_PAUSE;
    loop {
        let outcome = match memory::has_room(0) {
            Ok(()) => entrance.first.consume(batch).await,
            Err(short) => Err(batch.refused(Failure::retryable(Reason::MemoryShort, short.to_string()))),
        };
        let Err(refused) = outcome else { return };
        let Refused { batch: back, failure } = *refused;
        if back.owed() == 0 {
            // A queue with `wait_for_result` has settled the items.
            return;
        }
        if !failure.is_retryable() || Instant::now() + pause > until {
            return back.dropped(&failure);
        }
        batch = back;
        // The stages may have changed the data that comes back. Its shares are for all of it.
        batch.data = data.clone();
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use wire::{RequestWriter, Signal};

    use super::*;
    use crate::{
        pipeline::{Consumer, Ingest, ingest::Acknowledge},
        receipt::ledger::Balance,
        telemetry::Telemetry,
    };

    /// A pipeline that takes the data of a batch away and refuses it, so many times.
    struct Busy {
        left: AtomicUsize,
        failure: fn() -> Failure,
    }

    #[async_trait::async_trait]
    impl Consumer for Busy {
        async fn consume(&self, mut batch: Batch) -> Result<(), Box<Refused>> {
            if self.left.load(Relaxed) == 0 {
                assert_eq!(batch.items(), 3);
                batch.delivered();
                return Ok(());
            }
            self.left.fetch_sub(1, Relaxed);
            batch.data = spans(1);
            Err(batch.refused((self.failure)()))
        }
    }

    fn spans(count: usize) -> wire::Batch {
        let mut writer = RequestWriter::traces();
        {
            let mut resource = writer.resource(|_| ());
            let mut scope = resource.scope(|_| ());
            for _ in 0..count {
                scope.span(|span| {
                    span.trace_id([1; 16]).span_id([2; 8]).name("x");
                });
            }
        }
        wire::Batch::decode(Signal::Traces, writer.finish().into()).unwrap()
    }

    /// Returns what becomes of three spans in two pipelines, of which one refuses them so many times.
    async fn brought(refusals: usize, failure: fn() -> Failure) -> (Vec<Balance>, String) {
        let telemetry = Telemetry::new();
        let entrance = |name: &str, left| Entrance {
            first: Arc::new(Busy { left: AtomicUsize::new(left), failure }),
            accounts: [telemetry.ledger.open(name, "to")].into(),
            lead: None,
        };
        let entrances = vec![entrance("traces/busy", refusals), entrance("traces/free", 0)];
        let ingest = Ingest::new("x", telemetry.clone(), [entrances, Vec::new(), Vec::new()]);
        let door = ingest.door(Signal::Traces, "udp", Acknowledge::Accepted);
        door.bring_patiently(spans(3), Duration::from_secs(5)).await;
        (telemetry.ledger.balances(), telemetry.render())
    }

    fn full() -> Failure {
        Failure::retryable(Reason::QueueFull, "full")
    }

    fn wrong() -> Failure {
        Failure::permanent(Reason::Rejected, "wrong")
    }

    /// Scenario: a pipeline refuses a batch several times for the moment, for good, or for longer than the patience.
    /// Guarantees: it gets the whole batch in the end, or the items are dropped with its reason. Another pipeline has the
    /// batch at once, and once.
    #[tokio::test(start_paused = true)]
    async fn what_a_pipeline_refuses_is_brought_again_and_then_dropped() {
        for (refusals, failure, expected) in [
            (7, full as fn() -> Failure, (3, Vec::new())),
            (1, wrong, (0, vec![(Reason::Rejected, 3)])),
            (1000, full, (0, vec![(Reason::QueueFull, 3)])),
        ] {
            let (balances, metrics) = brought(refusals, failure).await;
            let [busy, free] = balances.try_into().unwrap();
            assert_eq!((busy.received, busy.delivered, busy.dropped.clone()), (3, expected.0, expected.1));
            assert!(busy.holds() && busy.in_flight == 0, "{busy:?}");
            assert_eq!((free.received, free.delivered), (3, 3));
            let accepted = r#"otelcol_receiver_accepted_spans{receiver="x",transport="udp"} 3"#;
            assert!(metrics.contains(accepted), "{metrics}");
        }
    }
}
