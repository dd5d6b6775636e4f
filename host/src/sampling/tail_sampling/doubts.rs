//! Warnings about policies that decide nothing, or everything, as they are written. The Collector takes them without a
//! word, and so the config stays valid.

use crate::config::{Finding, Node};

/// Policies nest no deeper than this: `composite`, `and`, `not`, and the policy in it.
const MAX_DEPTH: usize = 4;

/// Returns warnings about `policies` and the policies in them.
pub(super) fn of_policies(policies: &Node) -> Vec<Finding> {
    let mut findings = Vec::new();
    if policies.items().is_empty() {
        findings.push(policies.finding("there are no policies, so no trace is kept"));
    }
    policies.items().iter().for_each(|policy| look(policy, 1, &mut findings));
    findings
}

fn look(policy: &Node, depth: usize, findings: &mut Vec<Finding>) {
    let Some(kind) = policy.get("type").and_then(|kind| kind.read::<String>().ok()) else { return };
    let section = policy.get(&kind).unwrap_or(policy);
    if let Some((key, what)) = vain(&kind, policy.get(&kind)) {
        let place = section.get(key).unwrap_or(section);
        findings.push(place.finding(format!("this policy of type `{kind}` {what}")));
    }
    if depth >= MAX_DEPTH {
        return;
    }
    let parts = ["and_sub_policy", "drop_sub_policy", "composite_sub_policy"];
    for part in parts.into_iter().filter_map(|parts| section.get(parts)).flat_map(Node::items) {
        look(part, depth + 1, findings);
    }
    if let Some(part) = section.get("not_sub_policy") {
        look(part, depth + 1, findings);
    }
}

/// Returns why a policy decides the same about every trace, and the key that is to blame.
fn vain(kind: &str, section: Option<&Node>) -> Option<(&'static str, &'static str)> {
    let value = |key: &str| section.and_then(|section| section.get(key));
    let number = |key: &str| value(key).and_then(|value| value.read::<f64>().ok()).unwrap_or_default();
    let is_empty = |key: &str| value(key).is_none_or(|list| list.items().is_empty());
    let is_inverted = value("invert_match").and_then(|invert| invert.read::<bool>().ok()).unwrap_or_default();
    // An upper bound of 0 is none.
    let is_outside = |low: &str, high: &str| number(high) != 0.0 && number(high) < number(low);
    match kind {
        "and" if is_empty("and_sub_policy") => {
            Some(("and_sub_policy", "has no parts, so it samples every trace"))
        }
        "drop" if is_empty("drop_sub_policy") => {
            Some(("drop_sub_policy", "has no parts, so it drops every trace"))
        }
        "composite" if is_empty("composite_sub_policy") => {
            Some(("composite_sub_policy", "has no parts, so it samples no trace"))
        }
        "composite" if number("max_total_spans_per_second") <= 0.0 => {
            Some(("max_total_spans_per_second", "samples no trace: it may sample no span a second"))
        }
        "latency" if number("threshold_ms") < 0.0 => {
            Some(("threshold_ms", "has a negative bound: no trace takes less than 0 ms"))
        }
        "latency" if is_outside("threshold_ms", "upper_threshold_ms") => {
            Some(("upper_threshold_ms", "samples no trace: the upper bound is below the other"))
        }
        "span_count" if number("min_spans") < 0.0 => {
            Some(("min_spans", "has a negative bound: no trace has fewer than 0 spans"))
        }
        "span_count" if is_outside("min_spans", "max_spans") => {
            Some(("max_spans", "samples no trace: the upper bound is below the other"))
        }
        "numeric_attribute" if number("min_value") != 0.0 && is_outside("min_value", "max_value") => Some((
            "max_value",
            match is_inverted {
                true => "samples every trace: no value is in the range, and it is inverted",
                false => "samples no trace: no value is in the range",
            },
        )),
        "string_attribute" if is_empty("values") => Some((
            "values",
            match is_inverted {
                true => "has no values and is inverted, so it samples every trace",
                false => "has no values, so it samples no trace",
            },
        )),
        "probabilistic" if number("sampling_percentage") <= 0.0 => {
            Some(("sampling_percentage", "samples no trace: its share is not above 0"))
        }
        "rate_limiting" if number("spans_per_second") <= 0.0 => {
            Some(("spans_per_second", "samples no trace: it may sample no span a second"))
        }
        "bytes_limiting" if number("bytes_per_second") <= 0.0 => {
            Some(("bytes_per_second", "samples no trace: it may sample no byte a second"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubts(policies: &str) -> Vec<String> {
        let node = Node::parse("spanloom.yaml", policies).unwrap();
        of_policies(&node).into_iter().map(|finding| finding.message).collect()
    }

    /// Scenario: each kind of policy is written so that it decides the same about every trace, also as a part.
    /// Guarantees: there is one warning about it.
    #[test]
    fn a_policy_that_decides_alike_about_every_trace_is_doubted() {
        for (policy, doubt) in [
            ("{type: and, and: {and_sub_policy: []}}", "samples every trace"),
            ("{type: and}", "samples every trace"),
            ("{type: drop, drop: {}}", "drops every trace"),
            ("{type: composite, composite: {max_total_spans_per_second: 5}}", "has no parts"),
            (
                "{type: composite, composite: {composite_sub_policy: [{type: always_sample}]}}",
                "no span a second",
            ),
            ("{type: latency, latency: {threshold_ms: -1}}", "negative bound"),
            ("{type: latency, latency: {threshold_ms: 50, upper_threshold_ms: 10}}", "samples no trace"),
            ("{type: span_count, span_count: {min_spans: 9, max_spans: 3}}", "samples no trace"),
            (
                "{type: numeric_attribute, numeric_attribute: {min_value: 9, max_value: 3}}",
                "samples no trace",
            ),
            ("{type: string_attribute, string_attribute: {key: x}}", "has no values"),
            ("{type: string_attribute, string_attribute: {key: x, invert_match: true}}", "every trace"),
            ("{type: probabilistic}", "its share is not above 0"),
            ("{type: rate_limiting, rate_limiting: {spans_per_second: -5}}", "no span a second"),
            (
                "{type: and, and: {and_sub_policy: [{type: not, not: {not_sub_policy: {type: and}}}]}}",
                "`and`",
            ),
        ] {
            let doubts = doubts(&format!("[{policy}]"));
            assert!(doubts.len() == 1 && doubts[0].contains(doubt), "{policy}: {doubts:?}");
        }
        assert_eq!(doubts("[]"), ["there are no policies, so no trace is kept"]);
    }

    /// Scenario: policies that are in use.
    /// Guarantees: there is no warning.
    #[test]
    fn a_policy_that_decides_is_not_doubted() {
        let policies = "[{type: always_sample}, {type: latency, latency: {threshold_ms: 5}},
            {type: latency, latency: {threshold_ms: 5, upper_threshold_ms: 9}},
            {type: numeric_attribute, numeric_attribute: {max_value: -3}},
            {type: span_count, span_count: {min_spans: 2}}, {type: status_code},
            {type: and, and: {and_sub_policy: [{type: probabilistic, probabilistic: {sampling_percentage: 5}}]}}]";
        assert_eq!(doubts(policies), [""; 0]);
    }
}
