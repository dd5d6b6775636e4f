use serde::Deserialize as _;
use spanloom_plugin::{prelude::*, serde_json};

use super::*;
use crate::sampler::Evidence;

fn config(json: &str) -> Config {
    Config::deserialize(&mut serde_json::Deserializer::from_str(json)).expect("a config")
}

fn processor(json: &str) -> testing::Processor<ProbabilisticSampler> {
    testing::Processor::new(json).expect("a config")
}

/// Returns trace ids without any pattern.
fn ids(count: u64) -> impl Iterator<Item = [u8; 16]> {
    let mixed = |number: u64| {
        let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    };
    let id = move |number: u64| {
        let high = mixed(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (u128::from(high) << 64 | u128::from(mixed(high ^ number))).to_be_bytes()
    };
    (1..=count).map(id)
}

/// Returns which ids are kept, without a trace state and without a priority.
fn kept(json: &str, ids: impl Iterator<Item = [u8; 16]>) -> Vec<bool> {
    let config = config(json);
    let mode = Mode::of(&config);
    let keeps = |id: [u8; 16]| {
        let randomness = match &mode {
            Mode::HashSeed { seed, .. } => hash::randomness(*seed, &id),
            _ => Randomness::of_trace_id(&id),
        };
        let evidence = Evidence {
            randomness: Some(randomness),
            policy: sampler::Policy::TraceIdW3c,
            arriving: None,
            is_faulty: false,
            carries: true,
        };
        evidence.is_kept_by(mode.judge(&evidence, true).threshold)
    };
    ids.map(keeps).collect()
}

/// Scenario: a million ids are decided on in each mode, at several percentages.
/// Guarantees: the kept share lies within three standard deviations of the percentage.
#[test]
fn the_kept_share_is_the_percentage() {
    const COUNT: u64 = 1_000_000;
    for mode in ["hash_seed", "proportional", "equalizing"] {
        for percentage in [1.0, 12.5, 50.0, 90.0] {
            let json =
                format!(r#"{{"mode": "{mode}", "sampling_percentage": {percentage}, "hash_seed": 22}}"#);
            let kept = kept(&json, ids(COUNT)).into_iter().filter(|kept| *kept).count() as f64;
            // A bucket of the hash is a 16,384th.
            let buckets = (percentage * 163.84_f64).floor();
            let share = if mode == "hash_seed" { buckets / 16_384.0 } else { percentage / 100.0 };
            let expected = share * COUNT as f64;
            let deviation = (expected * (1.0 - share)).sqrt();
            assert!((kept - expected).abs() < 3.0 * deviation, "{json}: {kept}, expected {expected}");
        }
    }
}

/// Guarantees: what is kept at a percentage is kept at every higher one, so that samplers in a row keep whole
/// traces.
#[test]
fn a_lower_percentage_keeps_a_part_of_what_a_higher_one_keeps() {
    for mode in ["hash_seed", "proportional", "equalizing"] {
        let mut fewer = vec![false; 10_000];
        for percentage in [0.0, 0.5, 3.0, 33.3, 66.0, 99.9, 100.0] {
            let json = format!(r#"{{"mode": "{mode}", "sampling_percentage": {percentage}}}"#);
            let more = kept(&json, ids(10_000));
            assert!(fewer.iter().zip(&more).all(|(fewer, more)| !fewer || *more), "{json}");
            fewer = more;
        }
        assert!(fewer.iter().all(|kept| *kept), "{mode}");
    }
}

/// Scenario: spans with trace states come to a proportional sampler of a half.
/// Guarantees: thresholds multiply, other members stay, and what contradicts itself is left out.
#[test]
fn proportional_thresholds_multiply() {
    let states = |json: &str| {
        let spans = testing::from_json(json).expect("spans");
        let sampler = r#"{"sampling_percentage": 50, "mode": "proportional"}"#;
        let passed = processor(sampler).process(spans).expect("passed");
        let texts = |spans: &SpanBatch| {
            let states = spans.trace_states();
            spans
                .names()
                .iter()
                .map(|(row, name)| format!("{name} {}", states.get(row).unwrap_or("-")))
                .collect::<Vec<_>>()
        };
        passed.iter().flat_map(texts).collect::<Vec<_>>()
    };
    let span = |name: &str, id: &str, state: &str| {
        format!(
            r#"{{"traceId": "0000000000000000{id}", "spanId": "0000000000000001", "name": "{name}", "traceState": "{state}"}}"#
        )
    };
    let spans = [
        span("high", "00ffffffffffffff", ""),
        span("low", "007fffffffffffff", ""),
        span("sampled", "00ffffffffffffff", "a=b,ot=x:1;th:8"),
        span("explicit", "0000000000000000", "ot=rv:ffffffffffffff"),
        span("inconsistent", "0040000000000000", "ot=th:8"),
        span("malformed", "00ffffffffffffff", "ot=th:zz"),
    ];
    let json = format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{}]}}]}}]}}"#, spans.join(","));
    assert_eq!(
        states(&json),
        ["high ot=th:8", "sampled ot=th:c;x:1,a=b", "explicit ot=rv:ffffffffffffff;th:8"]
    );
    assert!(testing::samples_out());
}

/// Guarantees: a priority above 0 keeps a span, and 0 leaves it out, whatever the mode says.
#[test]
fn a_priority_decides_before_the_hash() {
    let spans = testing::spans("shop").span("must").attribute("sampling.priority", 1_i64);
    let spans = spans.span("text").attribute("sampling.priority", "0.5").span("never");
    let passed = processor(r#"{"sampling_percentage": 0}"#).process(spans).expect("passed");
    let names: Vec<String> = passed
        .iter()
        .flat_map(|spans| spans.names().iter().map(|(_, name)| name.to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(names, ["must", "text"]);
    let spans = testing::spans("shop").span("out").attribute("sampling.priority", 0.0).span("in");
    let passed = processor(r#"{"sampling_percentage": 100}"#).process(spans).expect("passed");
    let names: Vec<String> = passed
        .iter()
        .flat_map(|spans| spans.names().iter().map(|(_, name)| name.to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(names, ["in"]);
}

/// Scenario: log records with and without trace ids, attributes and priorities.
/// Guarantees: they are hashed by what the config names, and the decision is written into what is kept.
#[test]
fn log_records_are_hashed_by_an_attribute_and_carry_the_decision() {
    let record =
        |attributes: &str| format!(r#"{{"body": {{"stringValue": "x"}}, "attributes": [{attributes}]}}"#);
    let attribute = |key: &str, value: &str| format!(r#"{{"key": "{key}", "value": {value}}}"#);
    let records = [
        record(&attribute("id", r#"{"stringValue": "seven"}"#)),
        record(""),
        record(&[attribute("p", r#"{"intValue": "100"}"#)].concat()),
    ];
    let logs =
        format!(r#"{{"resourceLogs": [{{"scopeLogs": [{{"logRecords": [{}]}}]}}]}}"#, records.join(","));
    let logs = testing::logs_from_json(&logs).expect("logs");
    let config = r#"{"sampling_percentage": 99.99, "attribute_source": "record", "from_attribute": "id", "sampling_priority": "p"}"#;
    let passed = processor(config).process_batch(logs.into()).expect("passed");
    let [Batch::Logs(logs)] = passed.as_slice() else { panic!("{passed:?}") };
    let records = wire::LogsBatch::decode(logs.otlp().into()).expect("logs");
    let texts = |key| {
        let texts =
            records.values(key).map(|value| value.and_then(|value| value.as_text().map(str::to_owned)));
        texts.collect::<Vec<_>>()
    };
    let randomness = hash::randomness(0, b"seven").to_string();
    assert_eq!(texts("sampling.randomness"), [Some(randomness), None]);
    assert_eq!(texts("sampling.threshold"), [Some("0008".to_owned()), Some("0".to_owned())]);
}

#[test]
fn a_wrong_config_is_refused() {
    for (json, key) in [
        (r#"{"sampling_percentage": -1}"#, "sampling_percentage"),
        (r#"{"sampling_percentage": 1e-20}"#, "sampling_percentage"),
        (r#"{"sampling_precision": 0}"#, "sampling_precision"),
        (r#"{"sampling_precision": 15}"#, "sampling_precision"),
    ] {
        let error = testing::Processor::<ProbabilisticSampler>::new(json).expect_err("wrong");
        assert_eq!(error.path, key, "{json}");
    }
}
