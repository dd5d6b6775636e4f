//! Tests the assembly with a sampler behind it: one decision for each trace, which later spans obey.

mod rates;
mod records;
mod relief;

use tokio::sync::Notify;

use super::*;
use crate::{
    pipeline::kept::{Basis, KeptAt, write_rates},
    sampling::{
        deciding::{Behind, Deciding},
        decisions::{Decisions, Sizes},
        metrics::DecisionMetrics,
        relief::{Noted, Relief, ReliefMetrics},
    },
};

/// A sampler that keeps the traces with even ids.
struct Even {
    next: Arc<dyn Consumer>,
    /// The traces that it was asked about.
    asked: Mutex<Vec<u8>>,
    refuses: Mutex<Vec<Failure>>,
    /// If this is set, it decides only when told.
    waits_for: Option<Arc<Notify>>,
    /// The rate of the traces that it keeps.
    rate: KeptAt,
}

#[async_trait::async_trait]
impl Consumer for Even {
    async fn consume(&self, mut batch: Batch) -> Result<(), Box<Refused>> {
        if let Some(failure) = self.refuses.lock().unwrap().pop() {
            return Err(batch.refused(failure));
        }
        if let Some(told) = &self.waits_for {
            told.notified().await;
        }
        let wire::Batch::Spans(spans) = &mut batch.data else { panic!("spans") };
        let traces = spans.traces();
        self.asked.lock().unwrap().extend(traces.ids().iter().map(|id| id[0]));
        let keep: Vec<bool> = traces.ids().iter().map(|id| id[0].is_multiple_of(2)).collect();
        spans.retain_traces(&traces, &keep).unwrap();
        if self.rate.is_written() {
            let items = spans.items();
            write_rates(spans, std::iter::repeat_n(Some(self.rate), items));
            let kept: Vec<_> = traces.ids().iter().map(|id| (*id, self.rate)).collect();
            self.next.learn_rates(&kept);
        }
        let out = batch.excess();
        if batch.items() > 0 {
            self.next.consume(batch).await?;
        }
        out.into_iter().for_each(Batch::sampled_out);
        Ok(())
    }
}

struct Tail {
    subject: Subject,
    sampler: Arc<Even>,
    decisions: Arc<Decisions>,
    behind: Arc<Behind>,
}

/// What a tail is started with.
struct Parts {
    settings: Settings,
    next: Next,
    waits_for: Option<Arc<Notify>>,
    rate: KeptAt,
    decisions: Arc<Decisions>,
    former: Weak<Assembly>,
}

impl Parts {
    fn new(settings: Settings) -> Parts {
        Parts {
            settings,
            next: Next::default(),
            waits_for: None,
            rate: KeptAt { rate: 1.0, basis: Basis::Independent },
            decisions: Arc::new(Decisions::new(Sizes { kept: 1000, not_sampled: 1000 })),
            former: Weak::new(),
        }
    }
}

impl Tail {
    fn start(settings: Settings) -> Tail {
        Tail::with(settings, Next::default(), None)
    }

    fn with(settings: Settings, next: Next, waits_for: Option<Arc<Notify>>) -> Tail {
        Tail::of(Parts { next, waits_for, ..Parts::new(settings) })
    }

    fn of(parts: Parts) -> Tail {
        let Parts { settings, next, waits_for, rate, decisions, former } = parts;
        let (telemetry, next) = (Telemetry::new(), Arc::new(next));
        let metrics = DecisionMetrics::register(&telemetry, "tail_sampling");
        let noted = Noted::new(&telemetry, "tail_sampling");
        let relief =
            Relief::new("tail_sampling", noted, ReliefMetrics::register(&telemetry, "tail_sampling"));
        let deciding = Arc::new(Deciding::new(next.clone(), decisions.clone(), relief, metrics));
        let behind = deciding.behind.clone();
        let sampler = Arc::new(Even {
            next: deciding.behind.clone(),
            asked: Mutex::default(),
            refuses: Mutex::default(),
            waits_for,
            rate,
        });
        deciding.lead_to(sampler.clone());
        let metrics = AssemblyMetrics::of_tail_sampling(&telemetry, "tail_sampling");
        let accounts = [telemetry.ledger.open("traces", "to")].into();
        let assembly = Assembly::start(settings, 2, To::Sampler(deciding), metrics, former);
        Tail { subject: Subject { assembly, next, telemetry, accounts }, sampler, decisions, behind }
    }

    /// Sends a span of each trace in one request.
    async fn send(&self, traces: &[u8], name: &str) -> Result<(), Failure> {
        let spans: Vec<Flat> = traces.iter().map(|trace| span(*trace, name, "s", "c")).collect();
        self.subject.send(&spans, Receipt::unawaited()).await
    }

    /// Returns the traces and names of the spans that have left.
    fn left(&self) -> Vec<(u8, String)> {
        let mut left: Vec<_> =
            self.subject.left().into_iter().flatten().map(|span| (span.0, span.1)).collect();
        left.sort();
        left
    }

    /// Returns the trace states of the spans of a trace that have left.
    fn states(&self, trace: u8) -> Vec<String> {
        let requests = self.subject.next.requests.lock().unwrap();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let spans = resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans);
        spans.filter(|span| span.trace_id[0] == trace).map(|span| span.trace_state.clone()).collect()
    }

    fn asked(&self) -> Vec<u8> {
        let mut asked = self.sampler.asked.lock().unwrap().clone();
        asked.sort_unstable();
        asked
    }

    fn shows(&self, line: &str) {
        let shown = self.subject.telemetry.render();
        assert!(shown.lines().any(|shown| shown == line), "no `{line}` in\n{shown}");
    }
}

fn named(spans: &[(u8, &str)]) -> Vec<(u8, String)> {
    spans.iter().map(|(trace, name)| (*trace, (*name).to_owned())).collect()
}

/// Scenario: traces are decided; then more spans of them come, alone and with those of a new trace.
/// Guarantees: the later spans go the way of their trace at once, the sampler is asked about each trace once, and
/// everything is settled.
#[tokio::test(start_paused = true)]
async fn late_spans_obey_the_decision() {
    let tail = Tail::start(LARGE);
    tail.send(&[1, 2], "first").await.unwrap();
    sleep(2 * SECOND).await;
    assert_eq!((tail.left(), tail.asked()), (named(&[(2, "first")]), vec![1, 2]));
    tail.send(&[1, 2, 3, 4], "mixed").await.unwrap();
    tail.send(&[2], "kept").await.unwrap();
    tail.send(&[1], "out").await.unwrap();
    assert_eq!(tail.left(), named(&[(2, "first"), (2, "kept"), (2, "mixed")]));
    sleep(2 * SECOND).await;
    assert_eq!(tail.left(), named(&[(2, "first"), (2, "kept"), (2, "mixed"), (4, "mixed")]));
    assert_eq!(tail.asked(), [1, 2, 3, 4]);
    let balance = tail.subject.balance();
    assert_eq!((balance.delivered, balance.sampled_out, balance.in_flight), (4, 4, 0));
    for line in [
        "otelcol_processor_tail_sampling_early_releases_from_cache_decision{processor=\"tail_sampling\",sampled=\"true\"} 2",
        "otelcol_processor_tail_sampling_early_releases_from_cache_decision{processor=\"tail_sampling\",sampled=\"false\"} 2",
        "otelcol_processor_tail_sampling_global_count_traces_sampled{processor=\"tail_sampling\",sampled=\"true\",decision=\"sampled\"} 2",
        "otelcol_processor_tail_sampling_global_count_traces_sampled{processor=\"tail_sampling\",sampled=\"false\",decision=\"not_sampled\"} 2",
        "otelcol_processor_tail_sampling_new_trace_id_received{processor=\"tail_sampling\"} 4",
        "otelcol_processor_tail_sampling_sampling_traces_on_memory{processor=\"tail_sampling\"} 0",
        "otelcol_processor_tail_sampling_sampling_late_span_age_count{processor=\"tail_sampling\"} 4",
        "spanloom_tail_sampling_held_bytes{processor=\"tail_sampling\"} 0",
    ] {
        tail.shows(line);
    }
}

/// Scenario: spans of two traces come while the sampler decides about the traces.
/// Guarantees: the spans go the same way when they are due, and the sampler is not asked again.
#[tokio::test(start_paused = true)]
async fn spans_that_come_during_the_decision_obey_it() {
    let told = Arc::new(Notify::new());
    let tail = Tail::with(LARGE, Next::default(), Some(told.clone()));
    tail.send(&[1, 2, 3, 4], "first").await.unwrap();
    sleep(2 * SECOND).await;
    tail.send(&[1, 2, 3, 4], "second").await.unwrap();
    told.notify_waiters();
    sleep(3 * SECOND).await;
    assert_eq!(tail.left(), named(&[(2, "first"), (2, "second"), (4, "first"), (4, "second")]));
    assert_eq!(tail.asked(), [1, 2, 3, 4]);
    let balance = tail.subject.balance();
    assert_eq!((balance.delivered, balance.sampled_out, balance.in_flight), (4, 4, 0));
}

/// Scenario: the sampler refuses for now, and later for good; the stage behind it refuses for now.
/// Guarantees: the sampler is asked again only if it has not decided; a trace that was lost undecided is decided
/// when more of it comes.
#[tokio::test(start_paused = true)]
async fn only_an_undecided_trace_is_decided_again() {
    let tail = Tail::start(LARGE);
    *tail.sampler.refuses.lock().unwrap() = vec![Failure::retryable(Reason::PluginFailed, "no"); 3];
    *tail.subject.next.refuses.lock().unwrap() = vec![Failure::retryable(Reason::QueueFull, "full"); 3];
    tail.send(&[2], "a").await.unwrap();
    sleep(4 * SECOND).await;
    assert_eq!((tail.left(), tail.asked()), (named(&[(2, "a")]), vec![2]));
    *tail.sampler.refuses.lock().unwrap() = vec![Failure::permanent(Reason::PluginFailed, "no")];
    tail.send(&[4], "lost").await.unwrap();
    sleep(2 * SECOND).await;
    assert_eq!((tail.asked(), tail.subject.dropped()), (vec![2], 1));
    tail.send(&[4], "b").await.unwrap();
    sleep(2 * SECOND).await;
    assert_eq!((tail.left(), tail.asked()), (named(&[(2, "a"), (4, "b")]), vec![2, 4]));
}

/// Scenario: the stage behind refuses late spans: alone in their request for good, and with others for a while.
/// Guarantees: the sender gets the former back; the latter are offered again.
#[tokio::test(start_paused = true)]
async fn late_spans_that_are_alone_are_refused_to_their_sender() {
    let tail = Tail::start(LARGE);
    tail.send(&[1, 2], "first").await.unwrap();
    sleep(2 * SECOND).await;
    *tail.subject.next.refuses.lock().unwrap() = vec![Failure::retryable(Reason::QueueFull, "full")];
    assert_eq!(tail.send(&[1, 2], "late").await.unwrap_err().reason, Reason::QueueFull);
    assert_eq!(tail.subject.balance().in_flight, 0);
    *tail.subject.next.refuses.lock().unwrap() = vec![Failure::retryable(Reason::QueueFull, "full"); 2];
    tail.send(&[1, 2, 3], "again").await.unwrap();
    assert_eq!(tail.left(), named(&[(2, "again"), (2, "first")]));
    sleep(2 * SECOND).await;
    let balance = tail.subject.balance();
    assert_eq!((balance.delivered, balance.sampled_out, balance.in_flight), (2, 3, 0));
}

/// Scenario: of three traces one gets its root at once, one later, and one never.
/// Guarantees: a trace leaves so long after its root, or after its first span, whichever is sooner.
#[tokio::test(start_paused = true)]
async fn a_root_shortens_the_wait() {
    let settings = Settings { wait: 10 * SECOND, wait_after_root: Some(2 * SECOND), ..LARGE };
    let tail = Tail::start(settings);
    let child = |trace: u8| {
        let mut request = request(&[span(trace, "child", "s", "c")]);
        request.resource_spans[0].scope_spans[0].spans[0].parent_span_id = vec![1; 8];
        request
    };
    for trace in [2, 4, 6] {
        tail.subject.send_request(&child(trace), Receipt::unawaited()).await.unwrap();
    }
    tail.send(&[2], "root").await.unwrap();
    sleep(5 * SECOND).await;
    tail.send(&[4], "root").await.unwrap();
    assert_eq!(tail.left(), named(&[(2, "child"), (2, "root")]));
    sleep(3 * SECOND).await;
    assert_eq!(tail.left().len(), 4);
    sleep(SECOND).await;
    assert_eq!(tail.left().len(), 4);
    sleep(2 * SECOND).await;
    assert_eq!((tail.left().len(), tail.asked()), (5, vec![2, 4, 6]));
}

/// Scenario: a trace grows beyond the limit, and goes on growing.
/// Guarantees: it is dropped then, and its later spans are not sampled; other traces are not touched.
#[tokio::test(start_paused = true)]
async fn a_trace_that_grows_too_large_is_dropped() {
    let tail = Tail::start(Settings { max_trace_bytes: Some(1200), ..LARGE });
    for name in ["x".repeat(600), "y".repeat(600), "z".to_owned()] {
        tail.send(&[2, 2, 4], &name[..1]).await.unwrap();
        tail.send(&[2], &name).await.unwrap();
    }
    sleep(2 * SECOND).await;
    assert_eq!(tail.left(), named(&[(4, "x"), (4, "y"), (4, "z")]));
    let balance = tail.subject.balance();
    assert_eq!((balance.delivered, balance.sampled_out, balance.in_flight), (3, 3, 0));
    assert_eq!(
        balance.dropped.iter().find(|(reason, _)| *reason == Reason::TooLarge),
        Some(&(Reason::TooLarge, 6))
    );
    tail.shows("otelcol_processor_tail_sampling_traces_dropped_too_large{processor=\"tail_sampling\"} 1");
}

/// Scenario: more traces come than may be held, and senders are to wait for room.
/// Guarantees: no trace is decided early, and the sender waits, or is asked to try again.
#[tokio::test(start_paused = true)]
async fn senders_wait_for_room_if_they_are_told_to() {
    let settings = Settings { wait: 3 * SECOND, max_traces: 2, blocks: true, ..LARGE };
    let tail = Tail::start(settings);
    tail.send(&[2], "a").await.unwrap();
    tail.send(&[4], "a").await.unwrap();
    let begun = Instant::now();
    tail.send(&[6], "a").await.unwrap();
    assert!(begun.elapsed() >= 3 * SECOND, "{:?}", begun.elapsed());
    tail.subject.assembly.set(Settings { wait: 60 * SECOND, ..settings });
    tail.send(&[8], "a").await.unwrap();
    assert_eq!(tail.send(&[10], "a").await.unwrap_err().reason, Reason::QueueFull);
    tail.shows(
        "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early{processor=\"tail_sampling\"} 0",
    );
}

/// Scenario: the end comes while traces are held, with and without `drop_pending_traces_on_shutdown`.
/// Guarantees: they are decided, or dropped and counted.
#[tokio::test(start_paused = true)]
async fn traces_that_are_held_at_the_end_are_decided_or_dropped() {
    for (drops_at_end, left, dropped) in [(false, 1, 0), (true, 0, 2)] {
        let tail = Tail::start(Settings { drops_at_end, ..LARGE });
        tail.send(&[1, 2], "a").await.unwrap();
        tail.subject.assembly.shutdown(Instant::now() + SECOND).await;
        assert_eq!((tail.left().len(), tail.subject.dropped()), (left, dropped));
        assert_eq!(tail.subject.balance().in_flight, 0);
    }
}

/// Scenario: more traces come than may be held, and then more bytes; each trace has more spans later.
/// Guarantees: the oldest are decided early, counted by the limit that was reached, and their later spans obey.
#[tokio::test(start_paused = true)]
async fn the_oldest_are_decided_early_and_counted_by_reason() {
    let hour = Settings { wait: 3600 * SECOND, ..LARGE };
    for (settings, reason) in [
        (Settings { max_traces: 20, ..hour }, "num_traces"),
        (Settings { max_bytes: 1 << 20, ..hour }, "max_mib"),
    ] {
        let tail = Tail::start(settings);
        for trace in 1..=200 {
            tail.send(&[trace], &"x".repeat(10_000)).await.unwrap();
            tokio::task::yield_now().await;
        }
        let early = tail.asked().len();
        assert!((50..200).contains(&early), "{early}");
        tail.shows(&format!(
            "spanloom_tail_sampling_early_traces{{processor=\"tail_sampling\",reason=\"{reason}\"}} {early}"
        ));
        for trace in 1..=200 {
            tail.send(&[trace], "late").await.unwrap();
        }
        tail.subject.assembly.shutdown(Instant::now() + SECOND).await;
        assert_eq!((tail.asked().len(), tail.left().len()), (200, 200));
        assert_eq!((tail.subject.balance().in_flight, tail.subject.dropped()), (0, 0));
    }
}

/// Scenario: a trace is larger than a destination takes at once.
/// Guarantees: the sampler is asked once, about the whole of it; what is kept leaves in several batches.
#[tokio::test(start_paused = true)]
async fn a_large_trace_is_decided_as_a_whole() {
    let tail = Tail::start(LARGE);
    let name = "x".repeat(8 << 20);
    for _ in 0..9 {
        tail.send(&[2], &name).await.unwrap();
    }
    sleep(2 * SECOND).await;
    assert_eq!(tail.asked(), [2]);
    let left: Vec<usize> = tail.subject.left().iter().map(Vec::len).collect();
    assert_eq!(left, [5, 4]);
    assert_eq!((tail.subject.balance().delivered, tail.subject.balance().in_flight), (9, 0));
}
