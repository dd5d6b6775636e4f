//! Settles a batch of which the destination accepted some spans and not others.

use std::time::Duration;

use super::{Backoff, Delivery};
use crate::{
    component::FailedPart,
    pipeline::Batch,
    receipt::{Failure, Reason, Retry},
};

impl Delivery {
    /// Settles the spans that were delivered and those that failed for good. Waits, and returns the spans to
    /// send again.
    pub(super) async fn settle_partly(
        &self,
        mut batch: Batch,
        failures: Vec<FailedPart>,
        backoff: &mut Option<Backoff<'_>>,
    ) -> Option<Batch> {
        let wire::Batch::Spans(spans) = &batch.data else {
            let failure = Failure::permanent(Reason::Rejected, "parts of a batch that holds no spans failed");
            self.send_failed(&batch, &failure);
            batch.dropped(&failure);
            return None;
        };
        let spans = spans.clone();
        let mut taken = vec![true; spans.items()];
        let (mut again, mut after) = (Vec::new(), None::<Duration>);
        let mut message = String::new();
        for part in failures {
            for row in &part.rows {
                if let Some(taken) = taken.get_mut(*row as usize) {
                    *taken = false;
                }
            }
            match part.retry {
                Retry::After(wait) => {
                    again.extend(part.rows);
                    after = after.max(wait);
                    message = part.message;
                }
                Retry::Never => {
                    let lost = batch.derive(wire::Batch::Spans(spans.select(&ascending(part.rows))));
                    let failure = Failure::permanent(Reason::Rejected, part.message);
                    self.send_failed(&lost, &failure);
                    lost.dropped(&failure);
                }
            }
        }
        let mut again = batch.derive(wire::Batch::Spans(spans.select(&ascending(again))));
        drop(spans);
        again.data.trim();
        self.metrics.sent.increment(taken.iter().filter(|taken| **taken).count() as u64);
        batch.delivered();
        if again.items() == 0 {
            return None;
        }
        let failure =
            Failure { retry: Retry::After(after), ..Failure::retryable(Reason::RetriesExhausted, message) };
        match self.wait(again.items(), failure, backoff).await {
            Ok(()) => Some(again),
            Err(failure) => {
                self.send_failed(&again, &failure);
                again.dropped(&failure);
                None
            }
        }
    }
}

fn ascending(mut rows: Vec<u32>) -> Vec<u32> {
    rows.sort_unstable();
    rows
}
