//! The `span_metrics` connector: request, error and duration metrics of spans. It takes traces and emits
//! metrics.
//!
//! Spans are counted in series by their dimensions (`series`), grouped by resource (`groups`). Every
//! `metrics_flush_interval` each series emits a point (`collect`).

mod adjusted;
mod aggregator;
mod collect;
mod columns;
mod config;
mod ends;
mod glob;
mod groups;
mod series;
mod shape;
mod state;

use prost::Message;
use serde::Deserialize;
use spanloom_plugin::prelude::*;
use spanloom_plugin::{clock, schedule};

use aggregator::Aggregator;
use config::Config;

use state::State;

/// The `span_metrics` connector.
#[derive(Debug, Deserialize)]
#[serde(from = "Config")]
pub struct SpanMetrics {
    config: Config,
    aggregator: Aggregator,
    /// The last points of series that the new config does not have. They leave with the next call.
    parting: Vec<Vec<u8>>,
    /// When the next points leave.
    due_unix_nano: u64,
}

impl From<Config> for SpanMetrics {
    fn from(config: Config) -> SpanMetrics {
        let aggregator = Aggregator::new(&config);
        SpanMetrics { config, aggregator, parting: Vec::new(), due_unix_nano: 0 }
    }
}

impl Connector for SpanMetrics {
    fn describe(of_crate: Description) -> Description {
        let described = of_crate.with_schema(include_str!("../config.schema.json"));
        Description { concurrency: Concurrency::Single, ..described }
    }

    fn emits() -> Vec<Signal> {
        vec![Signal::Metrics]
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        self.config.validate()?;
        self.schedule(clock::now_unix_nano());
        Ok(())
    }

    /// Keeps the series if the new config has the same ones. Otherwise their last points leave.
    fn reconfigure(&mut self, new: SpanMetrics) -> Result<(), ConfigError> {
        let mut old = std::mem::replace(&mut self.aggregator, new.aggregator);
        self.config = new.config;
        self.due_unix_nano = new.due_unix_nano;
        self.take_over(&mut old);
        Ok(())
    }

    fn consume_spans(&mut self, spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        let now = clock::now_unix_nano();
        // A new instance may start after the points are due.
        if now >= self.due_unix_nano {
            self.emit(out)?;
        }
        let mut requests = std::mem::take(&mut self.parting);
        self.aggregator.consume(&spans, now, &mut |request| requests.push(request));
        requests.iter().try_for_each(|request| pass(request, out))
    }
}

impl Timer for SpanMetrics {
    fn wake(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.emit(out)
    }
}

impl Flush for SpanMetrics {
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.emit(out)
    }
}

impl Handover for SpanMetrics {
    fn save(&mut self) -> Result<Saved, Failure> {
        let mut state = State::of(&mut self.aggregator, self.due_unix_nano);
        state.parting = std::mem::take(&mut self.parting);
        let saved = Saved { state: state.encode_to_vec(), batches: Vec::new() };
        // The next instance may refuse the state; then this instance continues.
        self.take_back(state);
        Ok(saved)
    }

    fn restore(&mut self, saved: Saved) -> Result<(), Failure> {
        let state = State::read(&saved.state);
        let state = state.ok_or_else(|| Failure::permanent("the state is of another version"))?;
        if state.due_unix_nano < self.due_unix_nano {
            self.due_unix_nano = state.due_unix_nano;
            let left_nano = state.due_unix_nano.saturating_sub(clock::now_unix_nano());
            schedule::wake_after(std::time::Duration::from_nanos(left_nano.max(1_000_000)));
        }
        self.take_back(state);
        Ok(())
    }
}

impl SpanMetrics {
    fn take_back(&mut self, mut state: State) {
        self.parting.append(&mut state.parting);
        self.take_over(&mut state.into_aggregator());
    }

    fn take_over(&mut self, old: &mut Aggregator) {
        if old.shape == self.aggregator.shape {
            std::mem::swap(&mut self.aggregator, old);
            self.aggregator.settle(&self.config);
        } else {
            old.collect(clock::now_unix_nano(), &mut |request| self.parting.push(request));
        }
    }

    fn emit(&mut self, out: &mut Output) -> Result<(), Failure> {
        let now = clock::now_unix_nano();
        self.schedule(now);
        std::mem::take(&mut self.parting).iter().try_for_each(|request| pass(request, out))?;
        let mut passed = Ok(());
        self.aggregator.collect(now, &mut |request| {
            if passed.is_ok() {
                passed = pass(&request, out);
            }
        });
        passed
    }

    fn schedule(&mut self, now_unix_nano: u64) {
        let interval = *self.config.metrics_flush_interval;
        let interval_nano = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        self.due_unix_nano = now_unix_nano.saturating_add(interval_nano);
        schedule::wake_after(interval);
    }
}

fn pass(request: &[u8], out: &mut Output) -> Result<(), Failure> {
    out.pass(MetricsBatch::from_otlp(request)?);
    Ok(())
}

spanloom_plugin::connector!(SpanMetrics: Timer, Flush, Handover);
