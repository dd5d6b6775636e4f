//! Calls that do not end as they should, and calls to the outside.

use std::{cell::Cell, hint::black_box};

use crate::{
    Processed, has_span, one,
    spanloom::plugin::{
        http::{self, Request},
        spans::SpanBatch,
        store,
        types::{Failure, Retryable},
    },
    tell,
};

/// Runs `unreachable` at once.
pub(crate) fn trap(_: SpanBatch) -> Processed {
    core::arch::wasm32::unreachable()
}

pub(crate) fn panic(_: SpanBatch) -> Processed {
    panic!("told to panic")
}

/// Traps on a batch that has a span called `poison`.
pub(crate) fn trap_on_poison(spans: SpanBatch) -> Processed {
    if has_span(&spans, "poison") {
        core::arch::wasm32::unreachable()
    }
    one(spans)
}

/// Traps on a batch that has no span called `good`.
pub(crate) fn trap_unless_good(spans: SpanBatch) -> Processed {
    if !has_span(&spans, "good") {
        core::arch::wasm32::unreachable()
    }
    one(spans)
}

/// Logs the reason, as the panic hook of the SDK and the runtimes of other languages do, and then traps.
pub(crate) fn trap_with_last_words(spans: SpanBatch) -> Processed {
    use crate::spanloom::plugin::log::{self, Level};
    log::log(Level::Info, "not among its last words");
    log::log(Level::Error, "panicked at src/lib.rs:1:2:\n2026-01-01 ERROR forged: card number missing");
    trap(spans)
}

/// Reports a failure whose message has ten megabytes.
pub(crate) fn fail_at_length(_: SpanBatch) -> Processed {
    Err(Failure::Permanent("at length\n2026-01-01 ERROR forged ".repeat(300_000)))
}

/// Traps in every third call. The replay is a fresh instance's first call and succeeds.
pub(crate) fn trap_every_third(spans: SpanBatch) -> Processed {
    thread_local!(static CALLS: Cell<u32> = const { Cell::new(0) });
    CALLS.set(CALLS.get() + 1);
    if CALLS.get() % 3 == 0 {
        core::arch::wasm32::unreachable()
    }
    one(spans)
}

pub(crate) fn fail_retryable(_: SpanBatch) -> Processed {
    Err(come_again())
}

pub(crate) fn fail_permanent(_: SpanBatch) -> Processed {
    Err(Failure::Permanent("never come again".into()))
}

pub(crate) fn run_for_ever(_: SpanBatch) -> Processed {
    let mut count = 0u64;
    loop {
        count = black_box(count).wrapping_add(1);
    }
}

/// Takes longer than a client waits, and less than the time limit of a call.
pub(crate) fn be_slow(spans: SpanBatch) -> Processed {
    let begun = crate::spanloom::plugin::clock::monotonic_nano();
    while crate::spanloom::plugin::clock::monotonic_nano() < begun + 600_000_000 {
        black_box(begun);
    }
    one(spans)
}

/// Fails on a span called `fail`, and is slow on one called `slow`.
pub(crate) fn fail_then_slow(spans: SpanBatch) -> Processed {
    if has_span(&spans, "fail") {
        return Err(come_again());
    }
    if has_span(&spans, "slow") { be_slow(spans) } else { one(spans) }
}

pub(crate) fn overflow_stack(_: SpanBatch) -> Processed {
    fn deeper(level: u64) -> u64 {
        let below = if level == u64::MAX { 0 } else { deeper(level + 1) };
        black_box([level; 64]).iter().sum::<u64>().wrapping_add(black_box(below))
    }
    panic!("it came to an end: {}", deeper(0))
}

/// Calls what is not granted, and tells the answers.
pub(crate) fn call_ungranted(spans: SpanBatch) -> Processed {
    let answer = match http::send(&get("http://127.0.0.1:4317/")) {
        Ok(response) => format!("status {}", response.status),
        Err(error) => format!("{error:?}"),
    };
    tell(&spans, "guest.http", &answer);
    tell(&spans, "guest.store", &format!("{:?} {:?}", store::set("a", b"b"), store::get("a")));
    one(spans)
}

/// Asks for the URL that the first span's name is, for half a second.
pub(crate) fn call_slow_http(spans: SpanBatch) -> Processed {
    call_http(spans, Some(500))
}

/// Asks for the URL that the first span's name is, for as long as the host permits.
pub(crate) fn call_patient_http(spans: SpanBatch) -> Processed {
    call_http(spans, None)
}

fn call_http(spans: SpanBatch, timeout_ms: Option<u32>) -> Processed {
    let url = spans.span(0).expect("a span").name;
    let request = Request { timeout_ms, ..get(&url) };
    tell(&spans, "guest.http", &format!("{:?}", http::send(&request).map(|response| response.status)));
    one(spans)
}

fn get(url: &str) -> Request {
    Request { method: "GET".into(), url: url.into(), headers: vec![], body: vec![], timeout_ms: Some(500) }
}

pub(crate) fn come_again() -> Failure {
    Failure::Retryable(Retryable { message: "come again".into(), after_ms: Some(7_000) })
}
