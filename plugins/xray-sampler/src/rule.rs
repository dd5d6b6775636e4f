//! A rule: which traces it is about, and how many of them it keeps.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use spanloom_plugin::{Decision, Randomness, Threshold};

use crate::{
    facts::{Facts, Subject},
    pattern::Pattern,
    reservoir::{Place, Reservoir},
};

/// The hex digits of a threshold.
const PRECISION: u32 = 4;

/// X-Ray's `SamplingRule`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Spec {
    pub(crate) rule_name: String,
    pub(crate) priority: f64,
    pub(crate) reservoir_size: f64,
    pub(crate) fixed_rate: f64,
    pub(crate) service_name: String,
    pub(crate) service_type: String,
    #[serde(rename = "HTTPMethod")]
    pub(crate) http_method: String,
    #[serde(rename = "URLPath")]
    pub(crate) url_path: String,
    pub(crate) host: String,
    #[serde(rename = "ResourceARN")]
    pub(crate) resource_arn: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) version: f64,
}

/// A rule in use.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "SavedRule", into = "SavedRule")]
pub(crate) struct Rule {
    pub(crate) spec: Spec,
    /// Without the conditions that everything satisfies.
    conditions: Vec<(Subject, Pattern)>,
    pub(crate) reservoir: Reservoir,
    /// `None` keeps nothing.
    threshold: Option<Threshold>,
    pub(crate) counts: Counts,
    /// When the counts may be reported, by the clock that never jumps.
    pub(crate) report_at: Duration,
}

/// A rule as one instance leaves it to another. Its conditions follow from its spec.
#[derive(Serialize, Deserialize)]
struct SavedRule {
    spec: Spec,
    reservoir: Reservoir,
    rate: f64,
    counts: Counts,
    report_at: Duration,
}

/// What a rule has done since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// The traces that matched.
    pub(crate) requests: u64,
    pub(crate) sampled: u64,
    /// Those of the sampled ones that were borrowed.
    pub(crate) borrowed: u64,
}

/// Why a rule keeps a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Quota,
    Borrowed,
    Rate,
}

impl Default for Spec {
    fn default() -> Spec {
        let any = || "*".to_owned();
        Spec {
            rule_name: String::new(),
            priority: 0.0,
            reservoir_size: 0.0,
            fixed_rate: 0.0,
            service_name: any(),
            service_type: any(),
            http_method: any(),
            url_path: any(),
            host: any(),
            resource_arn: any(),
            attributes: BTreeMap::new(),
            version: 1.0,
        }
    }
}

impl Spec {
    /// Returns the size as a number of traces, whatever the service has sent.
    pub(crate) fn size(&self) -> u32 {
        self.reservoir_size as u32
    }

    fn conditions(&self) -> Vec<(Subject, Pattern)> {
        let fixed = [
            (Subject::ServiceName, &self.service_name),
            (Subject::ServiceType, &self.service_type),
            (Subject::Method, &self.http_method),
            (Subject::Path, &self.url_path),
            (Subject::Host, &self.host),
            (Subject::ResourceArn, &self.resource_arn),
        ];
        let fixed = fixed.into_iter().map(|(subject, pattern)| (subject, Pattern::new(pattern)));
        let fixed = fixed.filter(|(_, pattern)| !pattern.takes_all());
        // An attribute has to be there, whatever its value is.
        let attributes = self.attributes.iter();
        let attributes =
            attributes.map(|(key, value)| (Subject::Attribute(key.as_str().into()), Pattern::new(value)));
        fixed.chain(attributes).collect()
    }
}

impl Rule {
    pub(crate) fn new(spec: Spec, reservoir: Reservoir) -> Rule {
        let (conditions, threshold) = (spec.conditions(), threshold(spec.fixed_rate));
        Rule { spec, conditions, reservoir, threshold, counts: Counts::default(), report_at: Duration::ZERO }
    }

    pub(crate) fn name(&self) -> &str {
        &self.spec.rule_name
    }

    pub(crate) fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.conditions.iter().map(|(subject, _)| subject)
    }

    /// Returns whether the rule is about this trace. A property that the trace lacks satisfies only `*`.
    pub(crate) fn matches(&self, facts: &Facts, row: usize) -> bool {
        let satisfied = |(subject, pattern): &(Subject, Pattern)| {
            facts.get(subject, row).is_some_and(|value| pattern.matches(value))
        };
        self.conditions.iter().all(satisfied)
    }

    /// Sets the share of the traces beyond the reservoir that are kept.
    pub(crate) fn set_rate(&mut self, rate: f64) {
        self.threshold = threshold(rate);
    }

    /// Decides on a trace that matches.
    ///
    /// A trace of the reservoir stands for itself: it is kept with certainty, because of when it came and not of
    /// what it is. Every other trace is kept with the probability of the rate, and stands for one divided by it. So
    /// the traces that are kept stand for all that matched, on average.
    pub(crate) fn decide(&mut self, randomness: Randomness, now: Duration) -> (Decision, Option<Why>) {
        self.counts.requests += 1;
        let (decision, why) = match (self.reservoir.take(now), self.threshold) {
            (Some(Place::Quota), _) => (Decision::Keep(1.0), Why::Quota),
            (Some(Place::Borrowed), _) => (Decision::Keep(1.0), Why::Borrowed),
            // The share is that of the rounded threshold, so that what the kept traces stand for is exact.
            (None, Some(threshold)) if threshold.keeps(randomness) => {
                (Decision::KeepConsistently(threshold.share()), Why::Rate)
            }
            (None, _) => return (Decision::Drop, None),
        };
        self.counts.sampled += 1;
        self.counts.borrowed += u64::from(why == Why::Borrowed);
        (decision, Some(why))
    }
}

impl From<SavedRule> for Rule {
    fn from(SavedRule { spec, reservoir, rate, counts, report_at }: SavedRule) -> Rule {
        Rule { threshold: threshold(rate), counts, report_at, ..Rule::new(spec, reservoir) }
    }
}

impl From<Rule> for SavedRule {
    fn from(rule: Rule) -> SavedRule {
        let rate = rule.threshold.map_or(0.0, Threshold::share);
        let Rule { spec, reservoir, counts, report_at, .. } = rule;
        SavedRule { spec, reservoir, rate, counts, report_at }
    }
}

impl Counts {
    pub(crate) fn add(&mut self, more: Counts) {
        self.requests += more.requests;
        self.sampled += more.sampled;
        self.borrowed += more.borrowed;
    }
}

fn threshold(rate: f64) -> Option<Threshold> {
    Threshold::of_share(rate.min(1.0), PRECISION)
}
