//! `tail_sampling`: whole traces are given to a sampler, and spans that come later obey its decision. The Collector's
//! keys, and a bound in bytes.

mod config;
mod doubts;

use std::{
    any::Any,
    sync::{Arc, Weak},
};

use tokio::time::Instant;
use wire::Signal;

pub use config::TailSamplingConfig;

use super::{
    assembly::{Assembly, To},
    deciding::Deciding,
    decisions::Decisions,
    metrics::{AssemblyMetrics, DecisionMetrics},
    relief::{Noted, Relief, ReliefMetrics},
};
use crate::{
    component::{BuildContext, Factory, Gathers, Processor, ProcessorFactory, Revise, Sampler},
    config::{ConfigError, Finding, Node},
    id::ComponentId,
    pipeline::{Batch, Consumer, Refused},
    receipt::ledger::Account,
};

/// The type of the built-in sampler that reads `policies`. Its id has the name of the processor's.
pub const POLICIES: &str = "tail_sampling_policies";
/// The type of the processor.
pub const TYPE: &str = "tail_sampling";
/// The keys that are the built-in sampler's. `sampling_strategy` is not: the sampler is only asked about whole traces,
/// so it must not leave a trace undecided until more of it comes.
const OF_POLICIES: [&str; 3] = ["policies", "sample_on_first_match", "record_reason"];

pub struct TailSamplingFactory;

impl Factory for TailSamplingFactory {
    fn name(&self) -> &str {
        TYPE
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Traces]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(TailSamplingConfig::validate).map(drop)
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        let mut doubts = config.unused::<TailSamplingConfig>();
        if let Ok(read) = config.read::<TailSamplingConfig>() {
            doubts.extend(read.doubts(config));
        }
        if let Some(policies) = config.get("policies") {
            doubts.extend(self::doubts::of_policies(policies));
        }
        doubts
    }
}

#[async_trait::async_trait]
impl ProcessorFactory for TailSamplingFactory {
    fn sampler(&self, id: &ComponentId, config: &Node) -> Option<Sampler> {
        if let Some(named) = config.get("sampler").filter(|named| !named.is_null()) {
            return Some(Sampler { key: "sampler", id: named.read().ok()?, config: None });
        }
        config.get("policies")?;
        let id = ComponentId { component_type: POLICIES.to_owned(), name: id.name.clone() };
        Some(Sampler { key: "policies", id, config: Some(config.only(&OF_POLICIES)) })
    }

    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<Arc<dyn Processor>, ConfigError> {
        let config = config.read_valid(TailSamplingConfig::validate)?;
        let id = context.id.to_string();
        let former = context.former.clone().and_then(|former| former.downcast::<Legacy>().ok());
        let (decisions, former) = match former.as_deref() {
            Some(Legacy { decisions, assembly }) => {
                decisions.set(config.sizes());
                (decisions.clone(), assembly.clone())
            }
            None => (Arc::new(Decisions::new(config.sizes())), Weak::new()),
        };
        let noted = Noted::new(context.telemetry, &id);
        let relief = Relief::new(&id, noted, ReliefMetrics::register(context.telemetry, &id));
        let metrics = DecisionMetrics::register(context.telemetry, &id);
        let deciding = Arc::new(Deciding::new(next, decisions, relief, metrics));
        deciding.behind.record(config.record_reason);
        let metrics = AssemblyMetrics::of_tail_sampling(context.telemetry, &id);
        let to = To::Sampler(deciding.clone());
        let assembly = Assembly::start(config.settings(), config.workers(), to, metrics, former);
        Ok(Arc::new(TailSampling { assembly, deciding, workers: config.workers() }))
    }
}

/// What the processor that takes this one's place goes on with.
struct Legacy {
    decisions: Arc<Decisions>,
    assembly: Weak<Assembly>,
}

struct TailSampling {
    assembly: Arc<Assembly>,
    deciding: Arc<Deciding>,
    workers: usize,
}

#[async_trait::async_trait]
impl Consumer for TailSampling {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        self.assembly.add(batch).await
    }

    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        self.deciding.behind.accounts()
    }
}

#[async_trait::async_trait]
impl Processor for TailSampling {
    async fn shutdown(&self, deadline: Instant) {
        self.assembly.shutdown(deadline).await;
    }

    /// Other waits and limits hold for the traces that are held already.
    fn revise(&self, config: &Node) -> Option<Revise> {
        let config = config.read_valid(TailSamplingConfig::validate).ok()?;
        if config.workers() != self.workers {
            return None;
        }
        let (assembly, deciding) = (self.assembly.clone(), self.deciding.clone());
        Some(Box::new(move || {
            assembly.set(config.settings());
            deciding.decisions.set(config.sizes());
            deciding.behind.record(config.record_reason);
        }))
    }

    fn gathers(&self) -> Option<&dyn Gathers> {
        Some(self)
    }

    /// The decisions, so that spans obey those that were made before a reload; and the assembly, so that a trace that it
    /// still holds is decided there alone.
    fn legacy(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        let (decisions, assembly) = (self.deciding.decisions.clone(), Arc::downgrade(&self.assembly));
        Some(Arc::new(Legacy { decisions, assembly }))
    }
}

impl Gathers for TailSampling {
    fn behind_sampler(&self) -> Arc<dyn Consumer> {
        self.deciding.behind.clone()
    }

    fn lead_to(&self, sampler: Arc<dyn Consumer>) {
        self.deciding.lead_to(sampler);
    }
}
