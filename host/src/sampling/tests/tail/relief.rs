//! Tests stress relief: it begins and ends, decides by trace ids, and leaves held traces alone.

use super::*;
use crate::sampling::{
    recording::RecordReason,
    relief::{ReliefSettings, Share},
};

const RELIEF: ReliefSettings = ReliefSettings {
    activation_level: 45,
    deactivation_level: 25,
    minimum: Duration::from_secs(5),
    share: Share::HALF,
};
/// Nine traces of twenty are the level at which relief begins.
const SMALL: Settings =
    Settings { wait: Duration::from_secs(20), max_traces: 20, relief: Some(RELIEF), ..LARGE };
const HELD: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];
/// New traces that the share keeps, and leaves out.
const KEPT: u8 = 0xf1;
const OUT: u8 = 0x10;

impl Tail {
    fn shows_relief(&self, is_on: bool) {
        let value = u8::from(is_on);
        self.shows(&format!("spanloom_tail_sampling_stress_relief{{processor=\"tail_sampling\"}} {value}"));
    }

    fn is_settled(&self, delivered: u64, sampled_out: u64) {
        let balance = self.subject.balance();
        let found = (balance.delivered, balance.sampled_out, balance.in_flight, self.subject.dropped());
        assert_eq!(found, (delivered, sampled_out, 0, 0));
    }
}

/// Scenario: as many traces are held as begin relief; new traces and more of the held ones come; later the
/// held ones have left.
/// Guarantees: new traces are decided at once, say for how many they stand, and are remembered; held traces are decided
/// by the sampler, with all their spans; relief ends, and traces are held again. Spans that follow such a decision are not
/// late.
#[tokio::test(start_paused = true)]
async fn under_stress_new_traces_are_decided_by_their_ids() {
    let tail = Tail::start(SMALL);
    tail.send(&HELD, "first").await.unwrap();
    sleep(SECOND).await;
    tail.shows_relief(true);
    tail.send(&[KEPT, OUT, 2], "new").await.unwrap();
    tail.send(&[KEPT, OUT, 2], "late").await.unwrap();
    assert_eq!(tail.left(), named(&[(KEPT, "late"), (KEPT, "new")]));
    assert_eq!((tail.states(KEPT), tail.asked()), (vec!["ot=th:8".to_owned(); 2], vec![]));
    sleep(21 * SECOND).await;
    tail.shows_relief(false);
    assert_eq!(tail.asked(), HELD);
    // The sampler would decide otherwise.
    tail.send(&[KEPT, OUT], "later").await.unwrap();
    tail.send(&[0x20], "held again").await.unwrap();
    assert_eq!(tail.states(KEPT), vec!["ot=th:8".to_owned(); 3]);
    sleep(21 * SECOND).await;
    assert_eq!(tail.asked(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 0x20]);
    assert_eq!(tail.states(2), vec![String::new(); 3]);
    tail.is_settled(3 + 4 + 2 + 1, 3 + 5);
    for line in [
        "spanloom_tail_sampling_stress_level{processor=\"tail_sampling\"} 0",
        "spanloom_tail_sampling_stress_relief_traces{processor=\"tail_sampling\",decision=\"sampled\"} 1",
        "spanloom_tail_sampling_stress_relief_traces{processor=\"tail_sampling\",decision=\"not_sampled\"} 1",
        "otelcol_processor_tail_sampling_global_count_traces_sampled{processor=\"tail_sampling\",sampled=\"true\",decision=\"sampled\"} 6",
        "otelcol_processor_tail_sampling_early_releases_from_cache_decision{processor=\"tail_sampling\",sampled=\"true\"} 0",
        "otelcol_processor_tail_sampling_early_releases_from_cache_decision{processor=\"tail_sampling\",sampled=\"false\"} 0",
        "otelcol_processor_tail_sampling_sampling_late_span_age_count{processor=\"tail_sampling\"} 0",
    ] {
        tail.shows(line);
    }
}

/// Scenario: stress comes from memory, and no span comes any more.
/// Guarantees: relief ends by itself.
#[tokio::test(start_paused = true)]
async fn relief_ends_while_nothing_comes() {
    let settings = Settings { max_traces: 1_000, max_bytes: 1 << 20, wait: 2 * SECOND, ..SMALL };
    let tail = Tail::start(settings);
    for trace in 1..=97 {
        tail.send(&[trace], &"x".repeat(10_000)).await.unwrap();
    }
    sleep(SECOND).await;
    tail.shows_relief(true);
    sleep(3 * SECOND).await;
    assert_eq!(tail.subject.balance().in_flight, 0);
    tail.shows_relief(true);
    sleep(3 * SECOND).await;
    tail.shows_relief(false);
}

/// Scenario: the sampler takes long; more of the traces that it is asked about comes, and new traces come.
/// Guarantees: late decisions begin relief. A trace that the sampler is asked about is decided by the sampler alone.
#[tokio::test(start_paused = true)]
async fn late_decisions_begin_relief_and_are_not_overtaken() {
    let told = Arc::new(Notify::new());
    let settings = Settings { wait: SECOND, max_traces: 1_000, ..SMALL };
    let tail = Tail::with(settings, Next::default(), Some(told.clone()));
    tail.send(&HELD, "first").await.unwrap();
    sleep(2 * SECOND).await;
    tail.send(&(0x30..0x3c).collect::<Vec<u8>>(), "waits").await.unwrap();
    tail.shows_relief(false);
    sleep(11 * SECOND).await;
    tail.shows_relief(true);
    tail.send(&[2, KEPT, OUT], "second").await.unwrap();
    assert_eq!(tail.left(), named(&[(KEPT, "second")]));
    for _ in 0..20 {
        told.notify_waiters();
        sleep(SECOND).await;
    }
    tail.shows_relief(false);
    let mut kept: Vec<u8> = tail.left().into_iter().map(|(trace, _)| trace).collect();
    kept.dedup();
    assert_eq!(kept, [2, 4, 6, 8, 0x30, 0x32, 0x34, 0x36, 0x38, 0x3a, KEPT]);
    assert_eq!((tail.states(2).len(), tail.asked().len()), (2, 21));
    tail.is_settled(12, 12);
}

/// Scenario: senders are to wait for room, and there is none; relief is configured then, and new traces come.
/// Guarantees: nobody waits, because new traces take no room.
#[tokio::test(start_paused = true)]
async fn senders_need_not_wait_during_relief() {
    let blocks = Settings { blocks: true, relief: None, ..SMALL };
    let tail = Tail::start(blocks);
    tail.send(&(0x40..0x54).collect::<Vec<u8>>(), "first").await.unwrap();
    tail.subject.assembly.set(Settings { relief: Some(RELIEF), ..blocks });
    let begun = Instant::now();
    tail.send(&[KEPT, OUT], "new").await.unwrap();
    assert_eq!((begun.elapsed(), tail.left()), (Duration::ZERO, named(&[(KEPT, "new")])));
}

/// Scenario: no relief is configured, and much is held; the config asks for it then, and later no more.
/// Guarantees: it is on only while the config asks for it.
#[tokio::test(start_paused = true)]
async fn there_is_no_relief_unless_the_config_asks_for_it() {
    let tail = Tail::start(Settings { relief: None, ..SMALL });
    tail.send(&HELD, "first").await.unwrap();
    tail.send(&[KEPT], "held").await.unwrap();
    sleep(SECOND).await;
    tail.shows_relief(false);
    tail.subject.assembly.set(SMALL);
    sleep(SECOND).await;
    tail.shows_relief(true);
    tail.subject.assembly.set(Settings { relief: None, ..SMALL });
    sleep(SECOND).await;
    tail.shows_relief(false);
    assert_eq!(tail.left(), []);
}

/// Scenario: new traces come under stress; one has two spans, of which the second is the root.
/// Guarantees: operators see each decision once, with its reason and what came of the trace; kept spans say why.
#[tokio::test(start_paused = true)]
async fn decisions_under_stress_are_noted_and_recorded() {
    let tail = Tail::start(SMALL);
    tail.behind.record(Some(RecordReason::Span));
    tail.send(&HELD, "first").await.unwrap();
    let mut two =
        request(&[span(KEPT, "child", "s", "c"), span(KEPT, "root", "s", "c"), span(OUT, "out", "s", "c")]);
    two.resource_spans[0].scope_spans[0].spans[0].parent_span_id = vec![1; 8];
    tail.subject.send_request(&two, Receipt::unawaited()).await.unwrap();
    tail.send(&[KEPT, OUT], "more").await.unwrap();
    let decisions = tail.subject.telemetry.decisions();
    let seen: Vec<_> = decisions
        .iter()
        .map(|(kind, traces, last)| {
            let [last] = last.as_slice() else { panic!("{last:?}") };
            assert_eq!((kind.component.as_str(), kind.reason.as_str()), ("tail_sampling", "stress_relief"));
            (kind.decision, *traces, last.trace_id[0], last.rate, last.spans, &*last.root)
        })
        .collect();
    assert_eq!(seen, [("drop", 1, OUT, None, 1, "out"), ("keep", 1, KEPT, Some(0.5), 2, "root")]);
    let requests = tail.subject.next.requests.lock().unwrap();
    let resources = requests.iter().flat_map(|request| &request.resource_spans);
    let spans = resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans);
    let reasons: Vec<_> = spans
        .map(|span| {
            let value =
                |key| span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value;
            (value("spanloom.sampling.reason"), value("spanloom.sampling.rate"))
        })
        .collect();
    let reason = (Some(Value::StringValue("stress_relief".to_owned())), Some(Value::DoubleValue(0.5)));
    assert_eq!(reasons, vec![reason; 3]);
}

/// Scenario: an assembly holds traces, and is asked about some of them, when another takes its place, which is under
/// stress at once; more of all these traces comes, and new ones.
/// Guarantees: the traces that the first holds are decided by its sampler alone, and the second follows.
#[tokio::test(start_paused = true)]
async fn a_trace_that_the_former_assembly_holds_is_not_decided_by_its_id() {
    let told = Arc::new(Notify::new());
    let first = Tail::with(Settings { wait: SECOND, ..LARGE }, Next::default(), Some(told.clone()));
    first.send(&[2, OUT], "asked").await.unwrap();
    sleep(2 * SECOND).await;
    first.send(&[3, KEPT], "held").await.unwrap();
    let former = Arc::downgrade(&first.subject.assembly);
    let second = Tail::of(Parts { decisions: first.decisions.clone(), former, ..Parts::new(SMALL) });
    second.send(&HELD.map(|trace| trace + 0x40), "other").await.unwrap();
    second.send(&[2, OUT, 3, KEPT, KEPT + 1], "more").await.unwrap();
    assert_eq!(second.left(), named(&[(KEPT + 1, "more")]));
    let ends = tokio::spawn(async move {
        first.subject.assembly.shutdown(Instant::now() + 60 * SECOND).await;
        (first.left(), first.asked())
    });
    for _ in 0..20 {
        told.notify_waiters();
        sleep(SECOND).await;
    }
    // By their ids, of the traces that have left neither would have, and KEPT would.
    assert_eq!(ends.await.unwrap(), (named(&[(2, "asked"), (OUT, "asked")]), vec![2, 3, OUT, KEPT]));
    sleep(30 * SECOND).await;
    let of_first = [2, 3, OUT, KEPT];
    let left: Vec<_> = second.left().into_iter().filter(|(trace, _)| of_first.contains(trace)).collect();
    assert_eq!(left, named(&[(2, "more"), (OUT, "more")]));
    assert!(!second.asked().iter().any(|trace| of_first.contains(trace)));
}
