//! The steps of a batch through a plugin in its path: a processor, a sampler or a connector.
//!
//! 1. If guests may hold batches of other senders, the call continues when its sender goes away.
//! 2. The version is chosen, and its breaker is asked.
//! 3. If the plugin is `by-trace`, the batch is divided by trace.
//! 4. Each part is given to a guest. With a shadow, a copy goes to the shadow, and the outcomes are compared.
//! 5. The breakers are told how the calls ended.
//! 6. Each part is settled by its outcome: passed on, or treated as `on_failure` says.
//!
//! [`InPath`] is what a role does at the steps that differ. Exporters and HTTP requests take steps 2 to 5
//! too, by `Route::call`.

use std::sync::Arc;

use futures::future::join_all;

use crate::{
    pipeline::{Batch, Refused, fan_out::gather},
    plugin::{
        guest::failure::CallError,
        load::description::Concurrency,
        pool::{Answers, Lane, Pool, breaker::left_alone, see_through::see_through},
    },
};

/// The steps that differ by role.
pub(super) trait InPath: Send + Sync + 'static {
    /// The outcome of a call.
    type Answer: Send + Sync;

    fn pool(&self) -> &Arc<Pool>;

    /// Returns whether guests may hold batches or state between calls. Cancelling a call would lose them for
    /// other senders too.
    fn outlives_senders(&self) -> bool {
        self.pool().concurrency != Concurrency::Stateless
    }

    /// Gives a part of the batch to a guest. All parts are given at the same time.
    fn call(&self, lane: Lane<'_>, part: Box<Batch>) -> impl Future<Output = Self::Answer> + Send;

    /// Returns why the call failed, if it did.
    fn error(answer: &Self::Answer) -> Option<&CallError>;

    /// Settles a part of the batch by the outcome of its call. Returns the items that the next stage refuses.
    fn conclude(&self, answer: Self::Answer) -> impl Future<Output = Result<(), Box<Refused>>> + Send;

    /// Settles a batch that is given to no guest, because the breaker is open.
    fn left_alone(
        &self,
        batch: Box<Batch>,
        error: CallError,
    ) -> impl Future<Output = Result<(), Box<Refused>>> + Send;
}

/// Performs all steps for a batch; see the [module](self).
///
/// The batch is boxed: the futures of all steps hold it, and are moved when they are made.
pub(super) async fn pass<R: InPath>(role: &Arc<R>, batch: Box<Batch>) -> Result<(), Box<Refused>> {
    if !role.outlives_senders() {
        return pass_with_sender(&**role, batch).await;
    }
    let owned = role.clone();
    let call = Box::pin(async move { pass_with_sender(&*owned, batch).await });
    see_through(&role.pool().component, call).await.unwrap_or(Ok(()))
}

async fn pass_with_sender<R: InPath>(role: &R, batch: Box<Batch>) -> Result<(), Box<Refused>> {
    let Some(route) = role.pool().route() else {
        return Box::pin(role.left_alone(batch, left_alone())).await;
    };
    let parts = route.share_out(batch);
    let answers = route.call(parts, |lane, part| role.call(lane, part), R::error).await;
    conclude(role, answers).await
}

/// Settles all parts. Parts that the next stage refuses come back as one batch.
async fn conclude<R: InPath>(role: &R, answers: Answers<R::Answer>) -> Result<(), Box<Refused>> {
    match answers.into_inner() {
        Ok([answer]) => role.conclude(answer).await,
        Err(answers) => {
            let concluded = join_all(answers.into_iter().map(|answer| role.conclude(answer)));
            gather(Box::pin(concluded).await)
        }
    }
}
