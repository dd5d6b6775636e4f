//! Keeps a share of spans and log records, with the config of the Collector's `probabilistic_sampler`.
//!
//! Each span is decided on by itself: by its trace id, its trace state and its priority. The spans of a trace
//! have the same id, so they are kept or dropped together.

mod config;
mod hash;
mod logs;
mod sampler;
mod spans;
mod stats;
#[cfg(test)]
mod tests;

use spanloom_plugin::{prelude::*, wire};

use crate::{
    config::Config,
    sampler::Mode,
    stats::{Stats, Tally},
};

#[derive(Deserialize)]
#[serde(from = "Config")]
struct ProbabilisticSampler {
    mode: Mode,
    config: Config,
    of_spans: Stats,
    of_logs: Stats,
}

impl From<Config> for ProbabilisticSampler {
    fn from(config: Config) -> ProbabilisticSampler {
        let stats = |signal| Stats::new(signal, &config.from_attribute);
        ProbabilisticSampler {
            mode: Mode::of(&config),
            of_spans: stats("traces"),
            of_logs: stats("logs"),
            config,
        }
    }
}

impl Processor for ProbabilisticSampler {
    fn describe(of_crate: Description) -> Description {
        Description {
            name: "probabilistic_sampler".to_owned(),
            signals: vec![Signal::Traces, Signal::Logs],
            concurrency: Concurrency::Stateless,
            ..of_crate.with_schema(include_str!("../config.schema.json"))
        }
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        self.config.check()
    }

    fn process_spans(&mut self, mut batch: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        let mut tally = Tally::default();
        let note = |policy, is_kept| tally.note(policy, is_kept);
        let (kept, states) = spans::sample(&batch, &self.mode, &self.config, note);
        self.of_spans.add(tally);
        batch.count_as_sampled_out();
        batch.set_trace_states(&states)?;
        batch.retain(&kept)?;
        out.pass(batch);
        Ok(())
    }

    fn process_logs(&mut self, mut batch: LogsBatch, out: &mut Output) -> Result<(), Failure> {
        let mut records = wire::LogsBatch::decode(batch.otlp().into())
            .map_err(|error| Failure::permanent(error.to_string()))?;
        let mut tally = Tally::default();
        let note = |policy, is_kept| tally.note(policy, is_kept);
        let changed = logs::sample(&mut records, &self.mode, &self.config, note)
            .map_err(|error| Failure::permanent(error.to_string()))?;
        self.of_logs.add(tally);
        if changed {
            batch.count_as_sampled_out();
            batch.replace(&records.chunks().concat())?;
        }
        out.pass(batch);
        Ok(())
    }
}

spanloom_plugin::processor!(ProbabilisticSampler);
