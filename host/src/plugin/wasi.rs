//! WASI 0.2 for the language runtimes that import it, with nothing behind it: no arguments, environment, files, input or
//! sockets. Clocks tell whole milliseconds, output becomes lines of the log, random numbers are random, and `wasi:http`
//! reaches what `http` reaches.

mod clock;
mod http;
pub(super) mod output;
mod poll;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::{
    Result,
    component::{Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use self::{
    clock::WholeMillis,
    http::GrantedHttp,
    output::{Lines, OnLine, Output},
    poll::{Limited, LimitedPoll, PollView},
};
use super::http::HttpClient;

/// Streams, pollables, requests and so on that one guest may have at a time.
const MAX_RESOURCES: usize = 4096;
/// What a guest may ask of random bytes in one call.
const MAX_RANDOM_BYTES: u64 = 1 << 20;

/// What WASI has of one guest. Made when the guest first uses any of it, since most never do.
pub(super) struct WasiState {
    settings: WasiSettings,
    used: Option<Box<Used>>,
}

#[derive(Clone)]
pub(super) struct WasiSettings {
    pub(super) http: Arc<HttpClient>,
    /// Is given each line that the guest prints.
    pub(super) on_line: OnLine,
    /// For the error that ends a call.
    pub(super) call_timeout: Duration,
}

struct Used {
    ctx: WasiCtx,
    http_ctx: WasiHttpCtx,
    http: GrantedHttp,
    table: ResourceTable,
}

impl WasiState {
    pub(super) fn new(settings: WasiSettings) -> WasiState {
        WasiState { settings, used: None }
    }

    pub(super) fn view(&mut self) -> WasiCtxView<'_> {
        let used = self.used();
        WasiCtxView { ctx: &mut used.ctx, table: &mut used.table }
    }

    pub(super) fn http_view(&mut self) -> WasiHttpCtxView<'_> {
        let used = self.used();
        WasiHttpCtxView { ctx: &mut used.http_ctx, table: &mut used.table, hooks: &mut used.http }
    }

    /// `deadline` is that of the call under way.
    pub(super) fn poll_view<'a>(&'a mut self, deadline: &'a mut Instant) -> PollView<'a> {
        let call_timeout = self.settings.call_timeout;
        let used = self.used();
        PollView { table: &mut used.table, deadline, call_timeout, requests_time: used.http.requests_time() }
    }

    fn used(&mut self) -> &mut Used {
        self.used.get_or_insert_with(|| Box::new(Used::new(&self.settings)))
    }
}

impl Used {
    fn new(settings: &WasiSettings) -> Used {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        // Arguments, environment, directories and standard input are empty unless set.
        let ctx = WasiCtx::builder()
            .stdout(Lines::new(Output::Stdout, settings.on_line.clone()))
            .stderr(Lines::new(Output::Stderr, settings.on_line.clone()))
            .wall_clock(WholeMillis)
            .monotonic_clock(WholeMillis)
            .max_random_size(MAX_RANDOM_BYTES)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .socket_addr_check(|_, _| Box::pin(async { false }))
            .build();
        let http = GrantedHttp::new(settings.http.clone(), settings.on_line.clone());
        Used { ctx, http_ctx: WasiHttpCtx::new(), http, table }
    }
}

/// Links all of WASI 0.2 that a command or a proxy may import.
pub(super) fn add_to_linker<T>(linker: &mut Linker<T>) -> Result<()>
where
    T: WasiView + WasiHttpView + LimitedPoll + 'static,
{
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    // A guest that sleeps is not running, so that no epoch ends it: waiting is limited here.
    linker.allow_shadowing(true);
    wasmtime_wasi::p2::bindings::io::poll::add_to_linker::<T, Limited>(linker, T::limited_poll)?;
    linker.allow_shadowing(false);
    Ok(())
}
