//! An exporter that posts what it is given, as OTLP, to the `url` of its config. What it is told to come again with is retryable;
//! spans called `no` fail for good and the others do not.
#![cfg(target_family = "wasm")]

use std::cell::RefCell;

use exports::spanloom::plugin::{
    describe,
    exporting::{self, ExportError, Part},
    timer,
};
use spanloom::plugin::{
    batches::Batch,
    clock,
    http::{self, Header, HttpError, Request},
    log::{self, Level},
    schedule,
    spans::SpanBatch,
    types::{ConfigError, Failure, Retryable, Signal},
};

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package spanloom:kept;
        world kept {
            include spanloom:plugin/exporter@0.1.0;
            export spanloom:plugin/describe@0.1.0;
            export spanloom:plugin/timer@0.1.0;
        }
    ",
    world: "spanloom:kept/kept",
    generate_all,
});

thread_local! {
    static URL: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Plugin;
export!(Plugin);

impl describe::Guest for Plugin {
    fn describe() -> describe::Description {
        describe::Description {
            name: "kept-exporter".into(),
            version: "0.1.0".into(),
            summary: "Posts what it is given.".into(),
            config_schema: None,
            signals: vec![Signal::Traces, Signal::Metrics, Signal::Logs],
            concurrency: describe::Concurrency::Stateless,
            grants: vec![describe::Grant::Http],
        }
    }
}

impl exporting::Guest for Plugin {
    fn configure(config: String) -> Result<(), ConfigError> {
        let url = config.split('"').nth(3);
        let missing = || ConfigError { path: "url".into(), message: "is missing".into() };
        URL.set(url.ok_or_else(missing)?.to_owned());
        schedule::wake_after(1);
        Ok(())
    }

    fn export_batch(batch: Batch) -> Result<(), ExportError> {
        match batch {
            Batch::Spans(spans) => {
                post("traces", spans.otlp())?;
                refused(&spans)
            }
            Batch::Metrics(metrics) => post("metrics", metrics.otlp()),
            Batch::Logs(logs) => post("logs", logs.otlp()),
        }
    }
}

impl timer::Guest for Plugin {
    fn wake() -> Result<Vec<Batch>, Failure> {
        let now = clock::now_unix_nano() > 1_700_000_000_000_000_000 && clock::monotonic_nano() < u64::MAX;
        log::log(Level::Info, &format!("exporter was woken: {now}"));
        Ok(vec![])
    }
}

fn post(signal: &str, body: Vec<u8>) -> Result<(), ExportError> {
    let elsewhere = http::send(&request("http://example.invalid/".into(), vec![]));
    if !matches!(elsewhere, Err(HttpError::Denied(_))) {
        return Err(ExportError::Whole(Failure::Permanent("what is not granted is not denied".into())));
    }
    let url = format!("{}/v1/{signal}", URL.with_borrow(String::clone));
    match http::send(&request(url, body)) {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(again(format!("status {}", answer.status))),
        Err(error) => Err(again(format!("{error:?}"))),
    }
}

fn request(url: String, body: Vec<u8>) -> Request {
    let headers = vec![Header { name: "content-type".into(), value: "application/x-protobuf".into() }];
    Request { method: "POST".into(), url, headers, body, timeout_ms: Some(5_000) }
}

fn again(message: String) -> ExportError {
    ExportError::Whole(Failure::Retryable(Retryable { message, after_ms: Some(10) }))
}

fn refused(spans: &SpanBatch) -> Result<(), ExportError> {
    let is_refused = |row: &u32| spans.span(*row).is_some_and(|span| span.name == "no");
    let rows: Vec<u32> = (0..spans.len()).filter(is_refused).collect();
    if rows.is_empty() {
        return Ok(());
    }
    Err(ExportError::Parts(vec![Part { rows, failure: Failure::Permanent("no".into()) }]))
}
