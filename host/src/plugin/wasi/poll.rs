//! `wasi:io/poll` within the call's time. While requests are under way that time stands still, as it does for `http`.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use wasmtime::{
    Result,
    component::{HasData, Linker, Resource, ResourceTable},
};
use wasmtime_wasi::p2::{
    DynPollable,
    bindings::io::poll::{self, Host, HostPollable},
};

use crate::plugin::{failure::Overrun, guest::Guest};

/// What a guest waits with.
struct Waiting<'a> {
    table: &'a mut ResourceTable,
    /// Of the call under way.
    deadline: &'a mut Instant,
    call_timeout: Duration,
    /// How long the requests under way may take; zero if there are none.
    requests_time: Duration,
}

struct WaitingOf;

impl HasData for WaitingOf {
    type Data<'a> = Waiting<'a>;
}

/// In the place of the interface that waits for ever.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    poll::add_to_linker::<_, WaitingOf>(linker, |guest| {
        let call_timeout = guest.wasi.settings.call_timeout;
        let used = guest.wasi.used();
        let requests_time = used.http.requests_time();
        Waiting { table: &mut used.table, deadline: &mut guest.deadline, call_timeout, requests_time }
    })
}

impl Host for Waiting<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        let Waiting { table, deadline, call_timeout, requests_time } = self;
        within(deadline, *call_timeout, *requests_time, Host::poll(*table, pollables)).await
    }
}

impl HostPollable for Waiting<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        HostPollable::ready(self.table, pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        let Waiting { table, deadline, call_timeout, requests_time } = self;
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
