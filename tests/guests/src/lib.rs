//! A processor that does what its config says; every behaviour is wrong or unusual in some way.
#![cfg(target_family = "wasm")]

mod behaviours;
mod edits;
mod floods;
mod handles;
mod holding;
mod outside;
mod wholes;

use std::cell::RefCell;

use exports::spanloom::plugin::{describe, flush, processing, timer};
use spanloom::plugin::{
    batches::Batch,
    spans::{SpanBatch, Value},
    types::{ConfigError, Failure, Signal},
};

pub use describe::Concurrency;

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package spanloom:guests;
        world guest {
            include spanloom:plugin/processor@0.1.0;
            export spanloom:plugin/describe@0.1.0;
            export spanloom:plugin/timer@0.1.0;
            export spanloom:plugin/flush@0.1.0;
        }
    ",
    world: "spanloom:guests/guest",
    generate_all,
    pub_export_macro: true,
});

pub type Processed = Result<Vec<Batch>, Failure>;

thread_local! {
    /// The behaviour that the config names.
    static TASK: RefCell<String> = RefCell::default();
}

/// A plugin that declares this concurrency, by its place in the order of the interface.
pub struct Plugin<const CONCURRENCY: u8>;

impl<const CONCURRENCY: u8> describe::Guest for Plugin<CONCURRENCY> {
    fn describe() -> describe::Description {
        describe::Description {
            name: "misbehave".into(),
            version: "6.6.6".into(),
            summary: "Does what is wrong.".into(),
            config_schema: None,
            signals: vec![Signal::Traces],
            concurrency: [Concurrency::Stateless, Concurrency::ByTrace, Concurrency::Single]
                [CONCURRENCY as usize],
            grants: vec![],
        }
    }
}

impl<const CONCURRENCY: u8> processing::Guest for Plugin<CONCURRENCY> {
    fn configure(config: String) -> Result<(), ConfigError> {
        let task = config.split('"').nth(3).unwrap_or("pass").to_owned();
        match task.as_str() {
            "panic-in-configure" => panic!("configured to panic"),
            "refuse-config" => {
                let message = "`do` is `refuse-config`: anything else would be right".into();
                return Err(ConfigError { path: "do".into(), message });
            }
            "keep-wrong-path" => {
                let path = "no.such[3].key".into();
                return Err(ConfigError { path, message: "a path that leads nowhere".into() });
            }
            task => assert!(behaviours::find(task).is_some(), "there is no `{task}`"),
        }
        TASK.set(task);
        holding::configured();
        Ok(())
    }

    fn process(batch: Batch) -> Processed {
        let task = TASK.with_borrow(String::clone);
        behaviours::find(&task).expect("configured")(spans(batch))
    }
}

impl<const CONCURRENCY: u8> timer::Guest for Plugin<CONCURRENCY> {
    fn wake() -> Processed {
        holding::wake()
    }
}

impl<const CONCURRENCY: u8> flush::Guest for Plugin<CONCURRENCY> {
    fn flush() -> Processed {
        holding::flush()
    }
}

fn doing(task: &str) -> bool {
    TASK.with_borrow(|doing| doing == task)
}

fn spans(batch: Batch) -> SpanBatch {
    match batch {
        Batch::Spans(spans) => spans,
        _ => panic!("it takes traces only"),
    }
}

fn one(spans: SpanBatch) -> Processed {
    Ok(vec![Batch::Spans(spans)])
}

/// Tells the test something by an attribute of every span.
fn tell(spans: &SpanBatch, key: &str, text: &str) {
    for row in 0..spans.len() {
        spans.set(row, key, &Value::Text(text.to_owned())).expect("an edit as it should be");
    }
}

fn has_span(spans: &SpanBatch, name: &str) -> bool {
    (0..spans.len()).any(|row| spans.span(row).is_some_and(|span| span.name == name))
}

/// Makes a component, for example `processor!(0)`.
#[macro_export]
macro_rules! processor {
    ($concurrency:literal) => {
        type Plugin = $crate::Plugin<$concurrency>;
        $crate::export!(Plugin with_types_in $crate);
    };
}
