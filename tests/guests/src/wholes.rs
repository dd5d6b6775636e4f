//! Batches that are split and merged in unusual ways.

use crate::{
    Batch, Processed,
    spanloom::plugin::{
        output,
        spans::{SpanBatch, Value},
    },
};

/// Filters, splits, partitions and merges. It removes every eighth span, beginning with the first; every
/// other span must go on once.
pub(crate) fn shuffle(spans: SpanBatch) -> Processed {
    let keep: Vec<bool> = (0..spans.len()).map(|row| row % 8 != 0).collect();
    spans.retain(&keep).expect("an entry a span");
    let rest = spans.split_off(spans.len() / 3);
    let none = rest.split_off(u32::MAX);
    let parts: Vec<u32> = (0..rest.len()).map(|row| row % 5).collect();
    let mut parts = rest.partition(&parts).expect("an entry a span");
    none.merge(rest);
    while let Some(part) = parts.pop() {
        let tail = part.split_off(1);
        none.merge(tail);
        if parts.len() == 2 {
            output::emit(Batch::Spans(part));
        } else {
            spans.merge(part);
        }
    }
    Ok(vec![Batch::Spans(none), Batch::Spans(spans)])
}

pub(crate) fn shuffle_then_trap(spans: SpanBatch) -> Processed {
    let _ = shuffle(spans);
    core::arch::wasm32::unreachable()
}

/// Returns a thousand empty batches and the one that has all spans.
pub(crate) fn return_many_empty(spans: SpanBatch) -> Processed {
    let mut batches: Vec<Batch> = (0..1000).map(|_| Batch::Spans(spans.split_off(u32::MAX))).collect();
    batches.push(Batch::Spans(spans));
    Ok(batches)
}

/// Splits its batch in the middle and merges the halves, without end.
pub(crate) fn halve_for_ever(spans: SpanBatch) -> Processed {
    loop {
        spans.merge(spans.split_off(spans.len() / 2));
    }
}

/// Partitions its batch by rows and merges the parts, without end.
pub(crate) fn partition_for_ever(spans: SpanBatch) -> Processed {
    let parts: Vec<u32> = (0..spans.len()).map(|row| row % 3).collect();
    loop {
        for part in spans.partition(&parts).expect("an entry a span") {
            spans.merge(part);
        }
    }
}

/// Makes the host hold a megabyte more in each turn.
pub(crate) fn grow_for_ever(spans: SpanBatch) -> Processed {
    let value = Value::Bytes(vec![7; 1 << 20]);
    for turn in 0.. {
        let row = turn % spans.len();
        spans.set(row, &format!("huge {turn}"), &value).expect("an edit as it should be");
    }
    crate::one(spans)
}
