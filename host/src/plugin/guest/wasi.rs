//! WASI 0.2 for the language runtimes that import it, with nothing behind it: no arguments, environment,
//! files, input or sockets. Clocks have a resolution of a millisecond, output is written to the log, random
//! numbers are random, and `wasi:http` reaches the same origins as `http`.

mod clock;
mod http;
mod output;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tracing::Level;
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
};
use super::{Guest, deadline::Deadline, last_words::LastWords, log::GuestLog};
use crate::plugin::outside::http::Http;

/// The maximum number of streams, pollables, requests and other resources of one guest.
const MAX_RESOURCES: usize = 4096;
/// The maximum number of random bytes that a guest gets in one call.
const MAX_RANDOM_BYTES: u64 = 1 << 20;

/// The WASI state of one guest. It is created at the first use, because most guests never use it.
pub(in crate::plugin) struct WasiState {
    settings: WasiSettings,
    deadline: Deadline,
    last_words: LastWords,
    used: Option<Box<Used>>,
}

#[derive(Clone)]
pub(in crate::plugin) struct WasiSettings {
    http: Arc<dyn Http>,
    on_line: OnLine,
}

struct Used {
    ctx: WasiCtx,
    http_ctx: WasiHttpCtx,
    http: GrantedHttp,
    table: ResourceTable,
}

impl WasiSettings {
    /// Creates the settings. Guests' output is logged: standard output as `info`, standard error as `warn`.
    pub(in crate::plugin) fn new(http: &Arc<dyn Http>, log: &Arc<GuestLog>) -> WasiSettings {
        let log = log.clone();
        let on_line: OnLine = Arc::new(move |output, line| match output {
            Output::Stdout => log.write(Level::INFO, line),
            Output::Stderr => log.write(Level::WARN, line),
        });
        WasiSettings { http: http.clone(), on_line }
    }
}

impl WasiState {
    /// Creates the state with the guest's `deadline` and `last_words`.
    pub(in crate::plugin) fn new(
        settings: WasiSettings,
        deadline: &Deadline,
        last_words: &LastWords,
    ) -> WasiState {
        WasiState { settings, deadline: deadline.clone(), last_words: last_words.clone(), used: None }
    }

    fn used(&mut self) -> &mut Used {
        self.used.get_or_insert_with(|| Box::new(Used::new(&self.settings, &self.deadline, &self.last_words)))
    }
}

impl Used {
    fn new(settings: &WasiSettings, deadline: &Deadline, last_words: &LastWords) -> Used {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        // Arguments, environment, directories and standard input are empty unless set.
        let ctx = WasiCtx::builder()
            .stdout(Lines::new(Output::Stdout, settings.on_line.clone()))
            .stderr(Lines::new(Output::Stderr, heard(&settings.on_line, last_words)))
            .wall_clock(WholeMillis)
            .monotonic_clock(WholeMillis)
            .max_random_size(MAX_RANDOM_BYTES)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .socket_addr_check(|_, _| Box::pin(async { false }))
            .build();
        let http = GrantedHttp::new(settings.http.clone(), settings.on_line.clone(), deadline.clone());
        Used { ctx, http_ctx: WasiHttpCtx::new(), http, table }
    }
}

/// Does the same as `on_line`, and adds the line to the guest's last words.
fn heard(on_line: &OnLine, last_words: &LastWords) -> OnLine {
    let (on_line, last_words) = (on_line.clone(), last_words.clone());
    Arc::new(move |output, line| {
        last_words.add(line);
        on_line(output, line);
    })
}

/// Links all of WASI 0.2 that a command or a proxy may import.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let used = self.wasi.used();
        WasiCtxView { ctx: &mut used.ctx, table: &mut used.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let used = self.wasi.used();
        WasiHttpCtxView { ctx: &mut used.http_ctx, table: &mut used.table, hooks: &mut used.http }
    }
}
