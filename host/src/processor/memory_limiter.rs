//! `memory_limiter`: gives data back to its senders while the process is short of memory. The Collector's
//! keys.
//!
//! It should be the first processor of a pipeline, so that refused data has cost nothing yet. Receivers
//! answer with "try again".

use std::sync::Arc;

use metrics::Counter;
use tokio::time::Instant;
use wire::Signal;

use crate::{
    component::{BuildContext, Factory, Processor, ProcessorFactory, Revise},
    config::{ConfigError, Node},
    pipeline::{
        Batch, Consumer, Refused,
        limiter::{Limiter, MemoryLimiterConfig},
    },
    receipt::{Failure, Reason, ledger::Account},
    telemetry::{ProcessorMetrics, Telemetry},
};

pub struct MemoryLimiterFactory;

/// The processor of one pipeline. It holds no batch.
struct MemoryLimiter {
    limiter: Arc<Limiter>,
    next: Arc<dyn Consumer>,
    metrics: ProcessorMetrics,
    /// The accepted items of traces, metrics and logs.
    accepted: [Counter; 3],
    refused: [Counter; 3],
}

impl Factory for MemoryLimiterFactory {
    fn name(&self) -> &str {
        "memory_limiter"
    }

    fn signals(&self) -> &[Signal] {
        &Signal::ALL
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(MemoryLimiterConfig::validate).map(drop)
    }
}

#[async_trait::async_trait]
impl ProcessorFactory for MemoryLimiterFactory {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<Arc<dyn Processor>, ConfigError> {
        let limiter = Arc::new(Limiter::new(&config.read_valid(MemoryLimiterConfig::validate)?)?);
        let id = context.id.to_string();
        let [accepted, refused] =
            [ACCEPTED, REFUSED].map(|names| names.map(|name| counter(context.telemetry, name, &id)));
        let metrics = context.telemetry.processor(&id);
        Ok(Arc::new(MemoryLimiter { limiter, next, metrics, accepted, refused }))
    }
}

const ACCEPTED: [&str; 3] = [
    "otelcol_processor_memory_limiter_accepted_spans",
    "otelcol_processor_memory_limiter_accepted_metric_points",
    "otelcol_processor_memory_limiter_accepted_log_records",
];
const REFUSED: [&str; 3] = [
    "otelcol_processor_memory_limiter_refused_spans",
    "otelcol_processor_memory_limiter_refused_metric_points",
    "otelcol_processor_memory_limiter_refused_log_records",
];

fn counter(telemetry: &Telemetry, name: &'static str, id: &str) -> Counter {
    telemetry.counter(name, &[("processor", id)])
}

#[async_trait::async_trait]
impl Consumer for MemoryLimiter {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let begun = self.metrics.is_timed().then(Instant::now);
        let (checked, counters) = match self.limiter.check() {
            Ok(()) => (Ok(()), &self.accepted),
            Err(short) => (Err(short), &self.refused),
        };
        if let Some(begun) = begun {
            self.metrics.took(batch.data.signal(), begun.elapsed());
        }
        self.metrics.incoming(&batch.data);
        if let Some(counter) = counters.get(batch.data.signal() as usize) {
            counter.increment(batch.items() as u64);
        }
        match checked {
            Ok(()) => {
                self.metrics.outgoing(&batch.data);
                self.next.consume(batch).await
            }
            Err(short) => Err(batch.refused(Failure::retryable(Reason::MemoryShort, short.to_string()))),
        }
    }

    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        self.next.accounts()
    }
}

#[async_trait::async_trait]
impl Processor for MemoryLimiter {
    async fn shutdown(&self, _: Instant) {}

    fn revise(&self, config: &Node) -> Option<Revise> {
        let config = config.read_valid(MemoryLimiterConfig::validate).ok()?;
        let limiter = self.limiter.clone();
        Some(Box::new(move || {
            if let Err(error) = limiter.set(&config) {
                tracing::error!("`memory_limiter` keeps its limits: {error}");
            }
        }))
    }
}
