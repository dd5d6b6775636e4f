//! Batches that are held from call to call.

use std::cell::RefCell;

use crate::{
    Batch, Processed, doing, has_span, one,
    spanloom::plugin::{output, schedule, spans::SpanBatch},
};

thread_local!(static HELD: RefCell<Vec<Batch>> = const { RefCell::new(Vec::new()) });

/// Holds what comes, until a span's name says what to do:
///
/// - `go` passes everything on.
/// - `keep-half` removes every second span of what is held.
/// - `trap` emits everything and traps.
/// - `emit-and-fail` emits everything and fails.
/// - `fail` fails at once.
/// - `wake` asks to be woken.
pub(crate) fn hold(spans: SpanBatch) -> Processed {
    let told = |name| has_span(&spans, name);
    if told("keep-half") {
        HELD.with_borrow(|held| held.iter().for_each(keep_half));
    }
    if told("wake") {
        schedule::wake_after(1);
    }
    if told("go") {
        HELD.with_borrow_mut(|held| held.push(Batch::Spans(spans)));
        return flush();
    }
    if told("trap") {
        HELD.take().into_iter().for_each(output::emit);
        core::arch::wasm32::unreachable()
    }
    if told("fail") {
        return Err(crate::outside::come_again());
    }
    if told("emit-and-fail") {
        HELD.take().into_iter().for_each(output::emit);
        return Err(crate::outside::come_again());
    }
    HELD.with_borrow_mut(|held| held.push(Batch::Spans(spans)));
    Ok(vec![])
}

fn keep_half(batch: &Batch) {
    if let Batch::Spans(spans) = batch {
        let keep: Vec<bool> = (0..spans.len()).map(|row| row % 2 == 0).collect();
        spans.retain(&keep).expect("an entry a span");
    }
}

/// Asks to be woken at once, every time.
pub(crate) fn wake_for_ever(spans: SpanBatch) -> Processed {
    schedule::wake_after(0);
    one(spans)
}

/// Asks to be woken before any batch comes, if the config says so.
pub(crate) fn configured() {
    if doing("make-when-woken") {
        schedule::wake_after(1);
    }
}

/// Makes a request with one span that has nothing but a name.
fn one_span() -> Batch {
    let otlp = b"\x0a\x0a\x12\x08\x12\x06\x2a\x04made";
    Batch::Spans(SpanBatch::from_otlp(otlp).expect("a request"))
}

pub(crate) fn wake() -> Processed {
    if doing("make-when-woken") {
        return Ok(vec![one_span()]);
    }
    if doing("wake-for-ever") {
        schedule::wake_after(0);
    }
    flush()
}

pub(crate) fn flush() -> Processed {
    if doing("keep-for-ever") {
        return Ok(vec![]);
    }
    Ok(HELD.take())
}
