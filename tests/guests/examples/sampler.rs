//! A sampler that does what its config says; every behaviour is wrong or unusual in some way.
#![cfg(target_family = "wasm")]

use std::cell::RefCell;

use exports::spanloom::plugin::{
    describe,
    sampling::{self, Decision},
};
use spanloom::plugin::{
    traces::TraceBatch,
    types::{ConfigError, Failure},
};

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package spanloom:guests;
        world guest {
            include spanloom:plugin/sampler@0.1.0;
            export spanloom:plugin/describe@0.1.0;
        }
    ",
    world: "spanloom:guests/guest",
    generate_all,
});

type Behaviour = fn(TraceBatch) -> Vec<Decision>;

/// The behaviours by name. A test names each of them.
const BEHAVIOURS: &[(&str, Behaviour)] = &[
    ("sample-trap", |_| core::arch::wasm32::unreachable()),
    ("sample-loop", |traces| {
        loop {
            core::hint::black_box(traces.len());
        }
    }),
    ("decide-nothing", |_| vec![]),
    ("decide-too-few", |traces| decide(traces.len() - 1, Decision::Drop)),
    ("decide-too-many", |traces| decide(traces.len() + 1, Decision::Drop)),
    ("keep-none-in-one", |traces| decide(traces.len(), Decision::Keep(0.0))),
    ("keep-not-a-number", |traces| decide(traces.len(), Decision::Keep(f64::NAN))),
    ("keep-seven-in-one", |traces| decide(traces.len(), Decision::Keep(7.0))),
    ("keep-less-than-none", |traces| decide(traces.len(), Decision::Keep(-0.5))),
    ("undecided", |traces| decide(traces.len(), Decision::Undecided)),
    ("keep-its-traces", keep_its_traces),
    ("edit-a-look", edit_a_look),
    ("emit-a-look", emit_a_look),
];

thread_local! {
    static TASK: RefCell<Option<Behaviour>> = const { RefCell::new(None) };
    static KEPT: RefCell<Vec<(TraceBatch, spanloom::plugin::spans::SpanBatch)>> = const { RefCell::new(Vec::new()) };
}

struct Plugin;

export!(Plugin);

impl describe::Guest for Plugin {
    fn describe() -> describe::Description {
        describe::Description {
            name: "misbehave".into(),
            version: "6.6.6".into(),
            summary: "Decides what is wrong.".into(),
            config_schema: None,
            signals: vec![],
            concurrency: describe::Concurrency::Stateless,
            grants: vec![],
        }
    }
}

impl sampling::Guest for Plugin {
    fn configure(config: String) -> Result<(), ConfigError> {
        let task = config.split('"').nth(3).expect("a task");
        let found = BEHAVIOURS.iter().find(|(name, _)| *name == task);
        TASK.set(Some(found.expect("one of the tasks").1));
        Ok(())
    }

    fn sample(traces: TraceBatch) -> Result<Vec<Decision>, Failure> {
        Ok(TASK.with_borrow(|task| task.expect("configured"))(traces))
    }
}

fn decide(traces: u32, decision: Decision) -> Vec<Decision> {
    vec![decision; traces as usize]
}

/// Keeps the traces and their spans from call to call, and drops the oldest five calls later.
fn keep_its_traces(traces: TraceBatch) -> Vec<Decision> {
    let (count, spans) = (traces.len(), traces.spans());
    KEPT.with_borrow_mut(|kept| {
        kept.push((traces, spans));
        if kept.len() > 5 {
            kept.remove(0);
        }
    });
    decide(count, Decision::Keep(1.0))
}

/// Edits spans that it may only read. The edits must have no effect.
fn edit_a_look(traces: TraceBatch) -> Vec<Decision> {
    let spans = traces.spans();
    spans.retain(&vec![false; spans.len() as usize]).expect("an entry a span");
    decide(traces.len(), Decision::Keep(1.0))
}

/// Emits spans that it may only read.
fn emit_a_look(traces: TraceBatch) -> Vec<Decision> {
    spanloom::plugin::output::emit(spanloom::plugin::batches::Batch::Spans(traces.spans()));
    decide(traces.len(), Decision::Drop)
}
