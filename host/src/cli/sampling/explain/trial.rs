//! Runs the processors of one pipeline over traces, and notes what each sampler decides.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use hashbrown::HashMap;
use serde::Serialize;
use tokio::time::Instant;
use wire::{SpanBatch, Threshold, TraceState};

use super::{
    arrival::{By, Due, Waits},
    votes::{Vote, Votes},
};
use crate::{
    component::{BuildContext, Extensions, Processor, ProcessorFactory},
    config::Node,
    id::{ComponentId, Kind},
    pipeline::{Batch, Consumer, Refused},
    plugin::{PluginSampler, SamplingDecision, advance_clocks, factory::PluginType},
    sampling::tail_sampling::TailSamplingConfig,
    service::Opened,
    telemetry::Telemetry,
};

/// What one sampler decided about the spans of a trace that it saw together.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    #[serde(skip)]
    pub(super) trace: [u8; 16],
    /// The component in the pipeline's list.
    pub(super) component: String,
    /// The sampler behind it, if it is a component of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sampler: Option<String>,
    /// `keep`, `drop` or `undecided`; `partly` if a processor of spans kept some of them.
    pub(super) decision: &'static str,
    pub(super) rate: Option<f64>,
    /// Empty if the sampler gave none.
    pub(super) reason: String,
    /// What of the rule that is the reason kept the trace: `reservoir`, `borrowed` or `rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kept_by: Option<String>,
    /// The spans that the sampler saw.
    pub(super) spans: usize,
    /// The spans that end after the decision. They follow it.
    pub(super) late_spans: usize,
    /// When it is decided, if the component waits for the trace: milliseconds after the trace began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decided_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decided_by: Option<By>,
    /// What each policy said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) policies: Vec<Vote>,
}

/// The processors that a pipeline has up to the last sampler that is to be explained.
pub(super) struct Trial<'a> {
    pub(super) opened: &'a Opened,
    /// The only component whose decisions are wanted, if not all are.
    pub(super) component: Option<&'a ComponentId>,
}

/// A sampler, and what is needed to ask it about one trace after the other.
struct Asked {
    component: String,
    behind: Option<String>,
    sampler: PluginSampler,
    votes: Votes,
    telemetry: Arc<Telemetry>,
    /// The time of the last decision.
    now_unix_nano: Option<u64>,
}

/// A processor that is no sampler, and what it passes on.
struct Processed {
    component: String,
    processor: Arc<dyn Processor>,
    collected: Arc<Collected>,
}

/// Processors that decide about each span by itself, and so are no samplers.
const OF_SPANS: [&str; 1] = ["probabilistic_sampler"];
/// How long a processor may take to pass on what it holds.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

impl Trial<'_> {
    /// Returns whether the component is a sampler, or has one behind it.
    pub(super) fn decides(&self, id: &ComponentId) -> bool {
        let Some((factory, node)) = self.factory(id) else { return false };
        factory.samples() || factory.sampler(id, node).is_some() || is_of_spans(id)
    }

    /// Runs the processors in their order. Returns the decisions in the order in which they were made.
    ///
    /// # Errors
    /// A component cannot be built, or fails on the traces.
    pub(super) async fn run(
        &self,
        processors: &[ComponentId],
        mut requests: Vec<SpanBatch>,
    ) -> anyhow::Result<Vec<Step>> {
        let is_wanted =
            |id: &&ComponentId| self.component.is_none_or(|wanted| wanted == *id) && self.decides(id);
        let end = processors.iter().rposition(|id| is_wanted(&id)).map_or(0, |last| last + 1);
        let mut steps = Vec::new();
        for id in processors.iter().take(end) {
            let Some((factory, node)) = self.factory(id) else { continue };
            let made = match factory.sampler(id, node) {
                Some(behind) => {
                    let waits = node.read::<TailSamplingConfig>().map(|config| config.waits());
                    let (wait, after_root) = waits.with_context(|| id.to_string())?;
                    let mut asked = self.asked(&behind.id, Some(id)).await?;
                    asked.whole_traces(&mut requests, Waits { wait, after_root }).await
                }
                None if factory.samples() => self.asked(id, None).await?.each_request(&mut requests).await,
                None => {
                    let processor = self.processor(id, factory, node).await?;
                    match is_of_spans(id) {
                        true => processor.each_trace(&mut requests).await,
                        false => processor.all(&mut requests).await.map(|()| Vec::new()),
                    }
                }
            };
            let made = made.with_context(|| id.to_string())?;
            if is_wanted(&id) {
                steps.extend(made);
            }
        }
        Ok(steps)
    }

    fn factory(&self, id: &ComponentId) -> Option<(&dyn ProcessorFactory, &Node)> {
        let factory = self.opened.registry.processor(&id.component_type)?;
        Some((factory, self.opened.config.processors.get(id)?))
    }

    /// Starts a sampler. `before` is the component that it stands behind.
    async fn asked(&self, id: &ComponentId, before: Option<&ComponentId>) -> anyhow::Result<Asked> {
        let known = self.opened.plugins.find(Kind::Processor, &id.component_type);
        let (plugin, node): (&Arc<PluginType>, _) = known
            .zip(self.opened.config.processors.get(id))
            .with_context(|| format!("{id}: this sampler cannot be asked"))?;
        let (telemetry, extensions) = (Telemetry::new(), Extensions::default());
        let context = BuildContext { id, telemetry: &telemetry, extensions: &extensions, former: None };
        let sampler = plugin.sampler(node, &context, Arc::new(Collected::default())).await;
        let sampler = sampler.with_context(|| id.to_string())?;
        Ok(Asked {
            component: before.unwrap_or(id).to_string(),
            behind: before.map(|_| id.to_string()),
            sampler,
            votes: Votes::new(node),
            telemetry,
            now_unix_nano: None,
        })
    }

    async fn processor(
        &self,
        id: &ComponentId,
        factory: &dyn ProcessorFactory,
        node: &Node,
    ) -> anyhow::Result<Processed> {
        let collected = Arc::new(Collected::default());
        let (telemetry, extensions) = (Telemetry::new(), Extensions::default());
        let context = BuildContext { id, telemetry: &telemetry, extensions: &extensions, former: None };
        let processor = factory.build(node, &context, collected.clone()).await;
        let processor = processor.with_context(|| id.to_string())?;
        Ok(Processed { component: id.to_string(), processor, collected })
    }
}

fn is_of_spans(id: &ComponentId) -> bool {
    OF_SPANS.contains(&id.component_type.as_str())
}

impl Processed {
    /// Passes the requests through, since samplers see what the processor makes of them.
    async fn all(&self, requests: &mut Vec<SpanBatch>) -> anyhow::Result<()> {
        for request in requests.drain(..) {
            self.pass(request).await?;
        }
        self.processor.shutdown(Instant::now() + DRAIN_TIMEOUT).await;
        *requests = self.collected.take();
        Ok(())
    }

    /// Passes the traces of each request through, and notes what became of each. Leaves what goes on.
    async fn each_trace(&self, requests: &mut Vec<SpanBatch>) -> anyhow::Result<Vec<Step>> {
        let mut steps = Vec::new();
        for request in requests.iter_mut() {
            let mut kept = SpanBatch::default();
            for (trace, rows) in traces(std::slice::from_ref(request)) {
                self.pass(request.select(&rows.iter().map(|(_, row)| *row).collect::<Vec<_>>())).await?;
                let mut went_on = SpanBatch::default();
                self.collected.take().into_iter().for_each(|spans| went_on.merge(spans));
                let decision = match went_on.items() {
                    0 => "drop",
                    some if some < rows.len() => "partly",
                    _ => "keep",
                };
                let state = went_on.span(0).map(|span| TraceState::parse(span.trace_state()));
                let rate = state.and_then(|state| state.threshold()).map(Threshold::share);
                steps.push(Step { rate, ..Step::new(trace, &self.component, decision, rows.len()) });
                kept.merge(went_on);
            }
            *request = kept;
        }
        requests.retain(|request| !request.is_empty());
        Ok(steps)
    }

    async fn pass(&self, request: SpanBatch) -> anyhow::Result<()> {
        let outcome = self.processor.consume(Batch::owed_to_nobody(wire::Batch::Spans(request))).await;
        outcome.map_err(|refused| anyhow::anyhow!("{}", refused.failure))
    }
}

impl Step {
    fn new(trace: [u8; 16], component: &str, decision: &'static str, spans: usize) -> Step {
        Step {
            trace,
            component: component.to_owned(),
            sampler: None,
            decision,
            rate: None,
            reason: String::new(),
            kept_by: None,
            spans,
            late_spans: 0,
            decided_after_ms: None,
            decided_by: None,
            policies: Vec::new(),
        }
    }
}

impl Asked {
    /// Asks about the traces of each request, as the sampler is asked at the head of a pipeline. Leaves what goes on.
    async fn each_request(&mut self, requests: &mut Vec<SpanBatch>) -> anyhow::Result<Vec<Step>> {
        let mut steps = Vec::new();
        for request in requests.iter_mut() {
            let mut kept = SpanBatch::default();
            for (trace, rows) in traces(std::slice::from_ref(request)) {
                let spans = request.select(&rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>());
                let came = spans.end_times_unix_nano().iter().copied().max().unwrap_or_default();
                let (step, went_on) = self.ask(trace, spans, came).await?;
                steps.push(step);
                kept.merge(went_on);
            }
            *request = kept;
        }
        requests.retain(|request| !request.is_empty());
        Ok(steps)
    }

    /// Asks about whole traces in the order in which they would be decided, each without the spans that would come too
    /// late. Leaves the kept traces, each as a request.
    async fn whole_traces(
        &mut self,
        requests: &mut Vec<SpanBatch>,
        waits: Waits,
    ) -> anyhow::Result<Vec<Step>> {
        let mut due: Vec<([u8; 16], SpanBatch, Due)> = Vec::new();
        for (trace, rows) in traces(requests) {
            let mut spans = SpanBatch::default();
            for of_request in rows.chunk_by(|(one, _), (next, _)| one == next) {
                let rows: Vec<u32> = of_request.iter().map(|(_, row)| *row).collect();
                let request = of_request.first().and_then(|(request, _)| requests.get(*request));
                spans.merge(request.map(|request| request.select(&rows)).unwrap_or_default());
            }
            let decided = Due::of(&spans, waits);
            due.push((trace, spans, decided));
        }
        due.sort_by_key(|(_, _, due)| due.at_unix_nano);
        let mut steps = Vec::new();
        requests.clear();
        for (trace, spans, due) in due {
            let in_time = due.rows_in_time(&spans);
            let late: Vec<u32> =
                (0..spans.items() as u32).filter(|row| in_time.binary_search(row).is_err()).collect();
            let (mut step, mut kept) = self.ask(trace, spans.select(&in_time), due.at_unix_nano).await?;
            step.late_spans = late.len();
            step.decided_after_ms = Some(u64::try_from(due.after.as_millis()).unwrap_or(u64::MAX));
            step.decided_by = Some(due.by);
            steps.push(step);
            if !kept.is_empty() {
                kept.merge(spans.select(&late));
                requests.push(kept);
            }
        }
        Ok(steps)
    }

    /// Asks about one trace at a time of the simulation. Also returns the spans that go on.
    async fn ask(
        &mut self,
        trace: [u8; 16],
        spans: SpanBatch,
        at_unix_nano: u64,
    ) -> anyhow::Result<(Step, SpanBatch)> {
        let before = self.now_unix_nano.unwrap_or(at_unix_nano);
        advance_clocks(Duration::from_nanos(at_unix_nano.saturating_sub(before)));
        self.now_unix_nano = Some(at_unix_nano.max(before));
        let items = spans.items();
        let (decisions, kept) = self.sampler.explain(spans).await?;
        let (decision, rate) = match decisions.each.first() {
            Some(SamplingDecision::Keep { rate, .. }) => ("keep", Some(*rate)),
            Some(SamplingDecision::Undecided) => ("undecided", None),
            Some(SamplingDecision::Drop) | None => ("drop", None),
        };
        let step = Step {
            sampler: self.behind.clone(),
            rate,
            reason: decisions.reason(0).unwrap_or_default().to_owned(),
            policies: self.votes.next(&self.telemetry),
            kept_by: self.votes.kept_by(&self.telemetry),
            ..Step::new(trace, &self.component, decision, items)
        };
        Ok((step, kept))
    }
}

/// The id of a trace, and the request and the row of each of its spans.
pub(super) type TraceRows = ([u8; 16], Vec<(usize, u32)>);

/// Returns the traces in the order of their first spans.
pub(super) fn traces(requests: &[SpanBatch]) -> Vec<TraceRows> {
    let mut known: HashMap<[u8; 16], usize> = HashMap::new();
    let mut traces: Vec<TraceRows> = Vec::new();
    for (number, request) in requests.iter().enumerate() {
        for (row, id) in request.trace_ids().iter().enumerate() {
            let at = *known.entry(*id).or_insert(traces.len());
            match traces.get_mut(at) {
                Some((_, rows)) => rows.push((number, row as u32)),
                None => traces.push((*id, vec![(number, row as u32)])),
            }
        }
    }
    traces
}

/// Keeps the spans that come to the end.
#[derive(Default)]
struct Collected(Mutex<Vec<SpanBatch>>);

impl Collected {
    fn take(&self) -> Vec<SpanBatch> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait::async_trait]
impl Consumer for Collected {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        if let wire::Batch::Spans(spans) = &batch.data {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(spans.clone());
        }
        batch.delivered();
        Ok(())
    }
}
