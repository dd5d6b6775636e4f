//! A sampler that reads traces in every way, tells in the log what it read, and gives every kind of decision.
#![cfg(target_family = "wasm")]

use exports::spanloom::plugin::{
    describe,
    sampling::{self, Decision},
};
use spanloom::plugin::{
    log::{self, Level},
    traces::TraceBatch,
    types::{ConfigError, Failure},
};

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package spanloom:kept;
        world kept {
            include spanloom:plugin/sampler@0.1.0;
            export spanloom:plugin/describe@0.1.0;
        }
    ",
    world: "spanloom:kept/kept",
    generate_all,
});

struct Plugin;
export!(Plugin);

impl describe::Guest for Plugin {
    fn describe() -> describe::Description {
        describe::Description {
            name: "kept-sampler".into(),
            version: "0.1.0".into(),
            summary: "Reads and decides in every way.".into(),
            config_schema: None,
            signals: vec![],
            concurrency: describe::Concurrency::ByTrace,
            grants: vec![],
        }
    }
}

impl sampling::Guest for Plugin {
    fn configure(_: String) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Traces with an error are kept, those whose root is called `undecided` are not decided upon, one in two of those called
    /// `half` are kept, and the rest is dropped.
    fn sample(traces: TraceBatch) -> Result<Vec<Decision>, Failure> {
        let errors = traces.errors();
        let names = traces.root_names();
        let starts = std::iter::once(0).chain(names.ends.iter().map(|end| *end as usize));
        let names: Vec<&str> =
            starts.zip(&names.ends).map(|(start, end)| &names.arena[start..*end as usize]).collect();
        let status = traces.number_column("http.response.status_code");
        let path = traces.text_column("url.path");
        let spans = traces.spans();
        let read = format!(
            "{} traces, {} bytes of ids, spans {:?}, {} ns, started {}, path {} {:?}, status {:?} {:?}, service {:?}, of {:?}, {} spans",
            traces.len(),
            traces.ids().len(),
            traces.span_counts(),
            traces.durations_nano().iter().sum::<u64>(),
            traces.start_times_unix_nano().iter().min().expect("a trace"),
            path.arena,
            traces.texts("url.path"),
            status.bits,
            traces.numbers("ratio"),
            traces.resource_texts("service.name"),
            traces.traces_of_spans(),
            spans.len(),
        );
        log::log(Level::Info, &format!("sampler read: {read}"));
        let decide = |(error, name): (&bool, &&str)| match *name {
            _ if *error => Decision::Keep(1.0),
            "undecided" => Decision::Undecided,
            "half" => Decision::Keep(0.5),
            _ => Decision::Drop,
        };
        Ok(errors.iter().zip(&names).map(decide).collect())
    }
}
