//! The plugin's own metrics, with the names of the Collector's `tail_sampling`.

use spanloom_plugin::metrics::Counter;

use crate::policies::{Policies, Tally, Votes};

const TRACES: &str = "otelcol_processor_tail_sampling_count_traces_sampled";
const EXECUTIONS: &str = "otelcol_processor_tail_sampling_sampling_policy_execution_count";
const ERRORS: &str = "otelcol_processor_tail_sampling_sampling_policy_evaluation_error";

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// In the order of the policies.
    policies: Vec<OfPolicy>,
    /// Stays at zero: no policy here can fail. Dashboards ask for it.
    _errors: Option<Counter>,
}

#[derive(Debug)]
struct OfPolicy {
    name: String,
    sampled: Series,
    not_sampled: Series,
    dropped: Series,
    executions: Counter,
}

/// A series that begins when there is something to count, as in the Collector.
#[derive(Debug)]
struct Series {
    labels: [(&'static str, &'static str); 2],
    counter: Option<Counter>,
}

impl Metrics {
    pub(crate) fn new(policies: &Policies) -> Metrics {
        let errors = Counter::new(ERRORS, "Errors of policies", &[]);
        Metrics { policies: policies.names().map(OfPolicy::new).collect(), _errors: Some(errors) }
    }

    pub(crate) fn add(&mut self, tally: &Tally) {
        for (policy, votes) in self.policies.iter_mut().zip(&tally.votes) {
            policy.add(*votes);
        }
    }
}

impl OfPolicy {
    fn new(name: &str) -> OfPolicy {
        let series = |sampled, decision| Series {
            labels: [("sampled", sampled), ("decision", decision)],
            counter: None,
        };
        let help = "Times that a policy was asked about a trace";
        OfPolicy {
            name: name.to_owned(),
            sampled: series("true", "sampled"),
            not_sampled: series("false", "not_sampled"),
            dropped: series("false", "dropped"),
            executions: Counter::new(EXECUTIONS, help, &[("policy", name)]),
        }
    }

    fn add(&mut self, votes: Votes) {
        self.sampled.add(&self.name, votes.sampled);
        self.not_sampled.add(&self.name, votes.not_sampled);
        self.dropped.add(&self.name, votes.dropped);
        self.executions.add(votes.total());
    }
}

impl Series {
    fn add(&mut self, policy: &str, count: u64) {
        if count > 0 {
            let counter = self.counter.get_or_insert_with(|| {
                let [sampled, decision] = self.labels;
                let help = "Traces by the decision of a policy";
                Counter::new(TRACES, help, &[("policy", policy), sampled, decision])
            });
            counter.add(count);
        }
    }
}
