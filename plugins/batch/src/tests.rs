use spanloom_plugin::testing;

use super::*;

type Harness = testing::Processor<Batcher>;

fn batcher(config: &str) -> Harness {
    Harness::new(config).unwrap_or_else(|error| panic!("{}: {}", error.path, error.message))
}

/// Returns `count` spans, numbered from `first`.
fn spans(first: usize, count: usize) -> SpanBatch {
    let spans = testing::spans("shop");
    (first..first + count).fold(spans, |spans, number| spans.span(&number.to_string())).into()
}

fn from_tenant(name: &str, first: usize, count: usize) -> Batch {
    testing::from_sender(spans(first, count), "X-Tenant", name)
}

fn names(batch: &Batch) -> Vec<String> {
    let Batch::Spans(spans) = batch else { panic!("not spans") };
    (0..spans.len() as u32).map(|row| spans.span(row).unwrap().name).collect()
}

fn sizes(batches: &[Batch]) -> Vec<usize> {
    batches.iter().map(Batch::len).collect()
}

fn give(batcher: &mut Harness, batch: impl Into<Batch>) -> Vec<Batch> {
    batcher.process_batch(batch.into()).unwrap()
}

fn after(batcher: &mut Harness, millis: u64) -> Vec<Batch> {
    testing::advance(Duration::from_millis(millis));
    batcher.wake().unwrap()
}

fn refusal(config: &str) -> (String, String) {
    let error = Harness::new(config).unwrap_err();
    (error.path, error.message)
}

#[test]
fn batches_leave_as_one_when_they_are_large_enough() {
    let mut batcher = batcher(r#"{"send_batch_size": 10}"#);
    assert!(give(&mut batcher, spans(0, 4)).is_empty());
    assert!(give(&mut batcher, spans(4, 5)).is_empty());
    let sent = give(&mut batcher, spans(9, 3));
    assert_eq!(sizes(&sent), [12], "whole, since there is no largest size");
    assert_eq!(names(&sent[0]), (0..12).map(|number| number.to_string()).collect::<Vec<_>>(), "in order");
    assert!(batcher.flush().unwrap().is_empty());
    assert!(testing::discarded().is_empty());
}

/// The wait begins with the first batch, whatever comes later.
#[test]
fn a_batch_waits_no_longer_than_the_timeout() {
    let mut batcher = batcher(r#"{"timeout": "1s"}"#);
    give(&mut batcher, spans(0, 1));
    assert_eq!(testing::wake_after(), Some(Duration::from_secs(1)));
    testing::advance(Duration::from_millis(600));
    give(&mut batcher, spans(1, 1));
    assert!(after(&mut batcher, 399).is_empty());
    assert_eq!(testing::wake_after(), Some(Duration::from_millis(1)));
    assert_eq!(sizes(&after(&mut batcher, 1)), [2]);
    give(&mut batcher, spans(2, 1));
    assert_eq!(testing::wake_after(), Some(Duration::from_secs(1)));
}

#[test]
fn the_defaults_are_the_collectors() {
    let mut batcher = batcher("{}");
    assert!(give(&mut batcher, spans(0, 8191)).is_empty());
    assert_eq!(testing::wake_after(), Some(Duration::from_millis(200)));
    assert_eq!(sizes(&give(&mut batcher, spans(0, 1))), [8192]);
}

#[test]
fn no_batch_is_larger_than_the_largest_size() {
    let mut batcher = batcher(r#"{"send_batch_size": 10, "send_batch_max_size": 15}"#);
    let sent = give(&mut batcher, spans(0, 52));
    assert_eq!(sizes(&sent), [15, 15, 15], "and 7 wait, which are less than a batch");
    let all: Vec<String> = sent.iter().flat_map(names).collect();
    assert_eq!(all, (0..45).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(sizes(&give(&mut batcher, spans(52, 4))), [11]);
    assert_eq!(sizes(&give(&mut batcher, spans(0, 25))), [15, 10], "10 are a batch");
    give(&mut batcher, spans(0, 16));
    assert_eq!(testing::wake_after(), Some(Duration::from_millis(200)), "for the one that is left");
    assert_eq!(sizes(&after(&mut batcher, 200)), [1]);
}

#[test]
fn without_a_timeout_or_a_size_nothing_waits() {
    for config in [
        r#"{"timeout": 0, "send_batch_max_size": 10000}"#,
        r#"{"timeout": "0s", "send_batch_size": 2, "send_batch_max_size": 2}"#,
        r#"{"send_batch_size": 0, "send_batch_max_size": 2}"#,
    ] {
        let mut batcher = batcher(config);
        let sent = give(&mut batcher, spans(0, 3));
        assert_eq!(sizes(&sent).iter().sum::<usize>(), 3, "{config}");
        assert_eq!(sent.len(), if config.contains("10000") { 1 } else { 2 }, "{config}");
        assert_eq!(testing::wake_after(), None, "{config}");
    }
}

#[test]
fn metrics_and_logs_are_gathered_too_and_never_mixed() {
    let metrics = || {
        let point = r#"{"asInt": "1", "timeUnixNano": "1"}"#;
        let gauge = format!(r#"{{"name": "g", "gauge": {{"dataPoints": [{point}, {point}, {point}]}}}}"#);
        let json = format!(r#"{{"resourceMetrics": [{{"scopeMetrics": [{{"metrics": [{gauge}]}}]}}]}}"#);
        testing::metrics_from_json(&json).unwrap()
    };
    let logs = || {
        let json = r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1"}, {"timeUnixNano": "2"}]}]}]}"#;
        testing::logs_from_json(json).unwrap()
    };
    let mut batcher = batcher(r#"{"send_batch_size": 4, "send_batch_max_size": 4}"#);
    assert!(give(&mut batcher, metrics()).is_empty());
    assert!(give(&mut batcher, logs()).is_empty());
    assert!(give(&mut batcher, spans(0, 3)).is_empty());
    let sent = give(&mut batcher, logs());
    assert_eq!((sizes(&sent), sent[0].signal()), (vec![4], Signal::Logs));
    let sent = give(&mut batcher, metrics());
    assert!(sent.iter().all(|batch| batch.signal() == Signal::Metrics && batch.len() <= 4));
    let rest = batcher.flush().unwrap();
    let points = sent.iter().chain(&rest).filter(|batch| batch.signal() == Signal::Metrics);
    assert_eq!(points.map(Batch::len).sum::<usize>(), 6);
    assert!(rest.iter().any(|batch| batch.signal() == Signal::Traces && batch.len() == 3));
}

#[test]
fn senders_are_kept_apart_by_their_metadata() {
    let mut batcher = batcher(r#"{"send_batch_size": 5, "metadata_keys": ["x-tenant"]}"#);
    give(&mut batcher, from_tenant("a", 0, 3));
    give(&mut batcher, from_tenant("b", 10, 3));
    give(&mut batcher, spans(20, 3));
    let sent = give(&mut batcher, testing::from_sender(from_tenant("a", 3, 2), "user-agent", "curl"));
    assert_eq!(names(&sent[0]), ["0", "1", "2", "3", "4"], "whatever else they say");
    assert_eq!(sent[0].metadata("x-tenant"), ["a"], "what they have in common stays known");
    assert_eq!(testing::metric("otelcol_processor_batch_metadata_cardinality"), Some(2.0));
    assert_eq!(sizes(&after(&mut batcher, 200)), [3, 3]);
    assert_eq!(testing::metric("otelcol_processor_batch_metadata_cardinality"), Some(0.0));
}

/// A further combination is refused until earlier ones have left. The sender keeps the refused batch.
#[test]
fn more_senders_than_the_limit_are_refused_for_now() {
    let mut batcher = batcher(r#"{"metadata_keys": ["x-tenant"], "metadata_cardinality_limit": 2}"#);
    give(&mut batcher, from_tenant("a", 0, 1));
    give(&mut batcher, from_tenant("b", 1, 1));
    let Err(Failure::Retryable(refused)) = batcher.process_batch(from_tenant("c", 2, 1)) else {
        panic!("it is to be refused retryably")
    };
    assert_eq!(
        refused.message,
        "too many combinations of the values of `metadata_keys` wait to be sent: 2 (`metadata_cardinality_limit`)"
    );
    give(&mut batcher, from_tenant("a", 3, 1));
    assert_eq!(sizes(&after(&mut batcher, 200)), [2, 1]);
    give(&mut batcher, from_tenant("c", 2, 1));
    assert_eq!(sizes(&batcher.flush().unwrap()), [1]);
}

/// Waiting batches go on waiting after a handover, with senders kept apart, and no longer than before.
#[test]
fn what_waits_outlives_the_instance() {
    let config = r#"{"timeout": "1s", "metadata_keys": ["x-tenant"]}"#;
    let mut batcher = batcher(config);
    give(&mut batcher, from_tenant("a", 0, 2));
    testing::advance(Duration::from_millis(400));
    give(&mut batcher, from_tenant("b", 2, 1));
    batcher.hand_over(config).unwrap();
    assert_eq!(testing::wake_after(), Some(Duration::from_millis(600)));
    give(&mut batcher, from_tenant("a", 3, 1));
    let sent = after(&mut batcher, 600);
    assert_eq!(sent.iter().map(names).collect::<Vec<_>>(), [["0", "1", "3"]]);
    assert_eq!(sizes(&after(&mut batcher, 400)), [1]);
}

#[test]
fn a_state_that_cannot_be_read_costs_the_deadlines_only() {
    let mut batcher = batcher(r#"{"timeout": "1s"}"#);
    let saved = Saved { state: b"of another version".to_vec(), batches: vec![spans(0, 2).into()] };
    batcher.restore(saved).unwrap();
    assert_eq!(sizes(&after(&mut batcher, 1000)), [2]);
}

#[test]
fn a_changed_config_holds_for_what_waits_already() {
    let mut batcher = batcher(r#"{"timeout": "1s"}"#);
    give(&mut batcher, from_tenant("a", 0, 2));
    give(&mut batcher, from_tenant("b", 2, 2));
    batcher.reconfigure(r#"{"timeout": "1s", "send_batch_size": 5, "metadata_keys": []}"#).unwrap();
    assert_eq!(sizes(&give(&mut batcher, spans(4, 1))), [5]);
}

/// Thousands of requests with one span each are merged in time, because the host limits the number of
/// handles.
#[test]
fn many_small_batches_are_held_as_few() {
    let mut batcher = batcher("{}");
    for number in 0..8191 {
        assert!(give(&mut batcher, spans(number, 1)).is_empty());
        assert!(batcher.plugin().batches <= LOOSE_LIMIT);
    }
    let sent = give(&mut batcher, spans(8191, 1));
    assert_eq!(names(&sent[0]), (0..8192).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(batcher.plugin().batches, 0);
}

#[test]
fn what_leaves_is_counted_by_size_and_reason() {
    let mut batcher = batcher(r#"{"send_batch_size": 2}"#);
    let sent = give(&mut batcher, spans(0, 3));
    let bytes = sent[0].encoded_len() as f64;
    give(&mut batcher, spans(3, 1));
    let bytes = bytes + after(&mut batcher, 200)[0].encoded_len() as f64;
    let metric = |name: &str| testing::metric(&format!("otelcol_processor_batch_{name}"));
    assert_eq!(metric("batch_send_size"), Some(4.0), "the sum of 3 and 1");
    assert_eq!(metric("batch_send_size_bytes"), Some(bytes));
    assert_eq!(metric("batch_size_trigger_send"), Some(1.0));
    assert_eq!(metric("timeout_trigger_send"), Some(1.0));
    assert_eq!(metric("metadata_cardinality"), None, "nobody asked for it");
}

#[test]
fn a_config_that_cannot_be_is_refused() {
    let wrong = |config: &str, path: &str, message: &str| {
        assert_eq!(refusal(config), (path.to_owned(), message.to_owned()), "{config}");
    };
    wrong(
        r#"{"send_batch_max_size": 100}"#,
        "send_batch_max_size",
        "100 is below `send_batch_size`, 8192: make it as large, or 0 for no limit",
    );
    wrong(
        r#"{"metadata_keys": ["x-tenant", "y", "X-Tenant"]}"#,
        "metadata_keys[2]",
        "`X-Tenant` is there twice (case does not count)",
    );
    wrong(
        r#"{"metadata_keys": ["Authorization"]}"#,
        "metadata_keys[0]",
        "`Authorization` carries a secret, which no plugin is shown",
    );
    wrong(r#"{"timeout": "-1s"}"#, "timeout", "a duration is not negative");
    assert_eq!(refusal(r#"{"send_batch_size": -1}"#).0, "send_batch_size");
}

/// The schema, which `spanloom validate` uses, has every key with its default.
#[test]
fn the_schema_names_the_keys_and_their_defaults() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../config.schema.json")).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.len(), 5);
    let defaults: serde_json::Map<_, _> =
        properties.iter().map(|(key, of)| (key.clone(), of["default"].clone())).collect();
    let config: BatchConfig = serde_json::from_value(defaults.into()).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", BatchConfig::default()));
}
