//! Offers a batch again to a stage that refuses it for now.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::pipeline::{Batch, Consumer, Refused};

/// For how long a batch is offered, and how often.
const FOR: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_millis(100);

/// Passes a batch on. Gives it back if `next` refuses it for good or for too long, or if it refuses it after
/// `given_up` was cancelled. A batch that `next` still has then counts as abandoned.
pub(super) async fn offer(
    next: &dyn Consumer,
    mut batch: Batch,
    given_up: &CancellationToken,
) -> Result<(), Box<Refused>> {
    let until = Instant::now() + FOR;
    loop {
        let consumed = given_up.run_until_cancelled(next.consume(batch)).await;
        let Some(Err(refused)) = consumed else { return Ok(()) };
        if !refused.failure.is_retryable() || given_up.is_cancelled() || Instant::now() >= until {
            return Err(refused);
        }
        batch = refused.batch;
        sleep(EVERY).await;
    }
}
