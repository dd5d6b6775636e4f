//! Tests the assembly of traces: what comes in by requests leaves by traces, and is settled once.

mod tail;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use tokio::time::{Instant, advance, sleep, timeout};
use wire::Signal;

use super::{
    assembly::{Assembly, Settings, To},
    metrics::AssemblyMetrics,
};
use crate::{
    pipeline::{Batch, Consumer, Refused},
    receipt::{
        Failure, Reason, Receipt,
        ledger::{Account, Balance},
    },
    telemetry::Telemetry,
};

const SECOND: Duration = Duration::from_secs(1);
const LARGE: Settings = Settings {
    wait: SECOND,
    wait_after_root: None,
    max_traces: 1_000_000,
    max_bytes: 1 << 30,
    max_trace_bytes: None,
    blocks: false,
    drops_at_end: false,
    relief: None,
};

/// The next stage: delivers what it takes, and refuses as often as it is told to.
#[derive(Default)]
struct Next {
    requests: Mutex<Vec<ExportTraceServiceRequest>>,
    refuses: Mutex<Vec<Failure>>,
    /// Takes a batch and never returns.
    hangs: bool,
}

#[async_trait::async_trait]
impl Consumer for Next {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        if let Some(failure) = self.refuses.lock().unwrap().pop() {
            return Err(batch.refused(failure));
        }
        let bytes = batch.data.chunks().concat();
        self.requests.lock().unwrap().push(ExportTraceServiceRequest::decode(&*bytes).unwrap());
        batch.delivered();
        Ok(())
    }
}

struct Subject {
    assembly: Arc<Assembly>,
    next: Arc<Next>,
    telemetry: Arc<Telemetry>,
    accounts: Arc<[Arc<Account>]>,
}

/// A span as it arrived or left: trace, name, service and scope.
type Flat = (u8, String, String, String);

impl Subject {
    fn start(settings: Settings, shards: usize, next: Next) -> Subject {
        let (telemetry, next) = (Telemetry::new(), Arc::new(next));
        let metrics = AssemblyMetrics::of_group_by_trace(&telemetry, "groupbytrace");
        let accounts = [telemetry.ledger.open("traces", "to")].into();
        let to = To::Next(next.clone());
        let assembly = Assembly::start(settings, shards, to, metrics, Weak::new());
        Subject { assembly, next, telemetry, accounts }
    }

    async fn send(&self, spans: &[Flat], receipt: Receipt) -> Result<(), Failure> {
        self.send_request(&request(spans), receipt).await
    }

    async fn send_request(
        &self,
        request: &ExportTraceServiceRequest,
        receipt: Receipt,
    ) -> Result<(), Failure> {
        let bytes = request.encode_to_vec();
        let data = wire::Batch::decode(Signal::Traces, bytes.into()).unwrap();
        let batch = Batch::enter(data, receipt, self.accounts.clone());
        match self.assembly.add(batch).await {
            Ok(()) => Ok(()),
            Err(refused) => {
                refused.batch.refused_to_sender(&refused.failure);
                Err(refused.failure)
            }
        }
    }

    /// Returns what has left, a list for each batch.
    fn left(&self) -> Vec<Vec<Flat>> {
        self.next.requests.lock().unwrap().iter().map(flat).collect()
    }

    fn balance(&self) -> Balance {
        self.telemetry.ledger.balances().remove(0)
    }

    fn dropped(&self) -> u64 {
        self.balance().dropped.iter().map(|(_, items)| items).sum()
    }

    fn metric(&self, name: &str) -> String {
        let line = format!("{name}{{processor=\"groupbytrace\"}} ");
        let shown = self.telemetry.render();
        let value = shown.lines().find_map(|shown| shown.strip_prefix(&line)).unwrap_or("none");
        value.to_owned()
    }
}

fn span(trace: u8, name: &str, service: &str, scope: &str) -> Flat {
    (trace, name.to_owned(), service.to_owned(), scope.to_owned())
}

/// Makes a request with an envelope of its own for each span.
fn request(spans: &[Flat]) -> ExportTraceServiceRequest {
    let text = |text: &str| Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) });
    let of = |(trace, name, service, scope): &Flat| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![KeyValue {
                key: "service.name".to_owned(),
                value: text(service),
                ..KeyValue::default()
            }],
            ..Resource::default()
        }),
        schema_url: format!("of {service}"),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope { name: scope.clone(), ..InstrumentationScope::default() }),
            spans: vec![Span {
                trace_id: vec![*trace; 16],
                span_id: vec![1; 8],
                name: name.clone(),
                ..Span::default()
            }],
            ..ScopeSpans::default()
        }],
    };
    ExportTraceServiceRequest { resource_spans: spans.iter().map(of).collect() }
}

fn flat(request: &ExportTraceServiceRequest) -> Vec<Flat> {
    let mut spans = Vec::new();
    for resource in &request.resource_spans {
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        let Some(Value::StringValue(service)) = attributes[0].value.clone().unwrap().value else {
            panic!("a text")
        };
        assert_eq!(resource.schema_url, format!("of {service}"));
        for scope in &resource.scope_spans {
            let name = &scope.scope.as_ref().unwrap().name;
            spans.extend(scope.spans.iter().map(|one| span(one.trace_id[0], &one.name, &service, name)));
        }
    }
    spans
}

/// Scenario: the spans of 40 traces come in 200 requests, each with spans of several traces.
/// Guarantees: after the wait each trace has left in one batch, with all spans and their resources and scopes;
/// each is settled once, and nothing is held.
#[tokio::test(start_paused = true)]
async fn traces_leave_whole_however_their_spans_come() {
    let subject = Subject::start(LARGE, 4, Next::default());
    let mut sent = BTreeSet::new();
    for number in 0..200_u32 {
        let spans: Vec<Flat> = (0..5)
            .map(|part| {
                let trace = ((number * 7 + part * 11) % 40) as u8;
                let (service, scope) = (format!("s{}", number % 3), format!("c{}", part % 2));
                span(trace, &format!("{number}/{part}"), &service, &scope)
            })
            .collect();
        sent.extend(spans.iter().cloned());
        subject.send(&spans, Receipt::unawaited()).await.unwrap();
    }
    assert_eq!((subject.left().len(), subject.balance().in_flight), (0, 1000));
    assert_eq!(subject.metric("otelcol_processor_groupbytrace_num_traces_in_memory"), "40");
    sleep(2 * SECOND).await;
    let left = subject.left();
    let mut batches: BTreeMap<u8, usize> = BTreeMap::new();
    for batch in &left {
        let traces: BTreeSet<u8> = batch.iter().map(|span| span.0).collect();
        traces.into_iter().for_each(|trace| *batches.entry(trace).or_default() += 1);
    }
    assert_eq!((batches.len(), batches.values().max()), (40, Some(&1)));
    let spans: Vec<Flat> = left.into_iter().flatten().collect();
    assert_eq!((spans.len(), spans.into_iter().collect::<BTreeSet<Flat>>()), (1000, sent));
    let balance = subject.balance();
    assert_eq!((balance.delivered, balance.in_flight), (1000, 0));
    for (metric, value) in [
        ("num_traces_in_memory", "0"),
        ("traces_released", "40"),
        ("spans_released", "1000"),
        ("traces_evicted", "0"),
    ] {
        assert_eq!(subject.metric(&format!("otelcol_processor_groupbytrace_{metric}")), value, "{metric}");
    }
    assert_eq!(subject.metric("spanloom_groupbytrace_held_bytes"), "0");
}

/// Scenario: two senders wait for their answers; their spans are of one trace that leaves early and of one that
/// leaves late.
/// Guarantees: a sender is answered when the last of its own spans is settled, and hears of their failure.
#[tokio::test(start_paused = true)]
async fn a_sender_is_answered_for_its_own_spans() {
    let subject = Subject::start(LARGE, 1, Next::default());
    let (receipt, first) = Receipt::awaited();
    subject.send(&[span(1, "a", "s", "c")], receipt).await.unwrap();
    sleep(SECOND / 2).await;
    let (receipt, second) = Receipt::awaited();
    subject.send(&[span(1, "b", "s", "c"), span(2, "c", "s", "c")], receipt).await.unwrap();
    sleep(SECOND * 3 / 4).await;
    assert_eq!(timeout(Duration::ZERO, first.wait()).await, Ok(Ok(())));
    let mut second = std::pin::pin!(second.wait());
    assert!(timeout(Duration::ZERO, &mut second).await.is_err(), "trace 2 is still held");
    *subject.next.refuses.lock().unwrap() = vec![Failure::permanent(Reason::Rejected, "no")];
    sleep(SECOND).await;
    assert_eq!(timeout(Duration::ZERO, second).await.unwrap().unwrap_err().reason, Reason::Rejected);
    assert_eq!((subject.balance().delivered, subject.dropped()), (2, 1));
}

/// Scenario: far more spans come than may be held, in traces and then in bytes.
/// Guarantees: the oldest traces leave early, no sender is refused, and nothing is lost.
#[tokio::test(start_paused = true)]
async fn the_oldest_traces_make_room_for_others() {
    let hour = Settings { wait: 3600 * SECOND, ..LARGE };
    for settings in [Settings { max_traces: 10, ..hour }, Settings { max_bytes: 1 << 20, ..hour }] {
        let subject = Subject::start(settings, 1, Next::default());
        let name = "x".repeat(10_000);
        for trace in 0..250 {
            subject.send(&[span(trace, &name, "s", "c")], Receipt::unawaited()).await.unwrap();
            tokio::task::yield_now().await;
            let held: usize = subject.metric("spanloom_groupbytrace_held_bytes").parse().unwrap();
            assert!(held <= settings.max_bytes, "{held}");
        }
        advance(SECOND).await;
        let left: Vec<u8> = subject.left().into_iter().flatten().map(|span| span.0).collect();
        assert!(left.len() >= 100 && left.len() < 250, "{settings:?}: {}", left.len());
        assert!(left.iter().copied().eq(0..left.len() as u8), "{settings:?}: {left:?}");
        let evicted = subject.metric("otelcol_processor_groupbytrace_traces_evicted");
        assert_eq!(evicted, left.len().to_string());
        subject.assembly.shutdown(Instant::now() + SECOND).await;
        assert_eq!((subject.balance().delivered, subject.balance().in_flight), (250, 0));
    }
}

/// Scenario: all that may be held is taken, and the next stage hangs; a request is larger than all of it.
/// Guarantees: senders wait for a while and may try again; the large request may not.
#[tokio::test(start_paused = true)]
async fn without_room_a_sender_waits_and_is_asked_to_try_again() {
    let settings = Settings { max_bytes: 1 << 20, ..LARGE };
    let subject = Subject::start(settings, 1, Next { hangs: true, ..Next::default() });
    let large = span(1, &"x".repeat(600_000), "s", "c");
    subject.send(std::slice::from_ref(&large), Receipt::unawaited()).await.unwrap();
    // The first leaves, and hangs with the next stage; the second is held.
    sleep(2 * SECOND).await;
    subject.send(std::slice::from_ref(&large), Receipt::unawaited()).await.unwrap();
    let before = Instant::now();
    let failure = subject.send(&[large], Receipt::unawaited()).await.unwrap_err();
    assert!(failure.is_retryable() && before.elapsed() >= SECOND, "{failure:?}");
    let too_large = span(1, &"x".repeat(1 << 20), "s", "c");
    let failure = subject.send(&[too_large], Receipt::unawaited()).await.unwrap_err();
    assert!(!failure.is_retryable() && failure.message.contains("max_mib"), "{failure:?}");
    subject.assembly.shutdown(Instant::now() + SECOND).await;
    sleep(SECOND).await;
    assert_eq!((subject.balance().in_flight, subject.dropped()), (0, 2), "{:?}", subject.balance());
}

/// Scenario: the next stage refuses for a second, and later for good.
/// Guarantees: what it refuses for now is offered again; what it refuses for good is dropped with its reason.
#[tokio::test(start_paused = true)]
async fn what_is_refused_for_now_is_offered_again() {
    let subject = Subject::start(LARGE, 1, Next::default());
    let send = async |trace| subject.send(&[span(trace, "a", "s", "c")], Receipt::unawaited()).await.unwrap();
    *subject.next.refuses.lock().unwrap() = vec![Failure::retryable(Reason::QueueFull, "full"); 10];
    send(1).await;
    sleep(4 * SECOND).await;
    assert_eq!(subject.balance().delivered, 1);
    *subject.next.refuses.lock().unwrap() = vec![Failure::retryable(Reason::QueueFull, "full"); 1000];
    send(2).await;
    sleep(10 * SECOND).await;
    let balance = subject.balance();
    assert_eq!((balance.in_flight, subject.dropped()), (0, 1), "{balance:?}");
    assert!(balance.dropped.contains(&(Reason::QueueFull, 1)), "{balance:?}");
}

/// Scenario: the wait is changed while a trace is held: to more, and to less.
/// Guarantees: the trace leaves by the wait of the moment.
#[tokio::test(start_paused = true)]
async fn a_trace_that_is_held_obeys_new_settings() {
    let subject = Subject::start(LARGE, 2, Next::default());
    subject.send(&[span(1, "a", "s", "c")], Receipt::unawaited()).await.unwrap();
    subject.assembly.set(Settings { wait: 60 * SECOND, ..LARGE });
    sleep(30 * SECOND).await;
    assert_eq!(subject.left().len(), 0);
    subject.assembly.set(Settings { wait: 31 * SECOND, ..LARGE });
    sleep(2 * SECOND).await;
    assert_eq!(subject.left().len(), 1);
}
