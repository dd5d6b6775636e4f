use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::{
    pipeline::{Batch, Consumer, Refused},
    plugin::{
        config::{LimitsConfig, OnFailure},
        guest::{limits::Limits, runtime::Runtime},
        load::file::PluginFile,
        outside::GrantsConfig,
        pool::{
            probation::{ProbationSettings, Verdict},
            shadow::Comparison,
        },
        stage::processor::PluginProcessor,
        testing::{Fails, Guest},
    },
};

use wire::Signal;

/// The next stage after the processor. Records the number of items, and the trace id of each span.
#[derive(Default)]
struct Sink(Mutex<usize>, Mutex<Vec<[u8; 16]>>);

#[async_trait::async_trait]
impl Consumer for Sink {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        *self.0.lock().unwrap() += batch.items();
        if let wire::Batch::Spans(spans) = &batch.data {
            self.1.lock().unwrap().extend(spans.trace_ids());
        }
        batch.forget();
        Ok(())
    }
}

struct Bench {
    processor: Arc<PluginProcessor>,
    sink: Arc<Sink>,
    live: Live,
}

async fn plugin(guest: &Guest) -> Arc<Plugin> {
    let file = PluginFile::of_bytes(guest.component());
    Plugin::load(&Runtime::shared().unwrap(), "tested", &file, &limits()).await.unwrap()
}

fn limits() -> Limits {
    Limits {
        instances: std::num::NonZeroUsize::new(2).unwrap(),
        call_timeout: Duration::from_millis(100),
        ..Limits::from(&LimitsConfig::default())
    }
}

fn settings(config: &str, telemetry: &Arc<Telemetry>) -> StageSettings {
    StageSettings {
        component: "tested".to_owned(),
        config: config.to_owned(),
        limits: limits(),
        outside: Outside::new("tested", &GrantsConfig::default(), limits().http_requests, telemetry).unwrap(),
        on_failure: OnFailure::Reject,
        recording: None,
    }
}

impl Bench {
    async fn of(guest: &Guest) -> Bench {
        let (telemetry, sink) = (Telemetry::new(), Arc::new(Sink::default()));
        let settings = settings("{}", &telemetry);
        let processor =
            PluginProcessor::start(&plugin(guest).await, &settings, &telemetry, sink.clone()).await.unwrap();
        Bench { live: processor.live(), processor: Arc::new(processor), sink }
    }

    async fn prepared(&self, guest: &Guest) -> Result<Prepared, PrepareError> {
        self.live.prepare(&plugin(guest).await, settings("{}", self.live.telemetry())).await
    }

    /// Sends batches of two spans. Returns how many items have arrived, and how many were sent.
    async fn send(&self, batches: usize) -> (usize, usize) {
        let before = *self.sink.0.lock().unwrap();
        for _ in 0..batches {
            let batch = Batch::owed_to_nobody(made_up::batch(Signal::Traces).unwrap());
            self.processor.consume(batch).await.map_err(|refused| refused.failure.to_string()).unwrap();
        }
        (*self.sink.0.lock().unwrap() - before, batches * 2)
    }

    fn generation(&self) -> u64 {
        self.live.running().generation
    }
}

fn probation() -> Arc<Probation> {
    let time = Duration::from_secs(60);
    Arc::new(Probation::new(ProbationSettings { time, max_error_rate: 0.01, max_slowdown: 100.0 }))
}

fn failing(fails: Fails) -> Guest {
    Guest { fails: Some(fails), ..Guest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_generation_takes_over_between_two_batches_under_load() {
    let bench = Arc::new(Bench::of(&Guest::default()).await);
    let stop = Arc::new(AtomicBool::new(false));
    let senders = (0..3).map(|_| {
        let (bench, stop) = (bench.clone(), stop.clone());
        tokio::spawn(async move {
            let mut batches = 0;
            while !stop.load(Ordering::Relaxed) {
                let batch = Batch::owed_to_nobody(made_up::batch(Signal::Traces).unwrap());
                bench.processor.consume(batch).await.map_err(|refused| refused.failure.to_string()).unwrap();
                batches += 1;
                tokio::task::yield_now().await;
            }
            batches
        })
    });
    let senders: Vec<_> = senders.collect();
    for _ in 0..10 {
        let next = bench.prepared(&Guest::default()).await.unwrap();
        bench.live.admit(next, Some(probation()));
        bench.live.turned_over().await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for sender in senders {
        sent += sender.await.unwrap();
    }
    assert!(sent > 0);
    assert_eq!(*bench.sink.0.lock().unwrap(), sent * 2);
    assert_eq!(bench.generation(), 11);
}

/// Each instance traps on its second batch, so it takes the made-up data and one batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_too_often_gives_way_to_the_one_before_and_nothing_is_lost() {
    let bench = Bench::of(&Guest::default()).await;
    bench.send(1).await;
    let next = bench.prepared(&failing(Fails::Traps(2))).await.unwrap();
    let probation = probation();
    bench.live.admit(next, Some(probation.clone()));
    let (arrived, sent) = bench.send(20).await;
    assert_eq!(arrived, sent);
    let Some(Verdict::Worse(why)) = probation.verdict() else { panic!("{:?}", probation.verdict()) };
    assert!(why.contains("calls failed") && why.contains("unreachable"), "{why}");
    assert_eq!(bench.generation(), 3);
    assert!(bench.live.running().plugin.sha256 != plugin(&failing(Fails::Traps(2))).await.sha256);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_overruns_its_time_is_rolled_back_at_once() {
    let bench = Bench::of(&Guest::default()).await;
    let next = bench.prepared(&failing(Fails::Loops(1))).await.unwrap();
    let probation = probation();
    bench.live.admit(next, Some(probation.clone()));
    let (arrived, sent) = bench.send(3).await;
    assert_eq!(arrived, sent);
    let Some(Verdict::Worse(why)) = probation.verdict() else { panic!("{:?}", probation.verdict()) };
    assert!(why.contains("limits.call_timeout"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_on_made_up_data_or_is_of_another_shape_never_runs() {
    let bench = Bench::of(&Guest::default()).await;
    let refused = async |guest: Guest| bench.prepared(&guest).await.err().unwrap().to_string();
    assert!(refused(failing(Fails::Traps(0))).await.contains("trapped"));
    assert!(refused(failing(Fails::Loops(0))).await.contains("limits.call_timeout"));
    let sampler = refused(Guest { role: "sampling", ..Guest::default() }).await;
    assert_eq!(sampler, "it is a sampler, and the one that runs a processor");
    let telemetry = bench.live.telemetry().clone();
    let other = bench.live.prepare(&plugin(&Guest::default()).await, settings("!", &telemetry)).await;
    assert!(other.err().unwrap().to_string().contains("refuses its config"));
    assert_eq!(bench.generation(), 1);
    assert_eq!(bench.send(2).await, (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_has_its_share_until_it_is_promoted() {
    let bench = Bench::of(&Guest::default()).await;
    let next = bench.prepared(&Guest::default()).await.unwrap();
    bench.live.admit_canary(next, 0.25, probation()).await.unwrap();
    assert!(bench.live.has_canary());
    assert_eq!(bench.send(20).await, (40, 40));
    assert_eq!(bench.live.running().figures.calls, 15);
    bench.live.promote().await;
    assert!(!bench.live.has_canary());
    assert_eq!(bench.send(2).await, (4, 4));
    assert_eq!((bench.generation(), bench.live.running().figures.calls), (3, 2));
}

/// With `by-trace`, all spans of a trace go to the same version. The canary, which drops everything, gets the
/// same traces of each batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_canary_has_a_share_of_the_traces_where_the_plugin_goes_by_trace() {
    let by_trace = |fails| Guest { concurrency: 1, fails, ..Guest::default() };
    let bench = Bench::of(&by_trace(None)).await;
    let next = bench.prepared(&by_trace(Some(Fails::Swallows(0)))).await.unwrap();
    bench.live.admit_canary(next, 0.5, probation()).await.unwrap();
    let spans: String = (1..=200)
        .map(|id| format!(r#"{{"traceId": "{id:032x}", "spanId": "{id:016x}", "name": "a"}},"#))
        .collect();
    let json = format!(
        r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{}]}}]}}]}}"#,
        spans.trim_end_matches(',')
    );
    let otlp: bytes::Bytes = wire::json::from_json(Signal::Traces, json.as_bytes()).unwrap().into();
    let mut kept = Vec::new();
    for _ in 0..3 {
        let batch = Batch::owed_to_nobody(wire::Batch::decode(Signal::Traces, otlp.clone()).unwrap());
        bench.processor.consume(batch).await.map_err(|refused| refused.failure.to_string()).unwrap();
        let mut traces = std::mem::take(&mut *bench.sink.1.lock().unwrap());
        traces.sort_unstable();
        kept.push(traces);
    }
    assert!((50..150).contains(&kept[0].len()), "{} of 200", kept[0].len());
    assert!(kept.iter().all(|traces| *traces == kept[0]), "one trace went to two versions");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_costs_nothing() {
    let bench = Bench::of(&Guest::default()).await;
    let next = bench.prepared(&failing(Fails::Traps(1))).await.unwrap();
    let probation = probation();
    bench.live.admit_canary(next, 0.5, probation.clone()).await.unwrap();
    assert_eq!(bench.send(20).await, (40, 40));
    assert!(matches!(probation.verdict(), Some(Verdict::Worse(_))), "{:?}", probation.verdict());
    bench.live.dismiss().await;
    assert_eq!(bench.send(2).await, (4, 4));
}

/// A canary of an ending component would get no batch, and the operator would be told that it runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_has_ended_takes_no_canary() {
    let Bench { processor, live, .. } = Bench::of(&Guest::default()).await;
    let next =
        live.prepare(&plugin(&Guest::default()).await, settings("{}", live.telemetry())).await.unwrap();
    processor.shutdown().await;
    drop(processor);
    let error = live.admit_canary(next, 0.5, probation()).await.unwrap_err();
    assert_eq!(error.message, "`tested` is ending");
    assert!(!live.has_canary());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_has_copies_and_is_compared() {
    let bench = Bench::of(&Guest::default()).await;
    let compared = async |guest: &Guest| {
        bench.live.admit_shadow(bench.prepared(guest).await.unwrap()).await.unwrap();
        loop {
            assert_eq!(bench.send(1).await, (2, 2));
            let comparison = bench.live.comparison().unwrap();
            if comparison.same + comparison.different + comparison.failed >= 3 {
                return comparison;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let same = compared(&Guest::default()).await;
    assert_eq!((same.different, same.failed, same.first_difference), (0, 0, None));
    let other = compared(&failing(Fails::Swallows(0))).await;
    assert_eq!((other.same, other.failed), (0, 0), "{other:?}");
    assert_eq!(other.first_difference.as_deref(), Some("1 batches were passed on, now 0"));
    bench.live.dismiss().await;
    assert_eq!(bench.live.comparison(), None::<Comparison>);
}
