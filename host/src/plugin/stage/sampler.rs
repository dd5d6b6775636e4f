//! A sampler plugin in the path of a batch.

use std::{sync::Arc, time::Instant};

use wire::SpanBatch;

use super::{
    Stage,
    call::{InPath, pass},
    counted::SamplerMetrics,
    reasons,
};
use crate::{
    pipeline::{
        Batch, Consumer, Refused,
        kept::{KeptAt, write_rates},
    },
    plugin::{
        guest::{
            failure::CallError,
            instance::Undone,
            interface::{Decisions, SamplingDecision},
            plugin::Plugin,
        },
        load::card::Role,
        pool::{GuestUsage, Lane, Place, Pool, live::Live, settings::StageSettings, tending::Tending},
    },
    receipt::ledger::Account,
    telemetry::Telemetry,
};

/// Shows the traces of each batch to a guest, and passes on the traces that the guest keeps.
pub struct PluginSampler {
    sampling: Arc<Sampling>,
    tending: Tending,
}

struct Sampling {
    stage: Arc<Stage>,
    metrics: SamplerMetrics,
}

impl PluginSampler {
    pub async fn start(
        plugin: &Arc<Plugin>,
        settings: &StageSettings,
        telemetry: &Arc<Telemetry>,
        next: Arc<dyn Consumer>,
    ) -> anyhow::Result<PluginSampler> {
        let pool = settings.pool(plugin, Role::Sampler, telemetry).await?;
        let stage = Arc::new(Stage::new(pool, next, telemetry.processor(&settings.component)));
        let tending = Tending::start(&stage.pool, stage.clone()).await?;
        let metrics = SamplerMetrics::new(telemetry, &settings.component);
        Ok(PluginSampler { sampling: Arc::new(Sampling { stage, metrics }), tending })
    }

    pub fn live(&self) -> Live {
        self.sampling.stage.pool.live()
    }

    /// Called when no batch will follow.
    pub async fn shutdown(&self) {
        self.tending.shutdown().await;
    }

    /// Returns what the guests use now.
    pub fn usage(&self) -> GuestUsage {
        self.sampling.stage.pool.usage()
    }

    /// Returns the plugin's decision for each trace, in order, without applying it.
    pub async fn ask(&self, traces: &Arc<wire::Traces>) -> Result<Decisions, CallError> {
        let pool = &self.sampling.stage.pool;
        pool.sample(Place::Slot(0), traces).await.map_err(|undone| undone.error)
    }

    /// Asks the plugin about the traces of these spans, and applies its decisions. Returns the decisions, one for each
    /// trace in order, and the spans that would go on.
    ///
    /// # Errors
    /// The plugin failed.
    pub async fn explain(&self, spans: SpanBatch) -> Result<(Decisions, SpanBatch), CallError> {
        let traces = Arc::new(spans.traces());
        let decisions = self.ask(&traces).await?;
        let mut batch = Batch::owed_to_nobody(wire::Batch::Spans(spans));
        self.sampling.decide(&mut batch, &traces, &decisions);
        let spans = match &batch.data {
            wire::Batch::Spans(spans) => spans.clone(),
            _ => SpanBatch::default(),
        };
        Ok((decisions, spans))
    }
}

#[async_trait::async_trait]
impl Consumer for PluginSampler {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let stage = &self.sampling.stage;
        if !matches!(batch.data, wire::Batch::Spans(_)) || batch.data.is_empty() {
            return stage.next.consume(batch).await;
        }
        stage.metrics.incoming(&batch.data);
        pass(&self.sampling, Box::new(batch)).await
    }

    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        self.sampling.stage.next.accounts()
    }
}

impl InPath for Sampling {
    type Answer = Asked;

    fn pool(&self) -> &Arc<Pool> {
        &self.stage.pool
    }

    async fn call(&self, lane: Lane<'_>, part: Box<Batch>) -> Asked {
        let metrics = &self.stage.metrics;
        let timed = metrics.is_timed().then(|| (part.data.signal(), Instant::now()));
        let asked = Asked::ask(lane, part).await;
        if let Some((signal, begun)) = timed {
            metrics.took(signal, begun.elapsed());
        }
        asked
    }

    fn error(asked: &Asked) -> Option<&CallError> {
        asked.decisions.as_ref().err().map(|undone| &undone.error)
    }

    /// Passes on the traces that are kept.
    async fn conclude(&self, asked: Asked) -> Result<(), Box<Refused>> {
        let Asked { mut batch, traces, decisions } = asked;
        let decisions = match decisions {
            Ok(decisions) => decisions,
            Err(Undone { error, retry_after, .. }) => {
                let undone = Undone { retry_after, ..Undone::holding(error, vec![*batch]) };
                return self.stage.fall_back(undone, true).await;
            }
        };
        let sampled_out = self.decide(&mut batch, &traces, &decisions);
        drop(traces);
        if batch.items() > 0
            && let Err(mut refused) = self.stage.pass_on(*batch).await
        {
            // The sender will send these spans again, and they will be sampled again.
            sampled_out.into_iter().for_each(|part| refused.batch.join(part));
            return Err(refused);
        }
        sampled_out.into_iter().for_each(Batch::sampled_out);
        Ok(())
    }

    async fn left_alone(&self, batch: Box<Batch>, error: CallError) -> Result<(), Box<Refused>> {
        self.stage.left_alone(batch, error).await
    }
}

impl Sampling {
    /// Removes the spans of the dropped traces. Returns their shares as a batch without data.
    fn decide(&self, batch: &mut Batch, traces: &wire::Traces, decisions: &Decisions) -> Option<Batch> {
        let (mut kept, mut out, mut undecided, mut represented) = (0, 0, 0, 0.0);
        let keep: Vec<bool> = std::iter::zip(&decisions.each, traces.span_counts())
            .map(|(decision, spans)| match decision {
                SamplingDecision::Keep { rate, .. } => {
                    kept += u64::from(spans);
                    represented += f64::from(spans) / rate;
                    true
                }
                SamplingDecision::Drop => {
                    out += u64::from(spans);
                    false
                }
                SamplingDecision::Undecided => {
                    undecided += u64::from(spans);
                    true
                }
            })
            .collect();
        self.metrics.kept.increment(kept);
        self.metrics.sampled_out.increment(out);
        self.metrics.undecided.increment(undecided);
        self.metrics.represented.increment(represented);
        self.metrics.count_reasons(traces, decisions);
        if let wire::Batch::Spans(spans) = &mut batch.data {
            // This cannot fail: there is one entry for each trace, and the traces are this batch's.
            let _ = spans.retain_traces(traces, &keep);
            let rates = rates(traces, decisions);
            if !rates.is_empty() {
                let of_row = |trace: &u32| decisions.each.get(*trace as usize)?.written_rate();
                let is_kept = |trace: &&u32| keep.get(**trace as usize).copied().unwrap_or_default();
                write_rates(spans, traces.of_spans().iter().filter(is_kept).map(of_row));
                self.stage.next.learn_rates(&rates);
            }
            if let Some(recording) = self.stage.pool.recording() {
                reasons::record(&recording, spans, traces, decisions, &keep);
            }
        }
        batch.excess()
    }
}

/// Returns the rates of the kept traces whose spans say them.
fn rates(traces: &wire::Traces, decisions: &Decisions) -> Vec<([u8; 16], KeptAt)> {
    let all = std::iter::zip(traces.ids(), &decisions.each);
    all.filter_map(|(id, decision)| Some((*id, decision.written_rate()?))).collect()
}

/// A batch, its traces, and the guest's decisions.
struct Asked {
    batch: Box<Batch>,
    traces: Arc<wire::Traces>,
    decisions: Result<Decisions, Undone>,
}

impl Asked {
    /// Shows the traces of `batch` to a guest. `batch` must hold spans.
    async fn ask(Lane { pool, place }: Lane<'_>, batch: Box<Batch>) -> Asked {
        let traces = match &batch.data {
            wire::Batch::Spans(spans) => Arc::new(spans.traces()),
            _ => Arc::default(),
        };
        let copies = pool.copies(&batch.data);
        let decisions = pool.sample(place, &traces).await;
        if let (Some(copies), Ok(decisions)) = (copies, &decisions) {
            copies.compare_decisions(place, traces.clone(), decisions.each.clone());
        }
        Asked { batch, traces, decisions }
    }
}
