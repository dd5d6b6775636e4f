//! Marks every span with the version that saw it.
//!
//! A test can thus tell that exactly one version saw a span, and which. Versions are copies of the component
//! with another stamp, which holds the mark and what the version does wrong.
#![cfg(target_family = "wasm")]

use std::{cell::Cell, hint::black_box, ptr};

use exports::spanloom::plugin::{
    describe::{self, Concurrency},
    processing,
};
use spanloom::plugin::{
    batches::Batch,
    types::{ConfigError, Failure, Signal},
};

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package spanloom:guests;
        world marker {
            include spanloom:plugin/processor@0.1.0;
            export spanloom:plugin/describe@0.1.0;
        }
    ",
    world: "spanloom:guests/marker",
    generate_all,
});

/// The stamp. `spanloom_tests::swap::stamp` writes another concurrency, mode and mark into copies of the
/// component.
static STAMP: [u8; STAMP_LEN] = *b"spanloom-guests:stamp:aw00000000";
const STAMP_LEN: usize = MARK_AT + 8;
const CONCURRENCY_AT: usize = 22;
const MODE_AT: usize = CONCURRENCY_AT + 1;
const MARK_AT: usize = MODE_AT + 1;

const KEY: &str = "swap.version";
/// The number of batches that a version processes well before it fails, if it fails later.
const GOOD_BATCHES: u32 = 100;

thread_local!(static BATCHES: Cell<u32> = const { Cell::new(0) });

struct Marker;
export!(Marker);

impl describe::Guest for Marker {
    fn describe() -> describe::Description {
        if mode() == b'd' {
            panic!("stamped to panic in describe");
        }
        describe::Description {
            name: "marker".into(),
            version: format!("1.0.{}", mark()),
            summary: "Marks spans with its version.".into(),
            config_schema: None,
            signals: vec![Signal::Traces],
            concurrency: match stamp()[CONCURRENCY_AT] {
                b't' => Concurrency::ByTrace,
                b's' => Concurrency::Single,
                _ => Concurrency::Stateless,
            },
            grants: vec![],
        }
    }
}

impl processing::Guest for Marker {
    fn configure(_: String) -> Result<(), ConfigError> {
        match mode() {
            b'c' => core::arch::wasm32::unreachable(),
            b'C' => run_for_ever(),
            _ => Ok(()),
        }
    }

    fn process(batch: Batch) -> Result<Vec<Batch>, Failure> {
        BATCHES.set(BATCHES.get() + 1);
        let is_late = BATCHES.get() > GOOD_BATCHES;
        match mode() {
            b't' if is_late => core::arch::wasm32::unreachable(),
            b'l' => run_for_ever(),
            b'L' if is_late => run_for_ever(),
            _ => {}
        }
        if let Batch::Spans(spans) = &batch {
            let mark = mark().to_string();
            // A span that has a mark already gets a second one, so that the test sees it.
            let marks = spans.texts(KEY).into_iter().map(|before| match before {
                Some(before) => Some(format!("{before}+{mark}")),
                None => Some(mark.clone()),
            });
            spans.set_texts(KEY, &marks.collect::<Vec<_>>()).expect("a text a span");
        }
        Ok(vec![batch])
    }
}

fn run_for_ever() -> ! {
    let mut count = 0u64;
    loop {
        count = black_box(count).wrapping_add(1);
    }
}

fn mode() -> u8 {
    stamp()[MODE_AT]
}

fn mark() -> u32 {
    let digits = &stamp()[MARK_AT..];
    digits.iter().fold(0, |mark, digit| mark * 10 + u32::from(digit - b'0'))
}

/// Reads the stamp that is in memory, not the one that the compiler saw.
fn stamp() -> [u8; STAMP_LEN] {
    // SAFETY: a static of this type.
    unsafe { ptr::read_volatile(&raw const STAMP) }
}
