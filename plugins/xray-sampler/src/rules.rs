//! Rules in their order. The first that matches a trace decides on it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use spanloom_plugin::{Decision, Randomness, TraceBatch};

use crate::{
    facts::Facts,
    local::{self, Document},
    reservoir::Reservoir,
    rule::{Rule, Spec, Why},
};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
}

/// A decision, and what made it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decided<'r> {
    pub(crate) decision: Decision,
    pub(crate) rule: &'r str,
    /// `None` if the trace is not kept.
    pub(crate) why: Option<Why>,
}

impl Rules {
    /// Returns rules that this process shares with nobody. The last one matches every trace.
    pub(crate) fn local(Document(document): &Document) -> Rules {
        let of_rule = |(number, rule): (usize, &local::Rule)| {
            let spec = Spec {
                rule_name: name(&rule.description, number),
                fixed_rate: rule.rate,
                host: rule.host.clone(),
                http_method: rule.http_method.clone(),
                url_path: rule.url_path.clone(),
                ..Spec::default()
            };
            Rule::new(spec, Reservoir::own(rule.fixed_target))
        };
        let default =
            Spec { rule_name: "default".to_owned(), fixed_rate: document.default.rate, ..Spec::default() };
        let default = Rule::new(default, Reservoir::own(document.default.fixed_target));
        Rules { rules: document.rules.iter().enumerate().map(of_rule).chain([default]).collect() }
    }

    #[cfg(test)]
    pub(crate) fn of(rules: impl IntoIterator<Item = Rule>) -> Rules {
        Rules { rules: rules.into_iter().collect() }
    }

    /// Takes over X-Ray's present rules. A rule that is known by its name keeps its reservoir and counts, and, if
    /// nothing of it has changed, the rate that X-Ray has set for now.
    pub(crate) fn replace(&mut self, mut specs: Vec<Spec>) {
        specs.sort_by(|one, other| {
            one.priority.total_cmp(&other.priority).then_with(|| one.rule_name.cmp(&other.rule_name))
        });
        let mut old = std::mem::take(&mut self.rules);
        let rule = |spec: Spec| match old.iter().position(|rule| rule.name() == spec.rule_name) {
            Some(at) if old.get(at).is_some_and(|rule| rule.spec == spec) => old.swap_remove(at),
            Some(at) => {
                let before = old.swap_remove(at);
                let mut rule = Rule::new(spec, before.reservoir);
                rule.reservoir.resize(rule.spec.size());
                (rule.counts, rule.report_at) = (before.counts, before.report_at);
                rule
            }
            None => {
                let reservoir = Reservoir::shared(spec.size());
                Rule::new(spec, reservoir)
            }
        };
        self.rules = specs.into_iter().map(rule).collect();
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Rule> {
        self.rules.iter_mut()
    }

    /// Reads what the rules look at.
    pub(crate) fn read(&self, traces: &TraceBatch, facts: &mut Facts) {
        facts.read(traces, self.rules.iter().flat_map(Rule::subjects));
    }

    /// Decides on a trace, unless no rule matches it.
    pub(crate) fn decide(
        &mut self,
        facts: &Facts,
        row: usize,
        randomness: Randomness,
        now: Duration,
    ) -> Option<Decided<'_>> {
        let rule = self.rules.iter_mut().find(|rule| rule.matches(facts, row))?;
        let (decision, why) = rule.decide(randomness, now);
        Some(Decided { decision, rule: rule.name(), why })
    }
}

fn name(description: &str, number: usize) -> String {
    if description.is_empty() { format!("rule {}", number + 1) } else { description.to_owned() }
}
