//! Behaviours that produce more than there is room for, in one call.

use std::hint::black_box;

use crate::{
    Processed, one,
    spanloom::plugin::{
        log::{self, Level},
        metrics::{Counter, Gauge, Histogram, Label},
        spans::{SpanBatch, Value},
    },
};

/// Takes memory without end.
pub(crate) fn memory(_: SpanBatch) -> Processed {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(black_box(vec![1; 1 << 20]));
    }
}

/// Logs lines of 64 KiB, up to 10 GB.
pub(crate) fn log(spans: SpanBatch) -> Processed {
    let line = "flood ".repeat(11_000);
    for _ in 0..160_000 {
        log::log(Level::Info, &line);
    }
    one(spans)
}

/// Logs one line of 16 MiB with characters that could break the line or colour it.
pub(crate) fn huge_line(spans: SpanBatch) -> Processed {
    log::log(Level::Info, &"huge\n\u{1b}[31mred\r\0é".repeat(1 << 20));
    one(spans)
}

/// Makes 100,000 series, some with labels of a megabyte.
pub(crate) fn metrics(spans: SpanBatch) -> Processed {
    let huge = "x".repeat(1 << 20);
    for number in 0..100_000u32 {
        let value = if number % 1000 == 0 { format!("{number}{huge}") } else { number.to_string() };
        Counter::new("guest_flood_total", "", &[label("number", &value)]).add(1);
    }
    one(spans)
}

/// Makes metrics with invalid names, with names of the host's metrics, with one name for three kinds, and
/// with invalid values.
pub(crate) fn bad_metrics(spans: SpanBatch) -> Processed {
    for name in ["", "0a", "a b", "a\nspanloom_fake 1", "ä", "spanloom_fake", "otelcol_fake"] {
        Counter::new(name, "", &[]).add(1);
    }
    for name in ["", "component", "plugin", "__name__", "a-b", "a=\"b\""] {
        Counter::new("guest_labels_total", "", &[label(name, "fake")]).add(1);
    }
    Counter::new("guest_twice_total", "", &[label("a", "b"), label("a", "c")]).add(1);
    Counter::new("guest_escape_total", "a\nspanloom_fake 1", &[label("a", "b\"} 1\nspanloom_fake 1")]).add(1);
    Counter::new("guest_kinds", "", &[]).add(1);
    Gauge::new("guest_kinds", "", &[]).set(f64::NAN);
    Histogram::new("guest_kinds", "", &[]).record(f64::INFINITY);
    Histogram::new("guest_histogram", "", &[]).record(f64::NAN);
    one(spans)
}

/// Asks for one series without end, and keeps every handle.
pub(crate) fn instruments(_: SpanBatch) -> Processed {
    loop {
        core::mem::forget(Counter::new("guest_hoard_total", "", &[]));
    }
}

/// Splits its batch without end, and keeps every part.
pub(crate) fn handles(spans: SpanBatch) -> Processed {
    loop {
        core::mem::forget(spans.split_off(0));
    }
}

/// Makes the host hold 16 MB more in each turn, and traps when that is refused.
pub(crate) fn bytes(spans: SpanBatch) -> Processed {
    spans.set(0, "huge", &Value::Bytes(vec![7; 16 << 20])).expect("room for 16 MiB");
    let otlp = spans.otlp();
    loop {
        let part = spans.split_off(0);
        part.replace(&otlp).expect("room for one more");
        core::mem::forget(part);
    }
}

/// Sets the same attribute of a megabyte without end.
pub(crate) fn edits(spans: SpanBatch) -> Processed {
    let mut value = Value::Bytes(vec![7; 1 << 20]);
    loop {
        if let Value::Bytes(bytes) = &mut value {
            bytes[0] = bytes[0].wrapping_add(1);
        }
        if spans.set(0, "huge", &value).is_err() {
            return one(spans);
        }
    }
}

fn label(name: &str, value: &str) -> Label {
    Label { name: name.into(), value: value.into() }
}
