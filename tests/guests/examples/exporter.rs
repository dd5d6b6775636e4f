//! An exporter that does what its config says; every behaviour is wrong in some way. Instead of sending a
//! span, it logs `exported NAME`.
#![cfg(target_family = "wasm")]

use std::cell::{Cell, RefCell};

use exports::spanloom::plugin::{
    describe,
    exporting::{self, ExportError, Part},
};
use spanloom::plugin::{
    batches::Batch,
    log::{self, Level},
    spans::SpanBatch,
    types::{ConfigError, Failure, Retryable, Signal},
};

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package spanloom:guests;
        world guest {
            include spanloom:plugin/exporter@0.1.0;
            export spanloom:plugin/describe@0.1.0;
        }
    ",
    world: "spanloom:guests/guest",
    generate_all,
});

type Exported = Result<(), ExportError>;
type Behaviour = fn(SpanBatch) -> Exported;

/// The behaviours by name. A test names each of them.
const BEHAVIOURS: &[(&str, Behaviour)] = &[
    ("export-trap", |_| core::arch::wasm32::unreachable()),
    ("export-loop", |spans| {
        loop {
            core::hint::black_box(spans.len());
        }
    }),
    ("part-out-of-range", |spans| Err(ExportError::Parts(vec![part(vec![spans.len()], permanent())]))),
    ("part-twice", |_| {
        Err(ExportError::Parts(vec![part(vec![0], permanent()), part(vec![0], come_again())]))
    }),
    ("part-of-nothing", |spans| {
        write(&spans, 0);
        Err(ExportError::Parts(vec![]))
    }),
    ("always-retryable", |_| Err(ExportError::Whole(come_again()))),
    ("always-permanent", |_| Err(ExportError::Whole(permanent()))),
    ("odd-ones-later", odd_ones_later),
    ("slow-at-first", slow_at_first),
    ("keep-its-batch", keep_its_batch),
    ("use-its-last-batch", use_its_last_batch),
    ("emit-its-batch", |spans| {
        spanloom::plugin::output::emit(Batch::Spans(spans));
        Ok(())
    }),
];

thread_local! {
    static TASK: RefCell<Option<Behaviour>> = const { RefCell::new(None) };
    static KEPT: RefCell<Vec<SpanBatch>> = const { RefCell::new(Vec::new()) };
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

struct Plugin;

export!(Plugin);

impl describe::Guest for Plugin {
    fn describe() -> describe::Description {
        describe::Description {
            name: "misbehave".into(),
            version: "6.6.6".into(),
            summary: "Sends what is wrong.".into(),
            config_schema: None,
            signals: vec![Signal::Traces],
            concurrency: describe::Concurrency::Single,
            grants: vec![],
        }
    }
}

impl exporting::Guest for Plugin {
    fn configure(config: String) -> Result<(), ConfigError> {
        let task = config.split('"').nth(3).expect("a task");
        let found = BEHAVIOURS.iter().find(|(name, _)| *name == task);
        TASK.set(Some(found.expect("one of the tasks").1));
        Ok(())
    }

    fn export_batch(batch: Batch) -> Exported {
        let Batch::Spans(spans) = batch else { panic!("it takes traces only") };
        TASK.with_borrow(|task| task.expect("configured"))(spans)
    }
}

/// Sends the even rows in the first call, and reports the odd rows as failed: rows 3, 9, … for good, the
/// others as retryable. In later calls, sends every row.
fn odd_ones_later(spans: SpanBatch) -> Exported {
    CALLS.set(CALLS.get() + 1);
    if CALLS.get() > 1 {
        write(&spans, 0);
        return Ok(());
    }
    let odd: Vec<u32> = (0..spans.len()).filter(|row| row % 2 == 1).collect();
    write_rows(&spans, (0..spans.len()).filter(|row| row % 2 == 0));
    let (gone, again): (Vec<u32>, Vec<u32>) = odd.into_iter().partition(|row| row % 3 == 0);
    // The parts are neither in order nor in one piece.
    let again = again.into_iter().rev().map(|row| part(vec![row], come_again()));
    Err(ExportError::Parts(again.chain([part(gone, permanent())]).collect()))
}

/// Logs the number of the call. The first call takes longer than the exporter's timeout.
fn slow_at_first(spans: SpanBatch) -> Exported {
    CALLS.set(CALLS.get() + 1);
    let begun = spanloom::plugin::clock::monotonic_nano();
    while CALLS.get() == 1 && spanloom::plugin::clock::monotonic_nano() < begun + 1_500_000_000 {
        core::hint::black_box(begun);
    }
    log::log(Level::Info, &format!("call number {}", CALLS.get()));
    write(&spans, 0);
    Ok(())
}

/// Keeps its batch, and drops the batch of the call before.
fn keep_its_batch(spans: SpanBatch) -> Exported {
    write(&spans, 0);
    KEPT.with_borrow_mut(|kept| {
        kept.clear();
        kept.push(spans);
    });
    Ok(())
}

/// Reads the batch of the call before, which must be gone.
fn use_its_last_batch(spans: SpanBatch) -> Exported {
    KEPT.with_borrow_mut(|kept| {
        kept.iter().for_each(|spans| write(spans, 0));
        kept.push(spans);
    });
    Ok(())
}

fn write(spans: &SpanBatch, from: u32) {
    write_rows(spans, from..spans.len());
}

fn write_rows(spans: &SpanBatch, rows: impl Iterator<Item = u32>) {
    for row in rows {
        log::log(Level::Info, &format!("exported {}", spans.span(row).expect("a row").name));
    }
}

fn part(rows: Vec<u32>, failure: Failure) -> Part {
    Part { rows, failure }
}

fn come_again() -> Failure {
    Failure::Retryable(Retryable { message: "come again".into(), after_ms: Some(10) })
}

fn permanent() -> Failure {
    Failure::Permanent("never come again".into())
}
