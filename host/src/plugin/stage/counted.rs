//! What is counted of a sampler's decisions, and what is remembered of them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use hashbrown::HashMap;
use wire::Traces;

use crate::{
    plugin::guest::interface::{Decisions, SamplingDecision},
    telemetry::{
        Labels, Scope, Telemetry,
        decisions::{Kind, RecentDecision, RecentDecisions, shortened},
    },
};

/// The counters of a sampler. Those of spans are fields; traces are counted by decision and reason.
pub(super) struct SamplerMetrics {
    pub(super) kept: metrics::Counter,
    pub(super) sampled_out: metrics::Counter,
    pub(super) undecided: metrics::Counter,
    /// The number of spans that the kept spans represent.
    pub(super) represented: metrics::Gauge,
    reasons: Mutex<HashMap<(Word, String), Counted>>,
    component: String,
    /// Removes the series when the component ends.
    series: Arc<Scope>,
    telemetry: Arc<Telemetry>,
}

/// A decision without its rate, as the label of a metric.
type Word = &'static str;

const WORDS: [Word; 3] = ["keep", "drop", "undecided"];

/// Traces that were decided alike for one reason.
#[derive(Clone)]
struct Counted {
    traces: metrics::Counter,
    recent: Arc<RecentDecisions>,
}

/// The most reasons that are counted each by itself, of all decisions together. Further ones count as `other`.
const REASONS_LIMIT: usize = 100;
const OTHER: &str = "other";

impl SamplerMetrics {
    pub(super) fn new(telemetry: &Arc<Telemetry>, component: &str) -> SamplerMetrics {
        let series = telemetry.scope(component);
        let counter = |decision| {
            let labels: Labels<'_> = &[("component", component), ("decision", decision)];
            series.counter("spanloom_sampler_spans", labels)
        };
        SamplerMetrics {
            kept: counter("keep"),
            sampled_out: counter("drop"),
            undecided: counter("undecided"),
            represented: series.gauge("spanloom_sampler_represented_spans", &[("component", component)]),
            reasons: Mutex::default(),
            component: component.to_owned(),
            series,
            telemetry: telemetry.clone(),
        }
    }

    /// Counts the traces by decision and reason, and notes some of them for operators.
    pub(super) fn count_reasons(&self, traces: &Traces, decisions: &Decisions) {
        let number = |trace: usize| decisions.reasons.get(trace).copied().unwrap_or_default() as usize;
        // By reason and, within it, by decision.
        let mut counts: Vec<[u64; WORDS.len()]> = vec![Default::default(); decisions.texts.len() + 1];
        for (trace, decision) in decisions.each.iter().enumerate() {
            if let Some(count) =
                counts.get_mut(number(trace)).and_then(|counts| counts.get_mut(word(decision)))
            {
                *count += 1;
            }
        }
        let now = Instant::now();
        let mut noting: HashMap<(usize, usize), (Arc<RecentDecisions>, usize)> = HashMap::new();
        for (number, counts) in counts.iter().enumerate() {
            let reason = number.checked_sub(1).and_then(|text| decisions.texts.get(text));
            for (at, (word, count)) in
                std::iter::zip(WORDS, counts).enumerate().filter(|(_, (_, count))| **count > 0)
            {
                let Counted { traces, recent } = self.counted(word, reason.map_or("", String::as_str));
                traces.increment(*count);
                let noted = recent.count(*count, now);
                if noted > 0 {
                    noting.insert((number, at), (recent, noted));
                }
            }
        }
        if noting.is_empty() {
            return;
        }
        let at = SystemTime::now();
        let rows = decisions.each.iter().zip(traces.ids()).zip(traces.span_counts()).zip(traces.roots());
        for (trace, (((decision, id), spans), root)) in rows.enumerate() {
            let Some((recent, left @ 1..)) = noting.get_mut(&(number(trace), word(decision))) else {
                continue;
            };
            *left -= 1;
            let rate = match decision {
                SamplingDecision::Keep { rate, .. } => Some(*rate),
                SamplingDecision::Drop | SamplingDecision::Undecided => None,
            };
            let root = traces.spans().span(root as usize).map(|root| root.name()).unwrap_or_default();
            recent.note(RecentDecision { at, trace_id: *id, rate, spans, root: shortened(root).into() });
        }
    }

    fn counted(&self, decision: Word, reason: &str) -> Counted {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = reasons.len() >= REASONS_LIMIT;
        // A look-up by a borrowed text would need a type of its own, and reasons are few.
        let mut key = (decision, reason.to_owned());
        if is_full && !reasons.contains_key(&key) {
            key.1 = OTHER.to_owned();
        }
        let counted = reasons.entry(key).or_insert_with_key(|(decision, reason)| {
            let labels: Labels<'_> =
                &[("component", &self.component), ("decision", decision), ("reason", reason)];
            let kind = Kind { component: self.component.clone(), decision, reason: reason.clone() };
            Counted {
                traces: self.series.counter("spanloom_sampler_traces", labels),
                recent: self.telemetry.recent_decisions(kind),
            }
        });
        counted.clone()
    }
}

/// Returns the number of a decision in `WORDS`.
fn word(decision: &SamplingDecision) -> usize {
    match decision {
        SamplingDecision::Keep { .. } => 0,
        SamplingDecision::Drop => 1,
        SamplingDecision::Undecided => 2,
    }
}
