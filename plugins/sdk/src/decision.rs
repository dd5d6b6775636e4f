//! A sampler's decisions.

/// The decision on a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// The trace goes on. The number is the share of such traces that go on, above 0 and up to 1.
    ///
    /// The sampler chose the trace by anything but its [randomness](crate::TraceBatch::randomness): by a hash of
    /// its own, a counter, chance. The rates of several such samplers in a row multiply.
    Keep(f64),
    /// The trace goes on, because its randomness is at or above the threshold of this share
    /// ([`Threshold::of_share`](crate::Threshold::of_share)). Of several such samplers in a row, the one with the
    /// lowest share decides.
    KeepConsistently(f64),
    /// The trace is sampled out.
    Drop,
    /// The sampler needs more of the trace. If the host does not wait for more, the trace goes on.
    Undecided,
}

impl Decision {
    /// Returns the share of such traces that go on, if this one does.
    pub fn rate(self) -> Option<f64> {
        match self {
            Decision::Keep(rate) | Decision::KeepConsistently(rate) => Some(rate),
            Decision::Drop | Decision::Undecided => None,
        }
    }
}

/// The decisions on traces, in their order, and the reasons for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    pub(crate) each: Vec<Decision>,
    /// Empty if there are no reasons. Else the number of each decision's reason: 0 is no reason, 1 the first of
    /// `texts`.
    pub(crate) reasons: Vec<u32>,
    pub(crate) texts: Vec<String>,
}

impl Decisions {
    /// Makes an empty list with memory for so many traces.
    pub fn with_capacity(traces: usize) -> Decisions {
        Decisions { each: Vec::with_capacity(traces), reasons: Vec::new(), texts: Vec::new() }
    }

    /// Adds the decision on the next trace, without a reason.
    pub fn push(&mut self, decision: Decision) {
        self.each.push(decision);
        if !self.reasons.is_empty() {
            self.reasons.push(0);
        }
    }

    /// Adds the decision on the next trace, and why it was made: the name of a rule, say. There should be few
    /// different reasons, since the host counts traces by reason.
    pub fn push_because(&mut self, decision: Decision, reason: &str) {
        let known = self.texts.iter().position(|text| text == reason).unwrap_or_else(|| {
            self.texts.push(reason.to_owned());
            self.texts.len() - 1
        });
        self.reasons.resize(self.each.len(), 0);
        self.each.push(decision);
        self.reasons.push(known as u32 + 1);
    }

    /// Iterates over the decisions and their reasons.
    pub fn iter(&self) -> impl Iterator<Item = (Decision, Option<&str>)> {
        let reason = |trace: usize| {
            let number = *self.reasons.get(trace)? as usize;
            self.texts.get(number.checked_sub(1)?).map(String::as_str)
        };
        self.each.iter().enumerate().map(move |(trace, decision)| (*decision, reason(trace)))
    }
}

impl From<Vec<Decision>> for Decisions {
    fn from(each: Vec<Decision>) -> Decisions {
        Decisions { each, ..Decisions::default() }
    }
}

impl From<Decisions> for Vec<Decision> {
    fn from(decisions: Decisions) -> Vec<Decision> {
        decisions.each
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_belong_to_the_decisions_that_they_were_given_with() {
        let mut decisions = Decisions::with_capacity(4);
        decisions.push(Decision::Drop);
        decisions.push_because(Decision::Keep(1.0), "failed");
        decisions.push(Decision::Undecided);
        decisions.push_because(Decision::Keep(0.5), "slow");
        decisions.push_because(Decision::Keep(1.0), "failed");
        let reasons: Vec<_> = decisions.iter().map(|(_, reason)| reason).collect();
        assert_eq!(reasons, [None, Some("failed"), None, Some("slow"), Some("failed")]);
        assert_eq!(decisions.texts, ["failed", "slow"]);
        let plain = Decisions::from(vec![Decision::Drop]);
        assert_eq!(plain.iter().collect::<Vec<_>>(), [(Decision::Drop, None)]);
        assert!(plain.reasons.is_empty());
    }
}
