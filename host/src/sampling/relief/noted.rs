//! Notes some of the decisions of stress relief for operators.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::{Instant, SystemTime},
};

use wire::SpanBatch;

use super::REASON;
use crate::{
    sampling::{decisions::Decision, shard::TraceId},
    telemetry::{
        Telemetry,
        decisions::{Kind, RecentDecision, RecentDecisions, shortened},
    },
};

/// The last decisions of each kind. A kind is there once a trace was decided so.
pub(in crate::sampling) struct Noted {
    telemetry: Arc<Telemetry>,
    processor: String,
    kept: OnceLock<Arc<RecentDecisions>>,
    not_sampled: OnceLock<Arc<RecentDecisions>>,
}

impl Noted {
    pub(in crate::sampling) fn new(telemetry: &Arc<Telemetry>, processor: &str) -> Noted {
        Noted {
            telemetry: telemetry.clone(),
            processor: processor.to_owned(),
            kept: OnceLock::new(),
            not_sampled: OnceLock::new(),
        }
    }

    /// Counts decisions, and notes as many as are remembered of a second. `spans` has the spans of these traces that came.
    pub(in crate::sampling) fn note(&self, spans: &SpanBatch, decided: &[(TraceId, Decision)]) {
        let (not_sampled, kept): (Vec<_>, Vec<_>) =
            decided.iter().partition(|(_, decision)| *decision == Decision::NotSampled);
        let mut wanted: HashMap<TraceId, (&Arc<RecentDecisions>, Option<f64>)> = HashMap::new();
        for (word, decided, recent) in [("keep", kept, &self.kept), ("drop", not_sampled, &self.not_sampled)]
        {
            if decided.is_empty() {
                continue;
            }
            let recent = recent.get_or_init(|| {
                let (component, reason) = (self.processor.clone(), REASON.to_owned());
                self.telemetry.recent_decisions(Kind { component, decision: word, reason })
            });
            let noted = recent.count(decided.len() as u64, Instant::now());
            wanted
                .extend(decided.into_iter().take(noted).map(|(id, decision)| (id, (recent, rate(decision)))));
        }
        if wanted.is_empty() {
            return;
        }
        let (at, traces) = (SystemTime::now(), spans.traces());
        for ((id, spans_of), root) in traces.ids().iter().zip(traces.span_counts()).zip(traces.roots()) {
            let Some((recent, rate)) = wanted.get(id) else { continue };
            let root = spans.span(root as usize).map(|root| root.name()).unwrap_or_default();
            let root = shortened(root).into();
            recent.note(RecentDecision { at, trace_id: *id, rate: *rate, spans: spans_of, root });
        }
    }
}

/// Returns the share of traces that were decided so and are kept, if they are.
fn rate(decision: Decision) -> Option<f64> {
    match decision {
        Decision::KeptAt(kept) => Some(kept.rate),
        Decision::Kept => Some(1.0),
        Decision::NotSampled => None,
    }
}
