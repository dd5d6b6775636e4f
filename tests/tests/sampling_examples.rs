//! The configs of `examples/sampling`: each is valid, runs as it stands, and keeps what its comment says.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use prost::Message as _;
use spanloom_tests::{
    Sink, Spanloom,
    command::spanloom,
    guests::{built, metric},
    otlp::{self, Signal, client::GrpcClient},
};
use tokio::time::{Instant, sleep};

const TRACES: usize = 8_000;
/// How many traces have a span in one request.
const TRACES_PER_REQUEST: usize = 500;
const START_UNIX_NANO: u64 = 1_700_000_000_000_000_000;
/// The randomness of a trace is the last 56 bits of its id.
const RANDOMNESS_END: f64 = (1_u64 << 56) as f64;
/// How far a count may be from the expected one, in standard deviations. The trace ids are always the same, so a count
/// that depends on them alone is the same in each run.
const SIGMAS: f64 = 3.0;
/// The same for counts that depend on the time, too.
const SIGMAS_IN_TIME: f64 = 4.0;

/// What the traces of a kind have in common.
#[derive(Clone, Copy)]
struct Kind {
    /// The service of the root span. The other spans are those of a service `store`.
    service: &'static str,
    root: &'static str,
    spans: usize,
    trace_state: &'static str,
    /// The method and the path of the root's request; empty if it is none.
    request: [&'static str; 2],
}

const PLAIN: Kind = Kind { service: "shop", root: "GET /", spans: 4, trace_state: "", request: ["", ""] };

/// A running example and its destination.
struct Example {
    sink: Sink,
    spanloom: Spanloom,
    client: GrpcClient,
}

/// What an example let through.
struct Kept {
    traces: BTreeMap<Vec<u8>, Vec<Span>>,
    metrics: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sampling")
}

/// Returns whether a span of this trace has failed; it is never the root.
fn has_failed(trace: usize) -> bool {
    trace % 20 == 3
}

/// Returns whether this trace took three seconds.
fn is_slow(trace: usize) -> bool {
    trace % 20 == 7
}

/// Returns a number that looks random, always the same for a seed (SplitMix64).
fn scrambled(seed: u64) -> u64 {
    let mut number = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn trace_id(trace: usize) -> Vec<u8> {
    let seed = trace as u64 * 2 + 1;
    [scrambled(seed), scrambled(seed + 1)].map(u64::to_be_bytes).concat()
}

/// Returns the randomness of a trace, from 0 to 1.
fn randomness(trace: usize) -> f64 {
    let low = scrambled(trace as u64 * 2 + 2) & ((1 << 56) - 1);
    low as f64 / RANDOMNESS_END
}

fn span(trace: usize, part: usize, kind: Kind) -> Span {
    let id = |part: usize| (trace as u64 * 64 + part as u64 + 1).to_be_bytes().to_vec();
    let is_root = part == 0;
    let millis = if is_root && is_slow(trace) { 3_000 } else { 10 };
    let failed = has_failed(trace) && part + 1 == kind.spans;
    let of_request = std::iter::zip(["http.request.method", "url.path"], kind.request);
    let of_request = of_request.filter(|(_, value)| is_root && !value.is_empty());
    Span {
        trace_id: trace_id(trace),
        span_id: id(part),
        parent_span_id: if is_root { Vec::new() } else { id(0) },
        trace_state: kind.trace_state.to_owned(),
        name: if is_root { kind.root } else { "work" }.to_owned(),
        start_time_unix_nano: START_UNIX_NANO,
        end_time_unix_nano: START_UNIX_NANO + millis * 1_000_000,
        status: failed.then(|| Status { code: 2, message: String::new() }),
        attributes: of_request.map(|(key, value)| text(key, value)).collect(),
        ..Span::default()
    }
}

fn text(key: &str, text: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// Returns a request with one span of each trace: the root if `part` is 0.
fn request(traces: &[usize], part: usize, kind: Kind) -> Bytes {
    let attribute = text("service.name", if part == 0 { kind.service } else { "store" });
    let spans = traces.iter().map(|trace| span(*trace, part, kind)).collect();
    let of_resource = ResourceSpans {
        resource: Some(Resource { attributes: vec![attribute], ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![of_resource] }.encode_to_vec().into()
}

/// Returns how many traces a span stands for, by the threshold in its trace state.
fn weight(span: &Span) -> f64 {
    let of_otel = span.trace_state.split(',').find_map(|member| member.strip_prefix("ot="));
    let threshold = of_otel.and_then(|values| values.split(';').find_map(|value| value.strip_prefix("th:")));
    let Some(threshold) = threshold else { return 1.0 };
    let threshold = u64::from_str_radix(&format!("{threshold:0<14}"), 16).expect("hex digits");
    1.0 / (1.0 - threshold as f64 / RANDOMNESS_END)
}

/// Checks that `kept` of `all` is about this share.
#[track_caller]
fn check_share(kept: usize, all: usize, share: f64) {
    let (expected, sigma) = (all as f64 * share, (all as f64 * share * (1.0 - share)).sqrt());
    assert!(
        (kept as f64 - expected).abs() <= SIGMAS * sigma,
        "{kept} of {all} are kept, and not {expected} ± {sigma}"
    );
}

impl Example {
    async fn start(name: &str, args: &[&str], environment: &[(&str, &str)]) -> Example {
        let sink = Sink::start().await;
        let address = sink.address.to_string();
        let environment = [&[("BACKEND", address.as_str())][..], environment].concat();
        let spanloom = Spanloom::start_file_with(&folder().join(name), args, &environment).await;
        let client = GrpcClient::connect(spanloom.grpc).await;
        Example { sink, spanloom, client }
    }

    /// Sends traces in as many requests as a trace has spans. The roots come last.
    async fn send(&self, traces: &[usize], kind: Kind) {
        let parts: Vec<usize> = (0..kind.spans).rev().collect();
        self.send_parts(traces, &parts, kind).await;
    }

    /// Sends some spans of each trace.
    async fn send_parts(&self, traces: &[usize], parts: &[usize], kind: Kind) {
        for traces in traces.chunks(TRACES_PER_REQUEST) {
            for part in parts {
                self.client.send(Signal::Traces, request(traces, *part, kind)).await.expect("it is taken");
            }
        }
    }

    /// Waits until everything is decided. Checks that traces were kept whole, and that what did not arrive was sampled
    /// out.
    async fn finish(self, spans_per_trace: usize) -> Kept {
        self.spanloom.settled().await;
        let metrics = self.spanloom.metrics().await;
        let mut traces: BTreeMap<Vec<u8>, Vec<Span>> = BTreeMap::new();
        for account in self.spanloom.finish().await.values() {
            assert_eq!(account.received, account.delivered + account.sampled_out, "{account:?}");
        }
        for span in self.sink.accepted().iter().flat_map(|request| otlp::spans(&request.body)) {
            traces.entry(span.trace_id.clone()).or_default().push(span);
        }
        for spans in traces.values() {
            let states: Vec<&str> = spans.iter().map(|span| span.trace_state.as_str()).collect();
            assert_eq!(spans.len(), spans_per_trace, "{spans:?}");
            assert!(states.windows(2).all(|pair| pair[0] == pair[1]), "{states:?}");
        }
        Kept { traces, metrics }
    }
}

impl Kept {
    /// Returns those of the traces that were kept.
    fn of(&self, traces: &[usize]) -> Vec<usize> {
        traces.iter().copied().filter(|trace| self.traces.contains_key(&trace_id(*trace))).collect()
    }

    fn weight(&self, trace: usize) -> f64 {
        weight(&self.traces[&trace_id(trace)][0])
    }

    /// Checks that the kept traces stand for about as many as there were.
    #[track_caller]
    fn check_count(&self, traces: &[usize], were: usize, sigmas: f64) {
        let weights: Vec<f64> = self.of(traces).into_iter().map(|trace| self.weight(trace)).collect();
        let count: f64 = weights.iter().sum();
        // What is kept tells how far the estimate may be off.
        let sigma = weights.iter().map(|weight| weight * (weight - 1.0)).sum::<f64>().sqrt();
        assert!(
            (count - were as f64).abs() <= sigmas * sigma,
            "the kept ones stand for {count}, and not for {were} ± {sigma}"
        );
    }

    /// Returns how many traces were kept for a reason.
    fn because(&self, reason: &str) -> usize {
        let labels = ["decision=\"keep\"", &format!("reason=\"{reason}\"")];
        metric(&self.metrics, "spanloom_sampler_traces", &labels) as usize
    }

    fn decided(&self, sampled: bool) -> usize {
        let name = "otelcol_processor_tail_sampling_global_count_traces_sampled";
        metric(&self.metrics, name, &[&format!("sampled=\"{sampled}\"")]) as usize
    }
}

/// Scenario: `spanloom validate` reads each config.
/// Guarantees: it is valid, without a warning, and the README tells when to choose it.
#[tokio::test]
async fn each_example_is_valid_and_in_the_readme() {
    let readme = fs::read_to_string(folder().join("README.md")).expect("the README");
    let entries = fs::read_dir(folder()).expect("the folder").map(|entry| entry.expect("an entry").path());
    let configs: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    assert!(configs.len() >= 6, "{configs:?}");
    for config in configs {
        let name = config.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        assert!(readme.contains(&format!("[{name}]({name})")), "{name} is not in the README");
        let path = config.display().to_string();
        let mut args = vec!["validate".to_owned(), "--config".to_owned(), path];
        if fs::read_to_string(&config).expect("a config").contains("\nplugins:\n") {
            let Some(plugin) = built("rust-keep-errors.wasm") else { continue };
            args.extend(["--set".to_owned(), format!("plugins::keep_errors::path={}", plugin.display())]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ended = spanloom(&args).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{name}");
    }
}

/// Scenario: half of the traces come from an SDK that has sampled a half of its own, and says so.
/// Guarantees: 5 % of what comes is kept, in whole traces, and stands for all that there was in front of the SDK, too.
#[tokio::test]
async fn five_percent_are_kept_and_stand_for_all() {
    let example = Example::start("five-percent.yaml", &[], &[]).await;
    let (of_sdk, plain): (Vec<usize>, Vec<usize>) = (0..TRACES).partition(|trace| trace % 2 == 1);
    let all_of_sdk = of_sdk.len();
    let of_sdk: Vec<usize> = of_sdk.into_iter().filter(|trace| randomness(*trace) >= 0.5).collect();
    example.send(&plain, PLAIN).await;
    example.send(&of_sdk, Kind { trace_state: "ot=th:8", ..PLAIN }).await;
    let kept = example.finish(PLAIN.spans).await;
    for (traces, were) in [(&plain, plain.len()), (&of_sdk, all_of_sdk)] {
        check_share(kept.of(traces).len(), traces.len(), 0.05);
        kept.check_count(traces, were, SIGMAS);
    }
}

/// Sends traces of which one in twenty has failed and another one is slow. Checks that all those which `matters` names
/// are kept, 5 % of the others, and that these stand for all the others.
async fn check_tail(config: &str, environment: &[(&str, &str)], matters: fn(usize) -> bool) -> Kept {
    let example = Example::start(config, &[], environment).await;
    let all: Vec<usize> = (0..TRACES).collect();
    example.send(&all, PLAIN).await;
    let kept = example.finish(PLAIN.spans).await;
    let (matter, others): (Vec<usize>, Vec<usize>) = all.into_iter().partition(|trace| matters(*trace));
    assert_eq!(kept.of(&matter), matter);
    assert!(matter.iter().all(|trace| kept.weight(*trace) == 1.0));
    check_share(kept.of(&others).len(), others.len(), 0.05);
    kept.check_count(&others, others.len(), SIGMAS);
    assert_eq!((kept.decided(true), kept.decided(false)), (kept.traces.len(), TRACES - kept.traces.len()));
    kept
}

/// Guarantees: every trace with an error is kept, 5 % of the others, and the metrics say why.
#[tokio::test]
async fn five_percent_and_all_errors_are_kept() {
    let kept = check_tail("five-percent-and-errors.yaml", &[], has_failed).await;
    assert_eq!(kept.because("errors"), TRACES / 20);
    assert_eq!(kept.because("some"), kept.traces.len() - TRACES / 20);
}

/// Scenario: a span of each trace comes after the decision about its trace, by policies and by rules of X-Ray's.
/// Guarantees: the late spans of kept traces say the same as the rest of their trace, so they stand for as many.
#[tokio::test]
async fn late_spans_stand_for_as_many_as_their_trace() {
    for config in ["five-percent-and-errors.yaml", "xray-rules.yaml"] {
        let example = Example::start(config, &[], &[]).await;
        let all: Vec<usize> = (0..TRACES).collect();
        example.send_parts(&all, &[3, 2, 0], PLAIN).await;
        example.spanloom.settled().await;
        example.send_parts(&all, &[1], PLAIN).await;
        let kept = example.finish(PLAIN.spans).await;
        let rated = kept.traces.values().filter(|spans| spans.iter().all(|span| weight(span) > 19.0)).count();
        assert!(rated > TRACES / 30, "{config}: {rated}");
        kept.check_count(&all, TRACES, SIGMAS);
    }
}

/// Guarantees: every trace is kept that failed or took more than a second, and 5 % of the others.
#[tokio::test]
async fn errors_and_slow_traces_are_kept() {
    let kept = check_tail("errors-and-slow.yaml", &[], |trace| has_failed(trace) || is_slow(trace)).await;
    assert_eq!((kept.because("errors"), kept.because("slow")), (TRACES / 20, TRACES / 20));
}

/// Guarantees: a sampler of one's own keeps what the policies of `errors-and-slow.yaml` keep.
#[tokio::test]
async fn a_sampler_of_ones_own_keeps_errors_and_slow_traces() {
    let Some(plugin) = built("rust-keep-errors.wasm") else { return };
    let environment = [("KEEP_ERRORS", plugin.to_str().expect("UTF-8"))];
    check_tail("own-sampler.yaml", &environment, |trace| has_failed(trace) || is_slow(trace)).await;
}

/// Scenario: for three seconds, a service sends eight times as many traces as it may keep, and another service only few.
/// Each trace has spans of a third service, too.
/// Guarantees: the loud service has its burst and its rate, the quiet one loses nothing, and no trace says that it stands
/// for others.
#[tokio::test]
async fn each_service_has_so_many_traces_a_second() {
    const BURST: f64 = 500.0;
    const PER_SECOND: f64 = 100.0;
    let example = Example::start("so-many-a-second.yaml", &[], &[]).await;
    let loud = Kind { service: "loud", spans: 10, ..PLAIN };
    let (mut of_loud, mut of_quiet): (Vec<usize>, Vec<usize>) = Default::default();
    let begun = Instant::now();
    for round in 0..30 {
        let first = round * 100;
        let (traces, few): (Vec<usize>, Vec<usize>) =
            ((first..first + 80).collect(), (first + 80..first + 82).collect());
        example.send(&traces, loud).await;
        example.send(&few, Kind { service: "quiet", ..loud }).await;
        of_loud.extend(traces);
        of_quiet.extend(few);
        sleep(Duration::from_millis(100)).await;
    }
    let sent = begun.elapsed().as_secs_f64();
    let kept = example.finish(loud.spans).await;
    let decided = begun.elapsed().as_secs_f64();
    let of_loud = kept.of(&of_loud);
    // On a busy machine, traces may be decided in fewer turns than they came in.
    let (least, most) = (BURST + PER_SECOND * sent / 2.0, BURST + PER_SECOND * decided);
    assert!(
        (least..=most).contains(&(of_loud.len() as f64)),
        "{} are not from {least} to {most}",
        of_loud.len()
    );
    assert_eq!(kept.of(&of_quiet), of_quiet);
    assert!(of_loud.iter().chain(&of_quiet).all(|trace| kept.weight(*trace) == 1.0));
    assert_eq!(kept.because("so-many"), kept.traces.len());
}

/// Scenario: health checks, orders and other requests come, of each kind hundreds.
/// Guarantees: no health check is kept. Of the orders, those of the upper half of the randomness are, and stand for two; the
/// others only within ten a second, and stand for themselves. Of the rest about 5 % are kept, and one a second. The kept
/// orders stand for all of them.
#[tokio::test]
async fn rules_of_x_ray_keep_some_a_second_and_a_share_of_the_rest() {
    let example = Example::start("xray-rules.yaml", &[], &[]).await;
    let (health, order) = (["GET", "/health"], ["POST", "/checkout"]);
    let (checks, orders, others): (Vec<usize>, Vec<usize>, Vec<usize>) =
        ((0..500).collect(), (500..2000).collect(), (2000..TRACES).collect());
    let begun = Instant::now();
    example.send(&checks, Kind { request: health, ..PLAIN }).await;
    example.send(&orders, Kind { request: order, ..PLAIN }).await;
    example.send(&others, PLAIN).await;
    let kept = example.finish(PLAIN.spans).await;
    // The first and the last second may be begun.
    let seconds = begun.elapsed().as_secs() as usize + 2;

    assert_eq!(kept.of(&checks), Vec::<usize>::new());
    let is_upper = |trace: &usize| randomness(*trace) >= 0.5;
    let (upper, lower): (Vec<usize>, Vec<usize>) = orders.iter().copied().partition(is_upper);
    assert_eq!(kept.of(&upper), upper);
    assert!(upper.iter().all(|trace| [1.0, 2.0].contains(&kept.weight(*trace))));
    let of_reservoir = kept.of(&lower);
    assert!(of_reservoir.len() <= 10 * seconds, "{} in {seconds} s", of_reservoir.len());
    assert!(of_reservoir.iter().all(|trace| kept.weight(*trace) == 1.0));
    kept.check_count(&orders, orders.len(), SIGMAS_IN_TIME);
    let whole = |traces: &[usize]| kept.of(traces).iter().filter(|trace| kept.weight(**trace) == 1.0).count();
    assert!((1..=seconds).contains(&whole(&others)), "{} in {seconds} s", whole(&others));
    check_share(kept.of(&others).len() - whole(&others), others.len() - whole(&others), 0.05);
    let reasons = [("orders", &orders), ("default", &others)]
        .map(|(reason, of)| kept.because(reason) == kept.of(of).len());
    assert_eq!(reasons, [true; 2]);
}

/// Scenario: for five seconds, a service sends 500 health checks a second and ten orders. The shares are calculated every
/// second instead of every 15.
/// Guarantees: what failed or is slow is kept. Once the kinds are known, all orders are kept, and health checks within the
/// rate. The kept health checks stand for all of them.
#[tokio::test]
async fn adaptive_keeps_the_rare_and_thins_the_common() {
    const PER_SECOND: f64 = 100.0;
    const ROUNDS: usize = 50;
    let example =
        Example::start("adaptive.yaml", &["--set", "processors::adaptive_sampler::interval=1s"], &[]).await;
    let (health, order) = (Kind { root: "GET /health", ..PLAIN }, Kind { root: "POST /order", ..PLAIN });
    let (mut checks, mut orders): (Vec<usize>, Vec<usize>) = Default::default();
    let begun = Instant::now();
    for round in 0..ROUNDS {
        let first = round * 60;
        let (common, rare): (Vec<usize>, Vec<usize>) =
            ((first..first + 50).collect(), (first + 50..first + 51).collect());
        example.send(&common, health).await;
        example.send(&rare, order).await;
        checks.extend(common);
        orders.extend(rare);
        sleep(Duration::from_millis(100)).await;
    }
    let kept = example.finish(PLAIN.spans).await;
    let seconds = begun.elapsed().as_secs_f64();
    let (matter, usual): (Vec<usize>, Vec<usize>) =
        checks.iter().copied().partition(|trace| has_failed(*trace) || is_slow(*trace));
    assert_eq!(kept.of(&matter), matter);
    let late: Vec<usize> = orders[ROUNDS / 2..].to_vec();
    assert_eq!(kept.of(&late), late);
    assert!(late.iter().all(|trace| kept.weight(*trace) == 1.0));
    let of_usual = kept.of(&usual).len();
    assert!((of_usual as f64) < PER_SECOND * seconds && of_usual < usual.len() / 2, "{of_usual}");
    kept.check_count(&usual, usual.len(), SIGMAS_IN_TIME);
    let exempt = |of: fn(usize) -> bool| checks.iter().chain(&orders).filter(|trace| of(**trace)).count();
    assert_eq!((kept.because("error"), kept.because("slow")), (exempt(has_failed), exempt(is_slow)));
}
