//! `spanloom sampling recent`: shows what the samplers of a running Spanloom decided last.

use std::time::SystemTime;

use clap::{Args, ValueEnum};

use super::{rate, reason};
use crate::{
    cli::{
        Exit, Terminal, aligned,
        operator::{AdminArgs, failed},
        status::ago,
    },
    control::decisions::{DecisionsOfKind, RecentDecision, SamplingDecisions},
    log_line::clean::{VALUE_LIMIT_BYTES, one_line},
    sampling::tail_sampling::{POLICIES, TYPE},
};

/// Show what the samplers decided last, why, and example traces.
#[derive(Debug, Args)]
#[command(after_help = "\
Of each sampler, decision and reason, Spanloom remembers the last hundred traces; of one second, no more than a hundred. TRACES \
counts all. A reason of - is none: of `tail_sampling`, no policy wanted the trace. A trace whose spans come in several requests is \
decided with each of them if its sampler stands at the head of a pipeline. The sampler of `tail_sampling` with `policies` is \
`tail_sampling_policies`; `--component tail_sampling` finds it too, and what stress relief decided.

Example: which traces were dropped lately, of which roots?
  spanloom sampling recent --decision drop --last 50
Example: the ids of traces that the policy `slow` kept.
  spanloom sampling recent --reason slow --json | jq -r '.decisions[].recent[].trace_id'")]
pub struct RecentArgs {
    /// Only the decisions of this component.
    #[arg(long, value_name = "ID")]
    pub component: Option<String>,

    /// Only these decisions.
    #[arg(long, value_name = "DECISION")]
    pub decision: Option<DecisionArg>,

    /// Only the decisions for this reason; - is none.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,

    /// How many traces to list, the newest first.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub last: usize,

    /// Write JSON: all that is remembered.
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub admin: AdminArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DecisionArg {
    Keep,
    Drop,
    Undecided,
}

impl DecisionArg {
    fn as_str(self) -> &'static str {
        match self {
            DecisionArg::Keep => "keep",
            DecisionArg::Drop => "drop",
            DecisionArg::Undecided => "undecided",
        }
    }
}

pub async fn run(args: &RecentArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let mut decided = match args.admin.client()?.decisions().await {
        Ok(decided) => decided,
        Err(error) => return failed(&error, terminal),
    };
    decided.decisions.retain(|kind| args.wants(kind));
    if args.json {
        writeln!(terminal.out, "{}", serde_json::to_string_pretty(&decided)?)?;
    } else {
        terminal.out.write_all(table(&decided, args.last, SystemTime::now()).as_bytes())?;
    }
    Ok(Exit::Done)
}

impl RecentArgs {
    fn wants(&self, kind: &DecisionsOfKind) -> bool {
        let is_none = |reason: &str| reason == "-" && kind.reason.is_empty();
        self.component.as_ref().is_none_or(|component| is_of(component, &kind.component))
            && self.decision.is_none_or(|decision| decision.as_str() == kind.decision)
            && self.reason.as_ref().is_none_or(|reason| *reason == kind.reason || is_none(reason))
    }
}

/// Returns whether a sampler is the wanted component, or decides the policies of it.
fn is_of(wanted: &str, sampler: &str) -> bool {
    let name = |id: &str, of_type| id.strip_prefix(of_type).map(str::to_owned);
    let name_of_processor = name(wanted, TYPE).filter(|name| name.is_empty() || name.starts_with('/'));
    wanted == sampler || name_of_processor.is_some_and(|wanted| name(sampler, POLICIES) == Some(wanted))
}

/// Returns a line for each kind of decision and, below them, the last decisions.
fn table(decided: &SamplingDecisions, last: usize, now: SystemTime) -> String {
    if decided.decisions.is_empty() {
        return "no sampler has decided so about any trace\n".to_owned();
    }
    let kinds = decided.decisions.iter().map(|kind| {
        [kind.component.clone(), kind.decision.clone(), reason(&kind.reason), kind.traces.to_string()]
    });
    let heads = ["COMPONENT", "DECISION", "REASON", "TRACES"].map(str::to_owned);
    let mut lines = aligned(std::iter::once(heads).chain(kinds).collect());
    let mut recent: Vec<(&DecisionsOfKind, &RecentDecision)> = decided
        .decisions
        .iter()
        .flat_map(|kind| kind.recent.iter().map(move |recent| (kind, recent)))
        .collect();
    recent.sort_by_key(|(_, recent)| std::cmp::Reverse(recent.at));
    let rows = recent.iter().take(last).map(|(kind, recent)| {
        [
            ago(recent.at, now),
            kind.decision.clone(),
            reason(&kind.reason),
            recent.rate.map_or("-".to_owned(), rate),
            recent.spans.to_string(),
            recent.trace_id.clone(),
            one_line(&recent.root, VALUE_LIMIT_BYTES),
        ]
    });
    let heads = ["DECIDED", "DECISION", "REASON", "RATE", "SPANS", "TRACE", "ROOT"].map(str::to_owned);
    lines.push(String::new());
    lines.extend(aligned(std::iter::once(heads).chain(rows).collect()));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_finds_the_sampler_of_its_policies() {
        for (wanted, sampler, is_found) in [
            ("tail_sampling", "tail_sampling_policies", true),
            ("tail_sampling/a", "tail_sampling_policies/a", true),
            ("tail_sampling", "tail_sampling", true),
            ("tail_sampling_policies", "tail_sampling_policies", true),
            ("tail_sampling", "tail_sampling_policies/a", false),
            ("tail_sampling/a", "tail_sampling_policies", false),
            ("tail_sampling_policies", "tail_sampling", false),
            ("xray_sampler", "tail_sampling_policies", false),
        ] {
            assert_eq!(is_of(wanted, sampler), is_found, "{wanted} {sampler}");
        }
    }
}
