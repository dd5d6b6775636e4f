//! Handles that are stale, invented, used twice or dropped.

use crate::{
    Batch, Processed, one,
    spanloom::plugin::{batches::MetricsBatch, output, spans::SpanBatch},
};

pub(crate) fn drop_twice(spans: SpanBatch) -> Processed {
    let again = same(&spans);
    drop(spans);
    drop(again);
    Ok(vec![])
}

/// Returns a number that is no handle.
pub(crate) fn invent(_: SpanBatch) -> Processed {
    // SAFETY: none. The test checks that the host refuses this handle.
    one(unsafe { SpanBatch::from_handle(1 << 20) })
}

pub(crate) fn return_twice(spans: SpanBatch) -> Processed {
    Ok(vec![Batch::Spans(same(&spans)), Batch::Spans(spans)])
}

pub(crate) fn emit_twice(spans: SpanBatch) -> Processed {
    let again = same(&spans);
    output::emit(Batch::Spans(spans));
    output::emit(Batch::Spans(again));
    Ok(vec![])
}

pub(crate) fn emit_and_return(spans: SpanBatch) -> Processed {
    let again = same(&spans);
    output::emit(Batch::Spans(spans));
    one(again)
}

pub(crate) fn emit_after_discard(spans: SpanBatch) -> Processed {
    let again = same(&spans);
    output::discard(Batch::Spans(spans));
    output::emit(Batch::Spans(again));
    Ok(vec![])
}

pub(crate) fn use_after_emit(spans: SpanBatch) -> Processed {
    let again = same(&spans);
    output::emit(Batch::Spans(spans));
    again.remove_all("http.url").expect("a batch that is gone has no edits");
    core::mem::forget(again);
    Ok(vec![])
}

/// Returns the handle of spans as a handle of metrics.
pub(crate) fn return_other_signal(spans: SpanBatch) -> Processed {
    // SAFETY: none. The test checks that the host refuses this handle.
    Ok(vec![Batch::Metrics(unsafe { MetricsBatch::from_handle(spans.take_handle()) })])
}

pub(crate) fn merge_with_itself(spans: SpanBatch) -> Processed {
    spans.merge(same(&spans));
    one(spans)
}

/// Emits and discards, and then traps. Neither may take effect.
pub(crate) fn emit_then_trap(spans: SpanBatch) -> Processed {
    let rest = spans.split_off(1);
    output::emit(Batch::Spans(spans));
    output::discard(Batch::Spans(rest));
    core::arch::wasm32::unreachable()
}

/// Filters and emits, and then fails. Neither may take effect.
pub(crate) fn emit_then_fail(spans: SpanBatch) -> Processed {
    spans.retain(&vec![false; spans.len() as usize]).expect("an entry a span");
    output::emit(Batch::Spans(spans));
    Err(crate::outside::come_again())
}

/// Discards the batch, which is the right way to pass nothing on.
pub(crate) fn discard(spans: SpanBatch) -> Processed {
    output::discard(Batch::Spans(spans));
    Ok(vec![])
}

/// Drops the handle without returning or discarding the batch.
pub(crate) fn forget(_: SpanBatch) -> Processed {
    Ok(vec![])
}

/// Leaks the handle, without even dropping it.
pub(crate) fn leak(spans: SpanBatch) -> Processed {
    core::mem::forget(spans);
    Ok(vec![])
}

/// Makes a second owner of one handle.
fn same(spans: &SpanBatch) -> SpanBatch {
    // SAFETY: none. The tests check what the host does about a second owner.
    unsafe { SpanBatch::from_handle(spans.handle()) }
}
