//! An exporter that follows a script, and a pipeline with one account that ends in this exporter.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName};
use opentelemetry_proto::tonic as otlp;
use otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use tokio::time::{Instant, sleep};
use wire::Signal;

use super::super::Sending;
use crate::{
    component::{
        BatchSettings, ExportError, Exported, Exporter, QueueSettings, RetrySettings, SendingSettings, Sizer,
    },
    pipeline::{Batch, Consumer as _, Metadata, Refused},
    receipt::{
        Code, Reason, Receipt,
        ledger::{Account, Balance},
    },
    telemetry::Telemetry,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) type Outcome = Result<Exported, ExportError>;

/// An exporter that answers each call with the next entry of its script, and with success after the last.
pub(super) struct Fake {
    script: Mutex<VecDeque<Outcome>>,
    /// The duration of each call.
    takes: Duration,
    /// The most items that a request may have; a larger request is too large.
    largest: usize,
    started: Instant,
    calls: Mutex<Vec<(Duration, usize)>>,
    under_way: AtomicUsize,
    pub(super) most_under_way: AtomicUsize,
    pub(super) closed: AtomicUsize,
}

pub(super) struct Pipeline {
    pub(super) sending: Arc<Sending>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) fake: Arc<Fake>,
    accounts: Arc<[Arc<Account>]>,
}

impl Fake {
    pub(super) fn new(script: impl IntoIterator<Item = Outcome>) -> Fake {
        Fake {
            script: Mutex::new(script.into_iter().collect()),
            takes: Duration::ZERO,
            largest: usize::MAX,
            started: Instant::now(),
            calls: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
        }
    }

    pub(super) fn taking(self, takes: Duration) -> Fake {
        Fake { takes, ..self }
    }

    pub(super) fn at_most(self, largest: usize) -> Fake {
        Fake { largest, ..self }
    }

    /// Returns the number of items of each call, in order.
    pub(super) fn items(&self) -> Vec<usize> {
        self.calls.lock().unwrap().iter().map(|(_, items)| *items).collect()
    }

    /// Returns the second in which each call began.
    pub(super) fn started_secs(&self) -> Vec<u64> {
        self.times().iter().map(Duration::as_secs).collect()
    }

    /// Returns the time from the start to each call.
    pub(super) fn times(&self) -> Vec<Duration> {
        self.calls.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }
}

#[async_trait::async_trait]
impl Exporter for Fake {
    async fn export(&self, data: &wire::Batch) -> Outcome {
        assert!(data.held_bytes() <= data.encoded_len() * 5 / 4, "a queue keeps no bytes that are not sent");
        self.calls.lock().unwrap().push((self.started.elapsed(), data.items()));
        let under_way = self.under_way.fetch_add(1, SeqCst) + 1;
        self.most_under_way.fetch_max(under_way, SeqCst);
        sleep(self.takes).await;
        self.under_way.fetch_sub(1, SeqCst);
        if data.items() > self.largest {
            return Err(ExportError::too_large("too much"));
        }
        self.script.lock().unwrap().pop_front().unwrap_or_else(|| Ok(Exported::default()))
    }

    async fn shutdown(&self) {
        self.closed.fetch_add(1, SeqCst);
    }
}

impl Pipeline {
    pub(super) fn new(settings: SendingSettings, fake: Fake) -> Pipeline {
        let (telemetry, fake) = (Telemetry::new(), Arc::new(fake));
        let accounts = [telemetry.ledger.open("traces", "fake")].into();
        let sending = Sending::start("fake", &[Signal::Traces], fake.clone(), &settings, &telemetry);
        Pipeline { sending, telemetry, fake, accounts }
    }

    pub(super) fn batch(&self, items: usize) -> Batch {
        self.batch_with(items, Receipt::unawaited())
    }

    pub(super) fn batch_with(&self, items: usize, receipt: Receipt) -> Batch {
        Batch::enter(spans(items), receipt, self.accounts.clone())
    }

    /// Sends a batch whose request had the header `x-tenant`.
    pub(super) async fn send_of(&self, tenant: &str, items: usize) -> Result<(), Reason> {
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-tenant"), tenant.parse().unwrap())]);
        self.send_batch(self.batch(items).with_metadata(Some(Arc::new(Metadata::of(&headers))))).await
    }

    pub(super) async fn send(&self, items: usize) -> Result<(), Reason> {
        self.send_batch(self.batch(items)).await
    }

    pub(super) async fn send_data(&self, data: wire::Batch, receipt: Receipt) -> Result<(), Reason> {
        self.send_batch(Batch::enter(data, receipt, self.accounts.clone())).await
    }

    async fn send_batch(&self, batch: Batch) -> Result<(), Reason> {
        let outcome = self.sending.consume(batch).await;
        outcome.map_err(|refused| {
            let Refused { batch, failure } = *refused;
            batch.refused_to_sender(&failure);
            failure.reason
        })
    }

    pub(super) async fn shutdown_within(&self, limit: Duration) {
        self.sending.shutdown(Instant::now() + limit).await;
    }

    /// Returns the account's figures and checks that the account balances.
    pub(super) fn balance(&self) -> Balance {
        let balance = self.telemetry.ledger.balances().remove(0);
        assert!(balance.holds(), "{balance:?}");
        balance
    }

    /// Returns the account's figures after a shutdown and checks that nothing is in flight.
    pub(super) fn final_balance(&self) -> Balance {
        let balance = self.balance();
        assert_eq!(balance.in_flight, 0, "{balance:?}");
        balance
    }

    pub(super) fn metric(&self, line: &str) -> Option<f64> {
        let text = self.telemetry.render();
        let value = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '))?;
        value.parse().ok()
    }
}

pub(super) fn queue(queue_size: usize) -> QueueSettings {
    QueueSettings {
        num_consumers: 10,
        queue_size,
        sizer: Sizer::Requests,
        max_bytes: 1 << 30,
        block_on_overflow: false,
        wait_for_result: false,
        batch: None,
    }
}

pub(super) fn batching(min_size: usize, max_size: usize) -> QueueSettings {
    let flush_timeout = Duration::from_millis(200);
    let (sizer, partition) = (Sizer::Items, Vec::new());
    let batch = BatchSettings { flush_timeout, min_size, max_size, sizer, partition };
    QueueSettings { batch: Some(batch), ..queue(1000) }
}

/// Batching that keeps apart what has different values of `x-tenant`.
pub(super) fn partitioned(min_size: usize) -> QueueSettings {
    let mut queue = batching(min_size, 0);
    queue.batch.as_mut().unwrap().partition = vec!["X-Tenant".to_owned()];
    QueueSettings { queue_size: 20_000, ..queue }
}

pub(super) fn queued(queue: QueueSettings) -> SendingSettings {
    SendingSettings { queue: Some(queue), ..SendingSettings::default() }
}

/// Retries without jitter, after 1 s, 2 s, 4 s and so on up to 10 s, for a minute.
pub(super) fn retry() -> RetrySettings {
    RetrySettings {
        initial_interval: SECOND,
        randomization_factor: 0.0,
        multiplier: 2.0,
        max_interval: 10 * SECOND,
        max_elapsed_time: Some(60 * SECOND),
    }
}

pub(super) fn unavailable(after: Option<Duration>) -> Outcome {
    Err(ExportError::Retryable { message: "unavailable".into(), code: Code::Unavailable, after })
}

pub(super) fn invalid() -> Outcome {
    Err(ExportError::Permanent { message: "invalid".into(), code: Code::InvalidArgument })
}

pub(super) fn spans(items: usize) -> wire::Batch {
    let span = |n: usize| Span { name: format!("span {n}"), ..Span::default() };
    let scope_spans = ScopeSpans { spans: (0..items).map(span).collect(), ..ScopeSpans::default() };
    let resource_spans = ResourceSpans { scope_spans: vec![scope_spans], ..ResourceSpans::default() };
    let request = ExportTraceServiceRequest { resource_spans: vec![resource_spans] };
    wire::Batch::decode(Signal::Traces, request.encode_to_vec().into()).unwrap()
}

/// Lets every task run as far as it can without time passing.
pub(super) async fn settle_down() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
