//! A connector that counts items of every signal. Each call stores the count under the key `count`, and passes on what it makes:
//! a gauge of as many points as there were items, and the log records that came, taken apart and put together. It has metrics
//! of its own, and is woken after each batch.
#![cfg(target_family = "wasm")]

use exports::spanloom::plugin::{connecting, describe, flush, timer};
use spanloom::plugin::{
    batches::{Batch, LogsBatch, MetricsBatch},
    metrics::{Counter, Gauge, Histogram, Label},
    output, schedule, store,
    types::{ConfigError, Failure, Signal},
};

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package spanloom:kept;
        world kept {
            include spanloom:plugin/connector@0.1.0;
            export spanloom:plugin/describe@0.1.0;
            export spanloom:plugin/timer@0.1.0;
            export spanloom:plugin/flush@0.1.0;
        }
    ",
    world: "spanloom:kept/kept",
    generate_all,
});

struct Plugin;
export!(Plugin);

impl describe::Guest for Plugin {
    fn describe() -> describe::Description {
        describe::Description {
            name: "kept-connector".into(),
            version: "0.1.0".into(),
            summary: "Counts what comes.".into(),
            config_schema: None,
            signals: vec![Signal::Traces, Signal::Metrics, Signal::Logs],
            concurrency: describe::Concurrency::Single,
            grants: vec![describe::Grant::Store],
        }
    }
}

impl connecting::Guest for Plugin {
    fn emits() -> Vec<Signal> {
        vec![Signal::Metrics, Signal::Logs]
    }

    fn configure(_: String) -> Result<(), ConfigError> {
        Ok(())
    }

    fn consume(batch: Batch) -> Result<Vec<Batch>, Failure> {
        schedule::wake_after(1);
        let labels = || vec![Label { name: "of".into(), value: "kept".into() }];
        Gauge::new("kept_len", "Items of the last batch.", &labels()).set(len(&batch).into());
        Histogram::new("kept_lens", "Items of batches.", &labels()).record(len(&batch).into());
        let items = len(&batch);
        Counter::new("kept_items", "Items.", &labels()).add(items.into());
        store::set("count", &(stored() + items).to_le_bytes()).expect("it is granted");
        Ok(match batch {
            Batch::Spans(_) => vec![Batch::Metrics(gauge(items))],
            Batch::Metrics(metrics) => vec![Batch::Metrics(metrics_apart(metrics))],
            Batch::Logs(logs) => vec![Batch::Logs(logs_apart(logs))],
        })
    }
}

impl timer::Guest for Plugin {
    fn wake() -> Result<Vec<Batch>, Failure> {
        Counter::new("kept_wakes", "Wake-ups.", &[]).add(1);
        Ok(vec![])
    }
}

impl flush::Guest for Plugin {
    /// A gauge of all that was counted.
    fn flush() -> Result<Vec<Batch>, Failure> {
        assert!(store::keys("co") == ["count"], "what it stored is not there");
        let count = stored();
        store::delete("count");
        assert!(store::get("count").is_none(), "what it deleted is there");
        Ok(vec![Batch::Metrics(gauge(count))])
    }
}

fn stored() -> u32 {
    store::get("count").map_or(0, |count| u32::from_le_bytes(count.try_into().expect("four bytes")))
}

fn len(batch: &Batch) -> u32 {
    match batch {
        Batch::Spans(spans) => spans.len(),
        Batch::Metrics(metrics) => metrics.len(),
        Batch::Logs(logs) => logs.len(),
    }
}

/// New telemetry of what came. It is taken apart after its first point; a copy of it goes nowhere.
fn metrics_apart(metrics: MetricsBatch) -> MetricsBatch {
    assert!(metrics.encoded_len() == metrics.otlp().len() as u64 && metrics.metadata("x-tenant").is_empty());
    let made = MetricsBatch::from_otlp(&metrics.otlp()).expect("metrics");
    let rest = made.split_off(1);
    made.merge(rest);
    made.replace(b"no OTLP").expect_err("it is no OTLP");
    made.replace(&made.otlp()).expect("metrics");
    output::discard(Batch::Metrics(MetricsBatch::from_otlp(&made.otlp()).expect("metrics")));
    made
}

/// As [`metrics_apart`].
fn logs_apart(logs: LogsBatch) -> LogsBatch {
    assert!(logs.encoded_len() == logs.otlp().len() as u64 && logs.metadata("x-tenant").is_empty());
    let made = LogsBatch::from_otlp(&logs.otlp()).expect("logs");
    let rest = made.split_off(1);
    made.merge(rest);
    made.replace(b"no OTLP").expect_err("it is no OTLP");
    made.replace(&made.otlp()).expect("logs");
    output::discard(Batch::Logs(LogsBatch::from_otlp(&made.otlp()).expect("logs")));
    made
}

/// A gauge of so many points.
fn gauge(points: u32) -> MetricsBatch {
    // `Gauge.data_points`, each empty.
    let gauge = [0x0a, 0].repeat(points as usize);
    // `Metric.gauge` in `ScopeMetrics.metrics` in `ResourceMetrics.scope_metrics` in the request's `resource_metrics`.
    let request = [0x2a, 0x12, 0x12, 0x0a].into_iter().fold(gauge, |inner, tag| field(tag, &inner));
    MetricsBatch::from_otlp(&request).expect("metrics")
}

fn field(tag: u8, message: &[u8]) -> Vec<u8> {
    let mut field = vec![tag];
    let mut len = message.len();
    while len >= 0x80 {
        field.push(len as u8 | 0x80);
        len >>= 7;
    }
    field.push(len as u8);
    field.extend_from_slice(message);
    field
}
