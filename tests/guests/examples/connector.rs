//! A connector that counts spans, unless its config names another behaviour.
//!
//! A count of n spans comes out as a metric of n data points, so that a test can compare what goes in with
//! what comes out.
#![cfg(target_family = "wasm")]

use std::cell::{Cell, RefCell};

use exports::spanloom::plugin::{connecting, describe, flush, handover, timer};
use spanloom::plugin::{
    batches::{Batch, LogsBatch, MetricsBatch},
    output, schedule,
    spans::SpanBatch,
    types::{ConfigError, Failure, Retryable, Signal},
};

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package spanloom:guests;
        world guest {
            include spanloom:plugin/connector@0.1.0;
            export spanloom:plugin/describe@0.1.0;
            export spanloom:plugin/timer@0.1.0;
            export spanloom:plugin/flush@0.1.0;
            export spanloom:plugin/handover@0.1.0;
        }
    ",
    world: "spanloom:guests/guest",
    generate_all,
});

type Connected = Result<Vec<Batch>, Failure>;
type Behaviour = fn(SpanBatch) -> Connected;

/// The behaviours by name. A test names each of them.
const BEHAVIOURS: &[(&str, Behaviour)] = &[
    ("count", |spans| {
        count(&spans);
        Ok(vec![])
    }),
    ("count-at-once", |spans| {
        count(&spans);
        Ok(counted())
    }),
    ("count-and-wake", |spans| {
        count(&spans);
        schedule::wake_after(10);
        Ok(vec![])
    }),
    ("count-then-trap", |spans| {
        count(&spans);
        output::emit(Batch::Metrics(points(spans.len())));
        match spans.names().arena.contains("poison") {
            true => core::arch::wasm32::unreachable(),
            false => Ok(vec![]),
        }
    }),
    ("count-then-fail", |spans| {
        output::emit(Batch::Metrics(points(spans.len())));
        Err(Failure::Retryable(Retryable { message: "not now".into(), after_ms: None }))
    }),
    ("pass-spans-on", |spans| Ok(vec![Batch::Spans(spans)])),
    ("emit-logs", |_| {
        // A resource, a scope and a log record, all of them empty.
        let logs = LogsBatch::from_otlp(&[0x0a, 4, 0x12, 2, 0x12, 0]).expect("a log record");
        Ok(vec![Batch::Logs(logs)])
    }),
    ("keep-spans", |spans| {
        KEPT.with_borrow_mut(|kept| kept.push(spans));
        Ok(vec![])
    }),
    ("make-garbage", |spans| {
        let made = [SpanBatch::from_otlp(b"garbage").is_ok(), MetricsBatch::from_otlp(b"garbage").is_ok()];
        assert!(made == [false; 2], "it was believed");
        count(&spans);
        Ok(counted())
    }),
];

thread_local! {
    static TASK: Cell<Option<Behaviour>> = const { Cell::new(None) };
    static COUNT: Cell<u32> = const { Cell::new(0) };
    static KEPT: RefCell<Vec<SpanBatch>> = const { RefCell::new(Vec::new()) };
}

struct Plugin;

export!(Plugin);

impl describe::Guest for Plugin {
    fn describe() -> describe::Description {
        describe::Description {
            name: "misbehave".into(),
            version: "6.6.6".into(),
            summary: "Counts what comes.".into(),
            config_schema: None,
            signals: vec![Signal::Traces],
            concurrency: describe::Concurrency::Single,
            grants: vec![],
        }
    }
}

impl connecting::Guest for Plugin {
    fn emits() -> Vec<Signal> {
        vec![Signal::Traces, Signal::Metrics]
    }

    fn configure(config: String) -> Result<(), ConfigError> {
        let task = config.split('"').nth(3).expect("a task");
        let found = BEHAVIOURS.iter().find(|(name, _)| *name == task);
        TASK.set(Some(found.expect("one of the tasks").1));
        Ok(())
    }

    fn consume(batch: Batch) -> Connected {
        let Batch::Spans(spans) = batch else { panic!("it takes traces only") };
        TASK.get().expect("configured")(spans)
    }
}

impl timer::Guest for Plugin {
    fn wake() -> Connected {
        Ok(counted())
    }
}

impl flush::Guest for Plugin {
    fn flush() -> Connected {
        KEPT.with_borrow_mut(|kept| kept.drain(..).for_each(|spans| count(&spans)));
        Ok(counted())
    }
}

/// Hands the count over to the next instance.
impl handover::Guest for Plugin {
    fn save() -> Result<handover::Saved, Failure> {
        Ok(handover::Saved { state: COUNT.get().to_le_bytes().to_vec(), batches: vec![] })
    }

    fn restore(saved: handover::Saved) -> Result<(), Failure> {
        COUNT.set(u32::from_le_bytes(saved.state.try_into().expect("four bytes")));
        Ok(())
    }
}

fn count(spans: &SpanBatch) {
    COUNT.set(COUNT.get() + spans.len());
}

fn counted() -> Vec<Batch> {
    match COUNT.take() {
        0 => vec![],
        count => vec![Batch::Metrics(points(count))],
    }
}

/// Makes a gauge of this many points.
fn points(count: u32) -> MetricsBatch {
    // Each point is an empty message in `Gauge.data_points`.
    let gauge = [0x0a, 0].repeat(count as usize);
    // The gauge is `Metric.gauge` in `ScopeMetrics.metrics` in `ResourceMetrics.scope_metrics` in the
    // request's `resource_metrics`.
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
