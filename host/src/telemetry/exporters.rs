//! How each exporter does: what waits in its queue, and whether its destination answers.

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

/// Of one exporter and signal. A success costs it one load.
#[derive(Debug, Default)]
pub struct ExporterHealth {
    queue_size: Arc<AtomicU64>,
    queue_capacity: Arc<AtomicU64>,
    is_failing: AtomicBool,
    trouble: Mutex<Trouble>,
}

/// What came of the attempts to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// The first failure since the last success.
    pub failing_since: Option<SystemTime>,
    /// When, and what the destination said.
    pub last: Option<(SystemTime, String)>,
}

/// A gauge that can be read here, too.
struct Readable {
    shown: Gauge,
    value: Arc<AtomicU64>,
}

impl Telemetry {
    /// There is one for each exporter and signal, however often they are built anew.
    pub fn exporter(&self, exporter: &str, signal: Signal) -> Arc<ExporterHealth> {
        let mut exporters = self.exporters.lock().unwrap_or_else(PoisonError::into_inner);
        exporters.entry((exporter.to_owned(), signal)).or_default().clone()
    }

    /// None where the destination is no exporter, or not of this signal.
    pub fn known_exporter(&self, exporter: &str, signal: Signal) -> Option<Arc<ExporterHealth>> {
        let exporters = self.exporters.lock().unwrap_or_else(PoisonError::into_inner);
        exporters.get(&(exporter.to_owned(), signal)).cloned()
    }
}

impl ExporterHealth {
    /// The gauge `shown`, whose value is that of the queue's size from now on.
    pub fn queue_size(&self, shown: Gauge) -> Gauge {
        readable(shown, &self.queue_size)
    }

    pub fn queue_capacity(&self, shown: Gauge) -> Gauge {
        readable(shown, &self.queue_capacity)
    }

    /// Its size and capacity, in units of its sizer. None if there is no queue.
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

/// The value's bits are those of a double, as in the recorder's own.
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

    /// A destination that is away for a while, and back: what it said stays known.
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
