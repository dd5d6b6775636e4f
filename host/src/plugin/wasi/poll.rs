//! `wasi:io/poll` within the call's time. While requests are under way that time stands still, as it does for `http`.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use wasmtime::{
    Result,
    component::{HasData, Resource, ResourceTable},
};
use wasmtime_wasi::p2::{
    DynPollable,
    bindings::io::poll::{Host, HostPollable},
};

use crate::plugin::failure::Overrun;

/// Who can wait: the data of a store.
pub(in crate::plugin) trait LimitedPoll: Send {
    fn limited_poll(&mut self) -> PollView<'_>;
}

/// What waiting is done with.
pub(in crate::plugin) struct PollView<'a> {
    pub(in crate::plugin) table: &'a mut ResourceTable,
    /// Of the call under way.
    pub(in crate::plugin) deadline: &'a mut Instant,
    pub(in crate::plugin) call_timeout: Duration,
    /// How long the requests under way may take; zero if there are none.
    pub(in crate::plugin) requests_time: Duration,
}

pub(in crate::plugin) struct Limited;

impl HasData for Limited {
    type Data<'a> = PollView<'a>;
}

impl Host for PollView<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        let PollView { table, deadline, call_timeout, requests_time } = self;
        within(deadline, *call_timeout, *requests_time, Host::poll(*table, pollables)).await
    }
}

impl HostPollable for PollView<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        HostPollable::ready(self.table, pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        let PollView { table, deadline, call_timeout, requests_time } = self;
        within(deadline, *call_timeout, *requests_time, HostPollable::block(*table, pollable)).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        HostPollable::drop(self.table, pollable)
    }
}

async fn within<T>(
    deadline: &mut Instant,
    call_timeout: Duration,
    requests_time: Duration,
    waiting: impl Future<Output = Result<T>>,
) -> Result<T> {
    let begun = Instant::now();
    let end = *deadline + requests_time;
    let outcome = tokio::time::timeout_at(end.into(), waiting).await;
    if !requests_time.is_zero() {
        *deadline += begun.elapsed();
    }
    outcome.unwrap_or_else(|_| Err(Overrun(call_timeout).into()))
}
