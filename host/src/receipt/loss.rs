//! Reports lost items in the log. All losses pass here, so that each line has the same fields.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::SystemTime,
};

use wire::Example;

use super::{Failure, Reason, ledger::Account};
use crate::log_line::{
    MESSAGE_LIMIT_BYTES,
    clean::one_line,
    throttle::{Throttle, Withheld},
};

/// The last loss of items of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    pub at: SystemTime,
    pub reason: Reason,
    pub message: String,
}

#[derive(Debug, Default)]
pub(super) struct Losses {
    /// One limit on log lines for each reason, so that a frequent loss does not hide another.
    lines: [Throttle; Reason::ALL.len()],
    last: Mutex<Option<Loss>>,
    /// What is in flight has been reported as lost.
    is_closed: AtomicBool,
}

impl Account {
    /// Logs that items are lost: how many, why, and the trace and service of one of them. The first loss for
    /// a reason is logged at once, and the following ones in one line every ten seconds. [`Account::settle`]
    /// counts the items.
    pub(crate) fn report_loss(&self, items: usize, failure: &Failure, example: impl FnOnce() -> Example) {
        self.losses.note(failure);
        if self.losses.is_closed.load(Relaxed) {
            return;
        }
        let line = self.losses.lines.get(failure.reason as usize);
        let Some(withheld) = line.and_then(|line| line.admit_about(items)) else { return };
        let Withheld { messages, items: withheld_items } = withheld;
        let items = items as u64 + withheld_items;
        let batches = (messages > 0).then_some(messages + 1);
        let Example { trace_id, service } = example();
        let trace_id = trace_id.map(|id| format!("{:032x}", u128::from_be_bytes(id)));
        let (trace_id, service) = (trace_id.as_deref(), service.as_deref());
        let (pipeline, destination) = (self.pipeline.as_str(), self.destination.as_str());
        let (reason, advice) = (failure.reason.as_str(), failure.reason.advice());
        tracing::error!(
            pipeline,
            destination,
            items,
            batches,
            reason,
            trace_id,
            service,
            "items are lost: {failure}{advice}"
        );
    }

    /// Ends the lines about losses, because the caller reports all that is in flight as lost.
    pub(super) fn close(&self) {
        self.losses.is_closed.store(true, Relaxed);
    }

    pub fn last_loss(&self) -> Option<Loss> {
        self.losses.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Losses {
    fn note(&self, failure: &Failure) {
        let message = one_line(&failure.message, MESSAGE_LIMIT_BYTES);
        let loss = Loss { at: SystemTime::now(), reason: failure.reason, message };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(loss);
    }
}

impl Reason {
    /// Returns advice for the operator, or an empty text.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Reason::QueueFull => {
                "; raise sending_queue.queue_size or num_consumers, or set block_on_overflow to slow the senders"
            }
            Reason::RetriesExhausted => {
                "; see whether the destination is up, or raise retry_on_failure.max_elapsed_time to wait longer"
            }
            Reason::TooOld | Reason::TooNew => {
                "; look for a wrong clock, or for data that waited for too long"
            }
            Reason::TooLarge => "; raise the limit named, or make the senders send less at a time",
            Reason::Shutdown => "; raise shutdown_timeout to give the destination longer",
            _ => "",
        }
    }
}
