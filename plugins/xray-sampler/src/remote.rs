//! X-Ray's rules: when they are asked for, what is reported, and what an answer changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use spanloom_plugin::{TraceBatch, clock, info, schedule, warn};

use crate::{
    client_id,
    config::Config,
    metrics::Metrics,
    rule::{Counts, Rule},
    rules::Rules,
    service::{Api, MAX_DOCUMENTS, Statistics, Target, Targets},
};

/// How long rules are used that could not be fetched again.
const RULES_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// The limits of what an answer may ask for.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60 * 60);
const LONGEST_QUOTA: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the log says that X-Ray does not answer.
const WARNING_INTERVAL: Duration = Duration::from_secs(300);
/// The interval between two fetches varies by up to this share, so that the collectors of a fleet spread.
const JITTER: f64 = 0.1;

/// X-Ray's rules, and what this process has agreed with X-Ray.
#[derive(Debug)]
pub(crate) struct Remote {
    api: Api,
    rules_interval: Duration,
    targets_interval: Duration,
    state: State,
    warned_at: Option<Duration>,
}

/// What another instance goes on with. Times are by the clock that never jumps, which all instances share.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    rules: Rules,
    /// `None` until the first answer.
    fetched_at: Option<Duration>,
    /// `None` until the first trace.
    client_id: Option<String>,
    /// When the rules changed last, as X-Ray said last, in seconds since 1970.
    last_modification: Option<f64>,
    rules_due: Duration,
    targets_due: Duration,
    failures_in_a_row: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    endpoint: String,
    state: State,
}

impl Remote {
    pub(crate) fn new(config: &Config) -> Remote {
        Remote {
            api: Api { endpoint: config.endpoint.clone(), timeout: *config.timeout },
            rules_interval: *config.rules_interval,
            targets_interval: *config.targets_interval,
            state: State::default(),
            warned_at: None,
        }
    }

    /// Asks for the first rules as soon as this instance may send requests.
    pub(crate) fn start(&mut self) {
        self.state.targets_due = clock::monotonic() + self.targets_interval;
        self.schedule();
    }

    /// Returns the rules, unless there are none that are valid.
    pub(crate) fn rules(&mut self, now: Duration) -> Option<&mut Rules> {
        let fetched_at = self.state.fetched_at?;
        (now.saturating_sub(fetched_at) < RULES_LIFETIME).then_some(&mut self.state.rules)
    }

    /// Makes the id of this client, if there is none yet.
    pub(crate) fn meet(&mut self, traces: &TraceBatch, now: Duration) {
        if self.state.client_id.is_none()
            && let Some(first) = traces.ids().first()
        {
            let monotonic_nano = u64::try_from(now.as_nanos()).unwrap_or_default();
            self.state.client_id = Some(client_id::make(clock::now_unix_nano(), monotonic_nano, first));
        }
    }

    /// Sends the requests that are due, and schedules the next.
    pub(crate) fn poll(&mut self, metrics: &Metrics) {
        let now = clock::monotonic();
        match self.poll_at(now, metrics) {
            Ok(()) => self.answered(),
            Err(why) => self.not_answered(now, &why),
        }
        metrics.in_use(self.rules(now).map_or(0, |rules| rules.len()));
        self.schedule();
    }

    fn poll_at(&mut self, now: Duration, metrics: &Metrics) -> Result<(), String> {
        if now >= self.state.rules_due {
            self.fetch(now, metrics)?;
        }
        if now >= self.state.targets_due {
            let changed = self.report(now, metrics)?;
            if changed && self.state.fetched_at != Some(now) {
                self.fetch(now, metrics)?;
            }
        }
        Ok(())
    }

    fn fetch(&mut self, now: Duration, metrics: &Metrics) -> Result<(), String> {
        let specs = self.api.rules();
        metrics.fetched(specs.is_ok());
        self.state.rules.replace(specs?);
        self.state.fetched_at = Some(now);
        self.state.rules_due = now + self.rules_interval.mul_f64(1.0 + JITTER * self.chance());
        Ok(())
    }

    /// Reports what the rules have done whose reports are due. Returns whether X-Ray's rules have changed since.
    fn report(&mut self, now: Duration, metrics: &Metrics) -> Result<bool, String> {
        let Some(client_id) = self.state.client_id.clone() else {
            self.state.targets_due = now + self.targets_interval;
            return Ok(false);
        };
        let due = |rule: &&mut Rule| rule.counts.requests > 0 && rule.report_at <= now;
        let mut due: Vec<&mut Rule> = self.state.rules.iter_mut().filter(due).collect();
        let mut last_modification = None;
        for rules in due.chunks_mut(MAX_DOCUMENTS) {
            let timestamp = unix_seconds();
            let reported: Vec<Counts> =
                rules.iter_mut().map(|rule| std::mem::take(&mut rule.counts)).collect();
            let statistics = rules.iter().zip(&reported).map(|(rule, counts)| Statistics {
                client_id: client_id.clone(),
                rule_name: rule.name().to_owned(),
                timestamp,
                request_count: counts.requests,
                sampled_count: counts.sampled,
                borrow_count: counts.borrowed,
            });
            let targets = self.api.targets(&statistics.collect::<Vec<_>>());
            metrics.reported(targets.is_ok());
            let targets = match targets {
                Ok(targets) => targets,
                Err(why) => {
                    // What was not reported is reported next time.
                    rules.iter_mut().zip(reported).for_each(|(rule, counts)| rule.counts.add(counts));
                    return Err(why);
                }
            };
            let next = now + self.targets_interval;
            rules.iter_mut().for_each(|rule| rule.report_at = next);
            last_modification = targets.last_rule_modification.or(last_modification);
            apply(&targets, rules, &reported, now);
        }
        let soonest = self.state.rules.iter_mut().map(|rule| rule.report_at).filter(|at| *at > now).min();
        self.state.targets_due = soonest.unwrap_or(now + self.targets_interval);
        Ok(last_modification.is_some_and(|modified| self.hear_of(modified, now)))
    }

    /// Returns whether the rules have changed since they were fetched, or since X-Ray last said when.
    fn hear_of(&mut self, modified: f64, now: Duration) -> bool {
        let age = self.state.fetched_at.map_or(Duration::ZERO, |at| now.saturating_sub(at));
        let before = self.state.last_modification.replace(modified);
        modified > before.unwrap_or_else(|| unix_seconds() - age.as_secs_f64())
    }

    fn answered(&mut self) {
        self.state.failures_in_a_row = 0;
        if self.warned_at.take().is_some() {
            info!("X-Ray answers again: its {} sampling rules are in use", self.state.rules.len());
        }
    }

    /// Waits longer after each failure, since no trace is decided while a request waits for its answer.
    fn not_answered(&mut self, now: Duration, why: &str) {
        let doublings = self.state.failures_in_a_row.min(16);
        self.state.failures_in_a_row = self.state.failures_in_a_row.saturating_add(1);
        let longest = self.rules_interval.max(self.targets_interval);
        let again = now + (self.targets_interval * (1 << doublings)).min(longest);
        self.state.rules_due = self.state.rules_due.max(again);
        self.state.targets_due = self.state.targets_due.max(again);
        if self.warned_at.is_none_or(|at| now >= at + WARNING_INTERVAL) {
            self.warned_at = Some(now);
            let meanwhile = match self.rules(now) {
                Some(_) => "the sampling rules that were fetched last stay in use",
                None => "traces are sampled without X-Ray's rules meanwhile",
            };
            let endpoint = &self.api.endpoint;
            warn!("X-Ray at {endpoint} gave no answer that can be used: {why}; {meanwhile}");
        }
    }

    /// Returns a number from 0 to 1 that differs between processes.
    fn chance(&self) -> f64 {
        let digits = self.state.client_id.as_deref().and_then(|id| id.get(..8));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or_default();
        f64::from(number) / f64::from(u32::MAX)
    }

    pub(crate) fn save(&self) -> Saved {
        Saved { endpoint: self.api.endpoint.clone(), state: self.state.clone() }
    }

    /// Goes on with what another instance has left, unless that one asked another service.
    pub(crate) fn restore(&mut self, saved: Saved) {
        if saved.endpoint == self.api.endpoint {
            self.state = saved.state;
            self.schedule();
        }
    }

    fn schedule(&self) {
        let due = self.state.rules_due.min(self.state.targets_due);
        schedule::wake_after(due.saturating_sub(clock::monotonic()));
    }
}

/// Gives the rules their targets, and those statistics back that the service has not taken.
fn apply(answer: &Targets, rules: &mut [&mut Rule], reported: &[Counts], now: Duration) {
    for target in answer.targets.iter().flatten() {
        let of = |rule: &&mut &mut Rule| target.rule_name.as_deref() == Some(rule.name());
        if let Some(rule) = rules.iter_mut().find(of) {
            set(rule, target, now);
        }
    }
    for unprocessed in answer.unprocessed.iter().flatten() {
        let name = unprocessed.rule_name.as_deref().unwrap_or_default();
        if let Some((rule, counts)) = rules.iter_mut().zip(reported).find(|(rule, _)| rule.name() == name) {
            rule.counts.add(*counts);
        }
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let (code, message) = (part(&unprocessed.error_code), part(&unprocessed.message));
        warn!("X-Ray did not take the statistics of the sampling rule `{name}`: {code}: {message}");
    }
}

fn set(rule: &mut Rule, target: &Target, now: Duration) {
    if let Some(rate) = target.fixed_rate {
        rule.set_rate(rate);
    }
    if let (Some(quota), Some(ttl)) = (target.reservoir_quota, target.reservoir_quota_ttl) {
        let left = ttl - unix_seconds();
        rule.reservoir.grant(quota as u32, now + seconds(left, LONGEST_QUOTA));
    }
    if let Some(interval) = target.interval {
        rule.report_at = now + seconds(interval.max(1.0), LONGEST_INTERVAL);
    }
}

fn unix_seconds() -> f64 {
    clock::now_unix_nano() as f64 / 1e9
}

/// Returns a number of seconds as a duration from zero to `longest`, whatever the service has sent.
fn seconds(number: f64, longest: Duration) -> Duration {
    Duration::try_from_secs_f64(number.clamp(0.0, longest.as_secs_f64())).unwrap_or_default()
}
