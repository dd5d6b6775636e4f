//! The `service_graph` connector: the graph of services, as metrics of its edges. It takes traces and emits
//! metrics.
//!
//! A client span and its server span make an edge (`graph`); the first span waits for the second (`store`).
//! Every `metrics_flush_interval` the edges between two services become points (`collect`).

mod collect;
mod columns;
mod config;
mod edge;
mod graph;
mod shape;
mod state;
mod store;

use std::time::Duration;

use prost::Message;
use serde::Deserialize;
use spanloom_plugin::metrics::Counter;
use spanloom_plugin::prelude::*;
use spanloom_plugin::{clock, schedule};

use config::Config;
use graph::{Graph, Tally};
use state::State;

/// The `service_graph` connector.
#[derive(Debug, Deserialize)]
#[serde(from = "Config")]
pub struct ServiceGraph {
    config: Config,
    graph: Graph,
    /// The last points of series that the new config does not have. They leave with the next call.
    parting: Vec<Vec<u8>>,
    counters: Option<Counters>,
    /// When the next points leave, when waiting edges are next checked for expiration, and when stale series
    /// are next removed.
    flush_due_unix_nano: u64,
    expire_due_unix_nano: u64,
    forget_due_unix_nano: u64,
}

/// The plugin's own metrics.
#[derive(Debug)]
struct Counters {
    edges: Counter,
    expired: Counter,
    dropped: Counter,
}

impl From<Config> for ServiceGraph {
    fn from(config: Config) -> ServiceGraph {
        ServiceGraph {
            graph: Graph::new(&config),
            config,
            parting: Vec::new(),
            counters: None,
            flush_due_unix_nano: 0,
            expire_due_unix_nano: 0,
            forget_due_unix_nano: 0,
        }
    }
}

impl Connector for ServiceGraph {
    fn describe(of_crate: Description) -> Description {
        let described = of_crate.with_schema(include_str!("../config.schema.json"));
        Description { concurrency: Concurrency::Single, ..described }
    }

    fn emits() -> Vec<Signal> {
        vec![Signal::Metrics]
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        self.config.validate()?;
        self.counters = Some(Counters::new());
        let now = clock::now_unix_nano();
        self.flush_due_unix_nano = after(now, *self.config.metrics_flush_interval);
        self.expire_due_unix_nano = after(now, *self.config.expiration_loop());
        self.forget_due_unix_nano = after(now, *self.config.forget_loop());
        self.graph.since_unix_nano = now;
        self.schedule(now);
        Ok(())
    }

    /// Keeps the series if the new config has the same ones. Otherwise their last points leave. Edges go on
    /// waiting.
    fn reconfigure(&mut self, new: ServiceGraph) -> Result<(), ConfigError> {
        let ServiceGraph { graph: mut old, parting, .. } = std::mem::replace(self, new);
        self.parting = parting;
        self.take_over(&mut old);
        Ok(())
    }

    fn consume_spans(&mut self, spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        let now = clock::now_unix_nano();
        self.graph.consume(&spans, now);
        let always = self.config.metrics_flush_interval.is_zero();
        // A new instance may start after points are due.
        self.tend(now, always, out)
    }
}

impl Timer for ServiceGraph {
    fn wake(&mut self, out: &mut Output) -> Result<(), Failure> {
        let now = clock::now_unix_nano();
        self.tend(now, false, out)?;
        self.schedule(now);
        Ok(())
    }
}

impl Flush for ServiceGraph {
    /// Ends the waiting edges, because no more spans will come.
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        let now = clock::now_unix_nano();
        self.graph.expire(u64::MAX, now);
        self.tend(now, true, out)
    }
}

impl Handover for ServiceGraph {
    fn save(&mut self) -> Result<Saved, Failure> {
        let mut state = State::of(&mut self.graph, self.flush_due_unix_nano);
        state.parting = std::mem::take(&mut self.parting);
        let saved = Saved { state: state.encode_to_vec(), batches: Vec::new() };
        // The next instance may refuse the state; then this instance continues.
        self.take_back(state);
        Ok(saved)
    }

    fn restore(&mut self, saved: Saved) -> Result<(), Failure> {
        let state = State::read(&saved.state);
        let state = state.ok_or_else(|| Failure::permanent("the state is of another version"))?;
        self.flush_due_unix_nano = self.flush_due_unix_nano.min(state.due_unix_nano);
        self.take_back(state);
        self.schedule(clock::now_unix_nano());
        Ok(())
    }
}

impl ServiceGraph {
    fn take_back(&mut self, mut state: State) {
        self.parting.append(&mut state.parting);
        self.take_over(&mut state.into_graph());
    }

    fn take_over(&mut self, old: &mut Graph) {
        if old.shape == self.graph.shape {
            std::mem::swap(&mut self.graph, old);
            self.graph.settle(&self.config);
            return;
        }
        old.collect(clock::now_unix_nano(), &mut |request| self.parting.push(request));
        let mut edges = old.take_edges();
        if old.shape.dimensions != self.graph.shape.dimensions {
            // The saved values are those of other attributes.
            let sides = edges.iter_mut().flat_map(|edge| [&mut edge.client, &mut edge.server]);
            sides.for_each(|side| side.dimensions.clear());
        }
        self.graph.put_edges(edges);
    }

    /// Does everything that is due.
    fn tend(&mut self, now_unix_nano: u64, flush: bool, out: &mut Output) -> Result<(), Failure> {
        let now = now_unix_nano;
        std::mem::take(&mut self.parting).iter().try_for_each(|request| pass(request, out))?;
        if now >= self.expire_due_unix_nano {
            self.expire_due_unix_nano = after(now, *self.config.expiration_loop());
            self.graph.expire(now, now);
        }
        if now >= self.forget_due_unix_nano {
            self.forget_due_unix_nano = after(now, *self.config.forget_loop());
            self.graph.forget(now);
        }
        let tally = std::mem::take(&mut self.graph.tally);
        self.counters.iter().for_each(|counters| counters.add(tally));
        if !flush && (now < self.flush_due_unix_nano || self.config.metrics_flush_interval.is_zero()) {
            return Ok(());
        }
        self.flush_due_unix_nano = after(now, *self.config.metrics_flush_interval);
        let mut passed = Ok(());
        self.graph.collect(now, &mut |request| {
            if passed.is_ok() {
                passed = pass(&request, out);
            }
        });
        passed
    }

    /// Schedules a wake-up for the next thing that is due.
    fn schedule(&self, now_unix_nano: u64) {
        let flush = Some(self.flush_due_unix_nano).filter(|_| !self.config.metrics_flush_interval.is_zero());
        let due = [Some(self.expire_due_unix_nano), Some(self.forget_due_unix_nano), flush];
        let next = due.into_iter().flatten().min().unwrap_or_default();
        let left = Duration::from_nanos(next.saturating_sub(now_unix_nano));
        schedule::wake_after(left.max(Duration::from_millis(1)));
    }
}

impl Counters {
    fn new() -> Counters {
        let counter = |name: &str, help: &str| {
            Counter::new(&format!("otelcol_connector_servicegraph_{name}"), help, &[])
        };
        Counters {
            edges: counter("total_edges", "Edges begun"),
            expired: counter("expired_edges", "Edges whose other side sent no span in time"),
            dropped: counter("dropped_spans", "Spans for whose other side there was no room to wait"),
        }
    }

    fn add(&self, tally: Tally) {
        let counts =
            [(&self.edges, tally.edges), (&self.expired, tally.expired), (&self.dropped, tally.dropped)];
        counts.into_iter().filter(|(_, count)| *count > 0).for_each(|(counter, count)| counter.add(count));
    }
}

/// Returns the time after the interval. An interval is at least a millisecond.
fn after(now_unix_nano: u64, interval: Duration) -> u64 {
    let nano = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    now_unix_nano.saturating_add(nano.max(1_000_000))
}

fn pass(request: &[u8], out: &mut Output) -> Result<(), Failure> {
    out.pass(MetricsBatch::from_otlp(request)?);
    Ok(())
}

spanloom_plugin::connector!(ServiceGraph: Timer, Flush, Handover);
