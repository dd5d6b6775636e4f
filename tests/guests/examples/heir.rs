//! Counts spans, serves the count over HTTP, and holds the latest batch, unless its first span is called
//! `last`.
//!
//! An instance hands both, the count and the batch, over to the next one. This guest does nothing wrong,
//! unless it is asked for `/trap` or `/no-http`.
#![cfg(target_family = "wasm")]

use std::cell::{Cell, RefCell};

use exports::spanloom::plugin::{
    describe::{self, Concurrency},
    flush,
    handover::{self, Saved},
    http_handler::{self, Header, Incoming, Outgoing},
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
        world heir {
            include spanloom:plugin/processor@0.1.0;
            export spanloom:plugin/describe@0.1.0;
            export spanloom:plugin/flush@0.1.0;
            export spanloom:plugin/handover@0.1.0;
            export spanloom:plugin/http-handler@0.1.0;
        }
    ",
    world: "spanloom:guests/heir",
    generate_all,
});

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static HELD: RefCell<Vec<Batch>> = const { RefCell::new(Vec::new()) };
}

struct Heir;
export!(Heir);

impl describe::Guest for Heir {
    fn describe() -> describe::Description {
        describe::Description {
            name: "heir".into(),
            version: "1.0.0".into(),
            summary: "Counts, and hands on.".into(),
            config_schema: None,
            signals: vec![Signal::Traces],
            concurrency: Concurrency::Single,
            grants: vec![],
        }
    }
}

impl processing::Guest for Heir {
    fn configure(_: String) -> Result<(), ConfigError> {
        Ok(())
    }

    fn process(batch: Batch) -> Result<Vec<Batch>, Failure> {
        let Batch::Spans(spans) = &batch else { return Ok(vec![batch]) };
        COUNT.set(COUNT.get() + u64::from(spans.len()));
        let is_last = spans.span(0).is_some_and(|span| span.name == "last");
        let mut passed = HELD.replace(vec![batch]);
        if is_last {
            passed.append(&mut HELD.take());
        }
        Ok(passed)
    }
}

impl flush::Guest for Heir {
    fn flush() -> Result<Vec<Batch>, Failure> {
        Ok(HELD.take())
    }
}

impl handover::Guest for Heir {
    fn save() -> Result<Saved, Failure> {
        Ok(Saved { state: COUNT.get().to_le_bytes().to_vec(), batches: HELD.take() })
    }

    fn restore(saved: Saved) -> Result<(), Failure> {
        let count = saved.state.try_into().map_err(|_| Failure::Permanent("no count".into()))?;
        COUNT.set(u64::from_le_bytes(count));
        HELD.set(saved.batches);
        Ok(())
    }
}

impl http_handler::Guest for Heir {
    fn handle(request: Incoming) -> Outgoing {
        match request.path.as_str() {
            "/trap" => core::arch::wasm32::unreachable(),
            "/no-http" => Outgoing { status: 7, headers: vec![], body: vec![] },
            _ => Outgoing {
                status: 200,
                headers: vec![Header { name: "content-type".into(), value: "text/plain".into() }],
                body: COUNT.get().to_string().into_bytes(),
            },
        }
    }
}
