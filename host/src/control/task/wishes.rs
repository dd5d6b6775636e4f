//! Passes operators' requests to the task.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::{
    control::{
        board::Board,
        decisions::SamplingDecisions,
        operator::{Operator, OperatorError, SwapRequest},
        status::{Reload, Status},
    },
    swap::attempt::{Attempt, Outcome},
};

/// The number of requests that may wait.
const WISHES_LIMIT: usize = 16;

/// Sends requests to the task. It is cheap to clone.
#[derive(Clone)]
pub struct Control {
    wishes: mpsc::Sender<Wish>,
    board: Arc<Board>,
}

pub(super) enum Wish {
    Plugin { name: String, what: PluginWish, answer: oneshot::Sender<Attempt> },
    Reload { answer: oneshot::Sender<Reload> },
}

/// A request about a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PluginWish {
    /// Replace the configured file with the named one, or look at the configured one.
    Swap(SwapRequest),
    Rollback,
    /// Ignore changes of the file.
    Pause,
    Resume,
}

impl Control {
    pub(super) fn new(board: Arc<Board>) -> (Control, mpsc::Receiver<Wish>) {
        let (wishes, wished) = mpsc::channel(WISHES_LIMIT);
        (Control { wishes, board }, wished)
    }

    /// Sends a request about a plugin, and returns when it is done.
    async fn plugin(&self, name: &str, what: PluginWish) -> Result<Attempt, OperatorError> {
        if self.board.entry(name).is_none() {
            return Err(OperatorError::UnknownPlugin { name: name.to_owned(), known: self.board.names() });
        }
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Plugin { name: name.to_owned(), what, answer })?;
        answered.await.map_err(|_| ending())
    }

    fn wish(&self, wish: Wish) -> Result<(), OperatorError> {
        self.wishes.try_send(wish).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                OperatorError::Unavailable("too much is waiting".to_owned())
            }
            mpsc::error::TrySendError::Closed(_) => ending(),
        })
    }
}

fn ending() -> OperatorError {
    OperatorError::Unavailable("the service is ending".to_owned())
}

#[async_trait::async_trait]
impl Operator for Control {
    async fn status(&self) -> Status {
        self.board.status()
    }

    async fn decisions(&self) -> SamplingDecisions {
        self.board.decisions()
    }

    async fn swap(&self, plugin: &str, request: SwapRequest) -> Result<Attempt, OperatorError> {
        self.plugin(plugin, PluginWish::Swap(request)).await
    }

    async fn rollback(&self, plugin: &str) -> Result<Attempt, OperatorError> {
        self.plugin(plugin, PluginWish::Rollback).await
    }

    async fn pause(&self, plugin: &str) -> Result<(), OperatorError> {
        self.plugin(plugin, PluginWish::Pause).await.map(drop)
    }

    async fn resume(&self, plugin: &str) -> Result<Option<Attempt>, OperatorError> {
        let attempt = self.plugin(plugin, PluginWish::Resume).await?;
        Ok(Some(attempt).filter(|attempt| attempt.outcome != Outcome::Unchanged))
    }

    async fn reload(&self) -> Result<Reload, OperatorError> {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Reload { answer })?;
        answered.await.map_err(|_| ending())
    }
}
