//! Counts the requests that a plugin rejects.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use metrics::Counter;

use crate::{
    log_line::throttle::Throttle,
    plugin::load::text::one_line,
    telemetry::{Labels, Telemetry},
};

/// The most reasons that are told apart. Requests with further ones count as [`OTHER`].
const REASONS_LIMIT: usize = 32;
const OTHER: &str = "other";
const REASON_LIMIT_BYTES: usize = 128;

/// The requests of one port that were rejected, by the plugin's reasons.
pub(super) struct Rejections {
    receiver: String,
    transport: &'static str,
    telemetry: Arc<Telemetry>,
    counters: Mutex<BTreeMap<String, Counter>>,
    throttle: Throttle,
}

impl Rejections {
    pub(super) fn new(receiver: &str, transport: &'static str, telemetry: &Arc<Telemetry>) -> Rejections {
        Rejections {
            receiver: receiver.to_owned(),
            transport,
            telemetry: telemetry.clone(),
            counters: Mutex::default(),
            throttle: Throttle::default(),
        }
    }

    /// Counts a request, and logs it now and then. `peer` is the sender's address.
    pub(super) fn add(&self, reason: &str, peer: &str) {
        let reason = one_line(reason, REASON_LIMIT_BYTES);
        self.count(&reason);
        if let Some(withheld) = self.throttle.admit() {
            let (receiver, transport) = (self.receiver.as_str(), self.transport);
            tracing::warn!(receiver, transport, peer, withheld, "rejected a request: {reason}");
        }
    }

    fn count(&self, reason: &str) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get(reason) {
            return counter.increment(1);
        }
        let reason = if counters.len() < REASONS_LIMIT { reason } else { OTHER };
        let counter = counters.entry(reason.to_owned()).or_insert_with(|| {
            let labels: Labels<'_> =
                &[("receiver", &self.receiver), ("transport", self.transport), ("reason", reason)];
            self.telemetry.counter("spanloom_receiver_rejected_requests", labels)
        });
        counter.increment(1);
    }
}
