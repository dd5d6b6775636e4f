//! What is shown of each trace, as text and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use wire::SpanBatch;

use super::trial::{Step, traces};
use crate::{
    cli::{
        aligned,
        sampling::{rate, reason},
    },
    log_line::clean::{VALUE_LIMIT_BYTES, one_line},
};

/// The traces of one pipeline, and how they were decided.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) pipeline: String,
    pub(super) traces: Vec<TraceReport>,
    pub(super) summary: Vec<Row>,
}

#[derive(Debug, Serialize)]
pub(super) struct TraceReport {
    pub(super) trace_id: String,
    pub(super) verdict: Verdict,
    root: String,
    spans: usize,
    duration_ms: f64,
    /// Whether any span has the status error.
    error: bool,
    decisions: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Keep,
    /// Samplers at the head of a pipeline decided differently about the trace's requests.
    Partly,
    Drop,
}

/// How many traces the last sampler that saw them decided so.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    verdict: Verdict,
    component: String,
    reason: String,
    traces: usize,
    spans: usize,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Verdict::Keep => "keep",
            Verdict::Partly => "partly",
            Verdict::Drop => "drop",
        }
    }

    /// Returns the verdict on a trace: of each component, the decisions on the requests that came to it.
    fn of(steps: &[Step]) -> Verdict {
        let mut verdict = Verdict::Keep;
        for of_component in steps.chunk_by(|one, next| one.component == next.component) {
            let dropped = of_component.iter().filter(|step| step.decision == "drop").count();
            let is_partly = of_component.iter().any(|step| step.decision == "partly");
            verdict = match dropped {
                0 if !is_partly => verdict,
                all if all == of_component.len() => return Verdict::Drop,
                _ => Verdict::Partly,
            };
        }
        verdict
    }
}

impl Report {
    /// Groups the decisions by trace. The traces come in the order of their first spans.
    pub(super) fn new(pipeline: String, requests: &[SpanBatch], steps: Vec<Step>) -> Report {
        let mut of_traces: BTreeMap<[u8; 16], Vec<Step>> = BTreeMap::new();
        for step in steps {
            of_traces.entry(step.trace).or_default().push(step);
        }
        let report = |(id, rows): ([u8; 16], Vec<(usize, u32)>)| {
            let decisions = of_traces.remove(&id).unwrap_or_default();
            TraceReport::new(id, requests, &rows, decisions)
        };
        let traces: Vec<TraceReport> = traces(requests).into_iter().map(report).collect();
        let mut rows: BTreeMap<(Verdict, &str, &str), (usize, usize)> = BTreeMap::new();
        for trace in &traces {
            let last = trace.decisions.last();
            let (component, reason) =
                last.map_or(("", ""), |last| (last.component.as_str(), last.reason.as_str()));
            let (traces, spans) = rows.entry((trace.verdict, component, reason)).or_default();
            (*traces, *spans) = (*traces + 1, *spans + trace.spans);
        }
        let row = |((verdict, component, reason), (traces, spans)): ((_, &str, &str), _)| Row {
            verdict,
            component: component.to_owned(),
            reason: reason.to_owned(),
            traces,
            spans,
        };
        let summary = rows.into_iter().map(row).collect();
        Report { pipeline, traces, summary }
    }

    /// Writes how each of the first `details` traces was decided, a line for each of those, and how many were decided so.
    pub(super) fn text(&self, details: usize) -> String {
        let spans: usize = self.traces.iter().map(|trace| trace.spans).sum();
        let mut lines =
            vec![format!("pipeline {}: {} traces, {spans} spans", self.pipeline, self.traces.len())];
        for trace in self.traces.iter().take(details) {
            lines.push(String::new());
            lines.extend(trace.text());
        }
        if self.traces.len() > details {
            lines.push(format!(
                "\n… and {} other traces: see --details, --trace and --format json",
                self.traces.len() - details
            ));
        }
        let heads = ["VERDICT", "COMPONENT", "REASON", "TRACES", "SPANS"].map(str::to_owned);
        let row = |row: &Row| {
            let Row { verdict, component, reason: why, traces, spans } = row;
            [
                verdict.as_str().to_owned(),
                component.clone(),
                reason(why),
                traces.to_string(),
                spans.to_string(),
            ]
        };
        lines.push(String::new());
        lines.extend(aligned(std::iter::once(heads).chain(self.summary.iter().map(row)).collect()));
        lines.join("\n") + "\n"
    }
}

impl TraceReport {
    fn new(id: [u8; 16], requests: &[SpanBatch], rows: &[(usize, u32)], decisions: Vec<Step>) -> TraceReport {
        let spans = || rows.iter().filter_map(|(request, row)| requests.get(*request)?.span(*row as usize));
        let root = spans()
            .find(|span| span.parent_span_id().iter().all(|byte| *byte == 0))
            .or_else(|| spans().next());
        let start = spans().map(|span| span.start_time_unix_nano()).min().unwrap_or_default();
        let end = spans().map(|span| span.end_time_unix_nano()).max().unwrap_or_default();
        TraceReport {
            trace_id: format!("{:032x}", u128::from_be_bytes(id)),
            verdict: Verdict::of(&decisions),
            root: root.map(|root| root.name().to_owned()).unwrap_or_default(),
            spans: rows.len(),
            duration_ms: (end.saturating_sub(start) / 1000) as f64 / 1000.0,
            error: spans().any(|span| span.status_code() == 2),
            decisions,
        }
    }

    fn text(&self) -> Vec<String> {
        let root = one_line(&self.root, VALUE_LIMIT_BYTES);
        let error = if self.error { ", with an error" } else { "" };
        let (verdict, plural) = (self.verdict.as_str(), if self.spans == 1 { "" } else { "s" });
        let mut lines = vec![
            format!("{}  {verdict}", self.trace_id),
            format!("  {root}: {} span{plural}, {} ms{error}", self.spans, rate(self.duration_ms)),
        ];
        // Requests that were decided alike share their lines.
        for alike in self.decisions.chunk_by(|one, next| one.is_like(next)) {
            lines.extend(alike.first().into_iter().flat_map(|step| step.text(alike.len())));
        }
        lines
    }
}

impl Step {
    fn is_like(&self, other: &Step) -> bool {
        let of = |step: &Step| {
            let (reason, kept_by) = (step.reason.clone(), step.kept_by.clone());
            (step.decision, reason, kept_by, step.rate.map(f64::to_bits), step.component.clone())
        };
        of(self) == of(other) && self.policies == other.policies && self.decided_by == other.decided_by
    }

    fn text(&self, requests: usize) -> Vec<String> {
        let why = if self.reason.is_empty() {
            String::new()
        } else {
            format!(" because of {}", reason(&self.reason))
        };
        let by = self.kept_by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
        let at = self.rate.map(|of| format!(", rate {}", rate(of))).unwrap_or_default();
        let times = if requests > 1 { format!(", in each of {requests} requests") } else { String::new() };
        let mut lines = vec![format!("  {}: {}{why}{by}{at}{times}", self.component, self.decision)];
        if let (Some(after), Some(by)) = (self.decided_after_ms, self.decided_by) {
            let late = match self.late_spans {
                0 => String::new(),
                late => format!(
                    "; {late} of the spans end later: they are not looked at, and follow the decision"
                ),
            };
            lines.push(format!(
                "    decided {} s after the trace began ({}){late}",
                rate(after as f64 / 1000.0),
                by.as_str()
            ));
        }
        let votes = self.policies.iter().map(|vote| {
            let name = one_line(&vote.policy, VALUE_LIMIT_BYTES);
            [name, vote.r#type.clone(), vote.vote.replace('_', " ")]
        });
        lines.extend(aligned(votes.collect()).into_iter().map(|line| format!("    {line}")));
        lines
    }
}
