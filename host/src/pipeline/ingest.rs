//! The start of every pipeline: receivers hand their decoded requests to an ingest.

mod patient;

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use futures::future::join_all;
use serde::Deserialize;
use wire::{Signal, WireError};

use super::{Batch, Consumer, Metadata, Refused, lead::Lead};
use crate::{
    log_line::throttle::Throttle,
    memory::{self, MemoryShort},
    receipt::{Failure, Reason, Receipt, ledger::Account},
    telemetry::{Labels, ReceiverMetrics, Telemetry},
};

/// When the sender of a request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledge {
    /// When the request waits in memory for every destination.
    #[default]
    Accepted,
    /// When every destination has the request.
    Delivered,
}

/// The first stage of one pipeline, and the accounts of the pipeline's destinations.
#[derive(Clone)]
pub struct Entrance {
    pub first: Arc<dyn Consumer>,
    pub accounts: Arc<[Arc<Account>]>,
    /// Keeps the pipeline open, if the pipeline counts its leads.
    pub lead: Option<Lead>,
}

/// The place where one receiver's requests enter the pipelines that name the receiver. Cloning is cheap.
#[derive(Clone)]
pub struct Ingest(Arc<Inner>);

struct Inner {
    receiver: String,
    telemetry: Arc<Telemetry>,
    entrances: Entrances,
}

/// The entrances for traces, metrics and logs. A request looks them up once.
type Entrances = [ArcSwap<Vec<Entrance>>; 3];

impl Ingest {
    /// Creates an ingest. `entrances` holds the pipelines of traces, metrics and logs, in this order.
    pub fn new(receiver: &str, telemetry: Arc<Telemetry>, entrances: [Vec<Entrance>; 3]) -> Ingest {
        let entrances = entrances.map(ArcSwap::from_pointee);
        Ingest(Arc::new(Inner { receiver: receiver.to_owned(), telemetry, entrances }))
    }

    /// Replaces the entrances from the next request on. Requests under way stay on their way.
    pub fn lead_to(&self, entrances: [Vec<Entrance>; 3]) {
        for (known, entrances) in std::iter::zip(&self.0.entrances, entrances) {
            known.store(Arc::new(entrances));
        }
    }

    /// Returns an ingest for trying out a connector. Everything that the connector emits goes to one stage
    /// and is in no account.
    pub fn of_one(receiver: &str, telemetry: &Arc<Telemetry>, first: Arc<dyn Consumer>) -> Ingest {
        let entrance = |_| vec![Entrance { first: first.clone(), accounts: [].into(), lead: None }];
        Ingest::new(receiver, telemetry.clone(), Signal::ALL.map(entrance))
    }

    /// Returns whether a pipeline of this signal currently names the receiver.
    pub fn takes(&self, signal: Signal) -> bool {
        self.0.is_open(signal)
    }

    /// Returns the door for a signal over a transport (`grpc`, `http`), with its counters.
    pub fn door(&self, signal: Signal, transport: &'static str, acknowledge: Acknowledge) -> Door {
        let door = Door {
            ingest: self.0.clone(),
            signal,
            transport,
            acknowledge,
            metrics: OnceLock::new(),
            refusals: Throttle::default(),
            shortages: Throttle::default(),
            mends: Throttle::default(),
            cuts: Throttle::default(),
        };
        if door.is_open() {
            door.metrics();
        }
        door
    }
}

impl Inner {
    fn is_open(&self, signal: Signal) -> bool {
        self.entrances.get(signal as usize).is_some_and(|entrances| !entrances.load().is_empty())
    }

    fn entrances(&self, signal: Signal) -> Arc<Vec<Entrance>> {
        self.entrances.get(signal as usize).map(ArcSwap::load_full).unwrap_or_default()
    }
}

/// Accepts requests of one signal from one transport.
pub struct Door {
    ingest: Arc<Inner>,
    signal: Signal,
    transport: &'static str,
    acknowledge: Acknowledge,
    /// The counters, which exist once the door has been open.
    metrics: OnceLock<Arc<ReceiverMetrics>>,
    refusals: Throttle,
    shortages: Throttle,
    mends: Throttle,
    cuts: Throttle,
}

impl Door {
    /// Returns whether a pipeline takes requests from this door now.
    pub fn is_open(&self) -> bool {
        self.ingest.is_open(self.signal)
    }

    fn metrics(&self) -> &ReceiverMetrics {
        let Inner { receiver, telemetry, .. } = &*self.ingest;
        self.metrics.get_or_init(|| telemetry.receiver(receiver, self.transport, self.signal))
    }

    /// Hands a checked request to every pipeline and waits until the sender may be answered. An error means
    /// that no pipeline accepted the request: the sender keeps every item. Of the pipelines' failures it is the
    /// one that [outweighs](Failure::outweighs) the others.
    pub async fn submit(&self, data: wire::Batch) -> Result<(), Failure> {
        self.submit_from(data, None).await
    }

    /// Does the same for a request with metadata.
    pub async fn submit_from(
        &self,
        data: wire::Batch,
        metadata: Option<Arc<Metadata>>,
    ) -> Result<(), Failure> {
        let items = data.items();
        let outcome = match memory::has_room(0) {
            Ok(()) => self.hand_on(data, metadata).await,
            Err(short) => Err(self.memory_is_short(items, &short)),
        };
        match &outcome {
            Ok(()) => self.metrics().accepted(items),
            Err(_) => self.metrics().refused(items),
        }
        outcome
    }

    fn memory_is_short(&self, items: usize, short: &MemoryShort) -> Failure {
        if let Some(withheld) = self.shortages.admit_about(items) {
            let (receiver, transport) = (self.ingest.receiver.as_str(), self.transport);
            let items = items as u64 + withheld.items;
            tracing::warn!(
                receiver,
                transport,
                items,
                "refused, and the sender is asked to send again: {short}"
            );
        }
        Failure::retryable(Reason::MemoryShort, short.to_string())
    }

    /// Records items that were left out of a request, and the reason for the first. The sender is told.
    pub fn refused(&self, items: usize, why: &WireError) {
        self.metrics().refused(items);
        let Inner { receiver, telemetry, .. } = &*self.ingest;
        let (receiver, transport, reason) = (receiver.as_str(), self.transport, "invalid_id");
        let labels: Labels<'_> = &[("receiver", receiver), ("transport", transport), ("reason", reason)];
        telemetry.counter("spanloom_receiver_refused_items", labels).increment(items as u64);
        if let Some(withheld) = self.refusals.admit_about(items) {
            let items = items as u64 + withheld.items;
            tracing::warn!(
                receiver,
                transport,
                items,
                reason,
                "left out of what senders sent, one for {why}"
            );
        }
    }

    /// Records texts in which bytes that are not UTF-8 were replaced.
    pub fn mended(&self, texts: usize) {
        let Inner { receiver, telemetry, .. } = &*self.ingest;
        let (receiver, transport) = (receiver.as_str(), self.transport);
        let labels: Labels<'_> = &[("receiver", receiver), ("transport", transport)];
        telemetry.counter("spanloom_receiver_mended_texts", labels).increment(texts as u64);
        if let Some(withheld) = self.mends.admit_about(texts) {
            let texts = texts as u64 + withheld.items;
            tracing::warn!(
                receiver,
                transport,
                texts,
                "texts were not UTF-8; U+FFFD replaces the wrong bytes"
            );
        }
    }

    /// Records places at which values were cut because they nested too deep.
    pub fn cut(&self, cuts: usize) {
        let Inner { receiver, telemetry, .. } = &*self.ingest;
        let (receiver, transport) = (receiver.as_str(), self.transport);
        let labels: Labels<'_> = &[("receiver", receiver), ("transport", transport)];
        telemetry.counter("spanloom_receiver_cut_values", labels).increment(cuts as u64);
        if let Some(withheld) = self.cuts.admit_about(cuts) {
            let cuts = cuts as u64 + withheld.items;
            tracing::warn!(receiver, transport, cuts, "values nested too deep; what lay deeper is left out");
        }
    }

    async fn hand_on(&self, data: wire::Batch, metadata: Option<Arc<Metadata>>) -> Result<(), Failure> {
        let (receipt, verdict) = match self.acknowledge {
            Acknowledge::Accepted => (Receipt::unawaited(), None),
            Acknowledge::Delivered => {
                let (receipt, verdict) = Receipt::awaited();
                (receipt, Some(verdict))
            }
        };
        self.enter(data, metadata, receipt).await?;
        match verdict {
            Some(verdict) => verdict.wait().await,
            None => Ok(()),
        }
    }

    async fn enter(
        &self,
        data: wire::Batch,
        metadata: Option<Arc<Metadata>>,
        receipt: Receipt,
    ) -> Result<(), Failure> {
        self.give(|accounts| {
            Batch::enter(data.clone(), receipt.clone(), accounts.clone()).with_metadata(metadata.clone())
        })
        .await
    }

    /// Gives each pipeline its own batch of the same data.
    async fn give(&self, batch: impl Fn(&Arc<[Arc<Account>]>) -> Batch) -> Result<(), Failure> {
        let entrances = self.ingest.entrances(self.signal);
        if entrances.is_empty() {
            // The last pipeline has just been removed. When the sender tries again, it learns that there is
            // none.
            let message = format!("no pipeline takes {} from here any more", self.signal);
            return Err(Failure::retryable(Reason::Shutdown, message));
        }
        let calls = entrances.iter().map(|entrance| entrance.first.consume(batch(&entrance.accounts)));
        let outcomes = join_all(calls).await;
        let all_refused = outcomes.iter().all(Result::is_err);
        let mut answer: Option<Failure> = None;
        for Refused { batch, failure } in outcomes.into_iter().filter_map(Result::err).map(|refused| *refused)
        {
            if !all_refused {
                batch.dropped(&failure);
                continue;
            }
            batch.refused_to_sender(&failure);
            if answer.as_ref().is_none_or(|known| failure.outweighs(known)) {
                answer = Some(failure);
            }
        }
        answer.map_or(Ok(()), Err)
    }
}

/// The operations of connectors, which bring data from one pipeline into others.
impl Door {
    /// The transport of data from connectors.
    pub const CONNECTOR: &str = "connector";

    /// Hands a batch that left another pipeline to every pipeline, with its receipts. Returns the batch if
    /// every pipeline refuses it.
    pub async fn forward(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let items = batch.items();
        match self.give(|accounts| batch.enter_another(accounts)).await {
            Ok(()) => {
                self.metrics().accepted(items);
                batch.delivered();
                Ok(())
            }
            Err(failure) => {
                self.metrics().refused(items);
                Err(batch.refused(failure))
            }
        }
    }

    /// Hands on data that a connector made. No sender could send the data again, so a batch that a pipeline
    /// refuses is dropped. If no pipeline takes the data, it is discarded.
    pub async fn bring(&self, data: wire::Batch) {
        if !self.is_open() {
            return;
        }
        self.metrics().accepted(data.items());
        let entrances = self.ingest.entrances(self.signal);
        let calls = entrances.iter().map(|entrance| async {
            let batch = Batch::enter(data.clone(), Receipt::unawaited(), entrance.accounts.clone());
            if let Err(refused) = entrance.first.consume(batch).await {
                let Refused { batch, failure } = *refused;
                batch.dropped(&failure);
            }
        });
        join_all(calls).await;
    }
}
