//! Handles that are stale, made up, used twice or let go of.

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

/// A number that no handle has.
pub(crate) fn invent(_: SpanBatch) -> Processed {
    // SAFETY: none: that it is refused is what is tested.
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

/// The handle of spans, as one of metrics.
pub(crate) fn return_other_signal(spans: SpanBatch) -> Processed {
    // SAFETY: none: that it is refused is what is tested.
    Ok(vec![Batch::Metrics(unsafe { MetricsBatch::from_handle(spans.take_handle()) })])
}

pub(crate) fn merge_with_itself(spans: SpanBatch) -> Processed {
    spans.merge(same(&spans));
    one(spans)
}

/// Nothing may have been emitted.
pub(crate) fn emit_then_trap(spans: SpanBatch) -> Processed {
    let rest = spans.split_off(1);
    output::emit(Batch::Spans(spans));
    output::discard(Batch::Spans(rest));
    core::arch::wasm32::unreachable()
}

/// Nothing may have been emitted.
pub(crate) fn emit_then_fail(spans: SpanBatch) -> Processed {
    spans.retain(&vec![false; spans.len() as usize]).expect("an entry a span");
    output::emit(Batch::Spans(spans));
    Err(crate::outside::come_again())
}

/// As it should be: nothing goes on, and that is said.
pub(crate) fn discard(spans: SpanBatch) -> Processed {
    output::discard(Batch::Spans(spans));
    Ok(vec![])
}

/// Neither returned nor discarded, but dropped.
pub(crate) fn forget(_: SpanBatch) -> Processed {
    Ok(vec![])
}

/// Not even dropped.
pub(crate) fn leak(spans: SpanBatch) -> Processed {
    core::mem::forget(spans);
    Ok(vec![])
}

/// A second owner of one handle.
fn same(spans: &SpanBatch) -> SpanBatch {
    // SAFETY: none: what the host does about it is what is tested.
    unsafe { SpanBatch::from_handle(spans.handle()) }
}
