//! The health of each exporter: the size of its queue, and whether its destination answers.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

use metrics::{Gauge, GaugeFn};
use wire::Signal;

use super::Telemetry;
use crate::log_line::{MESSAGE_LIMIT_BYTES, clean::one_line};

/// The health of one exporter and signal. Recording a success costs one atomic load.
#[derive(Debug, Default)]
pub struct ExporterHealth {
    queue_size: Arc<AtomicU64>,
    queue_capacity: Arc<AtomicU64>,
    is_failing: AtomicBool,
    trouble: Mutex<Trouble>,
}

/// The failures of the attempts to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// The time of the first failure since the last success.
    pub failing_since: Option<SystemTime>,
    /// The time of the last failure, and the destination's message.
    pub last: Option<(SystemTime, String)>,
}

/// A gauge whose value can also be read here.
struct Readable {
    shown: Gauge,
    value: Arc<AtomicU64>,
}

impl Telemetry {
    /// Returns the health of an exporter and a signal. It stays the same when the exporter is built again.
    pub fn exporter(&self, exporter: &str, signal: Signal) -> Arc<ExporterHealth> {
        let mut exporters = self.exporters.lock().unwrap_or_else(PoisonError::into_inner);
        exporters.entry((exporter.to_owned(), signal)).or_default().clone()
    }

    /// Returns the health, or `None` if the destination is not an exporter of this signal.
    pub fn known_exporter(&self, exporter: &str, signal: Signal) -> Option<Arc<ExporterHealth>> {
        let exporters = self.exporters.lock().unwrap_or_else(PoisonError::into_inner);
        exporters.get(&(exporter.to_owned(), signal)).cloned()
    }
}

impl ExporterHealth {
    /// Wraps the gauge `shown`, so that the queue's size can be read here too.
    pub fn queue_size(&self, shown: Gauge) -> Gauge {
        readable(shown, &self.queue_size)
    }

    pub fn queue_capacity(&self, shown: Gauge) -> Gauge {
        readable(shown, &self.queue_capacity)
    }

    /// Returns the queue's size and capacity, in units of its sizer, or `None` if there is no queue.
    pub fn queue(&self) -> Option<(u64, u64)> {
        let value = |of: &AtomicU64| f64::from_bits(of.load(Relaxed)) as u64;
        Some((value(&self.queue_size), value(&self.queue_capacity))).filter(|(_, capacity)| *capacity > 0)
    }

    pub fn succeeded(&self) {
        if self.is_failing.load(Relaxed) {
            let mut trouble = self.lock();
            trouble.failing_since = None;
            self.is_failing.store(false, Relaxed);
        }
    }

    pub fn failed(&self, message: &str) {
        let (now, message) = (SystemTime::now(), one_line(message, MESSAGE_LIMIT_BYTES));
        let mut trouble = self.lock();
        trouble.failing_since.get_or_insert(now);
        trouble.last = Some((now, message));
        self.is_failing.store(true, Relaxed);
    }

    pub fn trouble(&self) -> Trouble {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn readable(shown: Gauge, value: &Arc<AtomicU64>) -> Gauge {
    Gauge::from_arc(Arc::new(Readable { shown, value: value.clone() }))
}

/// The value holds the bits of a double, as in the recorder's own gauge.
impl GaugeFn for Readable {
    fn increment(&self, by: f64) {
        self.shown.increment(by);
        GaugeFn::increment(&*self.value, by);
    }

    fn decrement(&self, by: f64) {
        self.shown.decrement(by);
        GaugeFn::decrement(&*self.value, by);
    }

    fn set(&self, value: f64) {
        self.shown.set(value);
        GaugeFn::set(&*self.value, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: an exporter's queue grows and shrinks; the exporter is looked up again.
    /// Guarantees: size and capacity are read back as the metrics show them.
    #[test]
    fn a_queue_is_read_back_as_it_is_shown() {
        let telemetry = Telemetry::new();
        let health = telemetry.exporter("otlp", Signal::Traces);
        assert_eq!(health.queue(), None, "an exporter without a queue");
        health.queue_capacity(telemetry.gauge("otelcol_exporter_queue_capacity", &[])).set(10.0);
        let size = health.queue_size(telemetry.gauge("otelcol_exporter_queue_size", &[]));
        size.increment(3.0);
        size.decrement(1.0);
        assert_eq!(telemetry.exporter("otlp", Signal::Traces).queue(), Some((2, 10)));
        assert!(telemetry.render().contains("otelcol_exporter_queue_size 2\n"), "{}", telemetry.render());
        assert!(telemetry.known_exporter("otlp", Signal::Logs).is_none());
    }

    /// Scenario: a destination fails twice and then succeeds.
    /// Guarantees: the failure is dated from its beginning, ends with the success, and the last message stays
    /// known.
    #[test]
    fn a_destination_fails_from_the_first_failure_until_a_success() {
        let health = ExporterHealth::default();
        health.succeeded();
        assert_eq!(health.trouble(), Trouble::default());
        health.failed("refused");
        let since = health.trouble().failing_since;
        health.failed("again\n");
        let trouble = health.trouble();
        assert!(since.is_some() && trouble.failing_since == since, "{trouble:?}");
        assert_eq!(trouble.last.map(|(_, message)| message).as_deref(), Some("again\\n"));
        health.succeeded();
        let trouble = health.trouble();
        assert!(trouble.failing_since.is_none() && trouble.last.is_some(), "{trouble:?}");
    }
}
