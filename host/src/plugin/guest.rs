//! The host's state of one guest: its batches, its limits and the implementation of its imports.

pub(super) mod clock;
pub(super) mod configure;
pub(super) mod custody;
mod deadline;
mod describe;
mod exports;
pub(super) mod failure;
pub(super) mod instance;
mod instruments;
pub(super) mod interface;
mod last_words;
pub(super) mod limits;
mod listeners;
mod lists;
mod log;
pub(super) mod plugin;
pub(super) mod runtime;
mod ticker;
pub(super) mod traces;
mod v0_1;
mod v0_2;
pub(super) mod versions;
mod wasi;

use std::{sync::Arc, time::Instant};

use wasmtime::component::ResourceTable;

use self::{
    custody::Custody,
    deadline::Deadline,
    failure::{CallError, CallErrorKind},
    instruments::GuestMetrics,
    last_words::LastWords,
    limits::{GuestLimits, Limits},
    log::GuestLog,
    wasi::{WasiSettings, WasiState},
};
use super::outside::{
    GrantsConfig, Outside,
    http::{HttpError, HttpRequest, HttpResponse},
};
use crate::telemetry::{Labels, Telemetry};

/// The maximum number of instruments and groups of traces of one guest.
const TABLE_LIMIT: usize = 10_000;

/// The data of a guest's store.
pub(super) struct Guest {
    pub(super) custody: Custody,
    pub(super) limits: GuestLimits,
    pub(super) log: Arc<GuestLog>,
    pub(super) metrics: Arc<GuestMetrics>,
    pub(super) outside: Outside,
    pub(super) wasi: WasiState,
    /// The guest's instruments and groups of traces.
    pub(super) table: ResourceTable,
    pub(super) last_words: LastWords,
    /// When the host ends the current call.
    pub(super) deadline: Deadline,
    /// When the guest wants to be woken.
    pub(super) wake_at: Option<Instant>,
}

impl Guest {
    pub(super) fn new(component: &Arc<Shared>) -> Guest {
        let mut table = ResourceTable::new();
        table.set_max_capacity(TABLE_LIMIT);
        let (deadline, last_words) = (Deadline::new(), LastWords::default());
        Guest {
            custody: Custody::new(component.limits.held_bytes),
            limits: GuestLimits::new(&component.limits),
            log: component.log.clone(),
            metrics: component.metrics.clone(),
            outside: component.outside.clone(),
            wasi: WasiState::new(component.wasi.clone(), &deadline, &last_words),
            table,
            last_words,
            deadline,
            wake_at: None,
        }
    }

    /// Sends an HTTP request, if it is granted. The guest's deadline is suspended during the request.
    pub(super) async fn send_out(&mut self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let _standstill = self.deadline.stand_still();
        self.outside.http.send(request).await
    }
}

/// The state that the guests of one component share.
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) log: Arc<GuestLog>,
    pub(super) metrics: Arc<GuestMetrics>,
    pub(super) outside: Outside,
    pub(super) wasi: WasiSettings,
}

impl Shared {
    pub(super) fn new(
        component: &str,
        plugin: &str,
        limits: &Limits,
        outside: Outside,
        telemetry: &Arc<Telemetry>,
    ) -> Shared {
        Shared::with_log(component, plugin, limits, outside, telemetry, false)
    }

    fn with_log(
        component: &str,
        plugin: &str,
        limits: &Limits,
        outside: Outside,
        telemetry: &Arc<Telemetry>,
        is_trial: bool,
    ) -> Shared {
        let labels: Labels<'_> = &[("component", component), ("plugin", plugin)];
        let series = telemetry.scope(component);
        let log_left_out = series.counter("spanloom_plugin_log_lines_left_out", labels);
        let series_left_out = series.counter("spanloom_plugin_series_left_out", labels);
        let log = GuestLog::new(component, plugin, limits.log_lines_per_second, log_left_out, is_trial);
        let metrics = GuestMetrics::new(component, plugin, series, limits.metric_series, series_left_out);
        let log = Arc::new(log);
        let wasi = WasiSettings::new(&outside.http, &log);
        Shared { limits: limits.clone(), log, metrics: Arc::new(metrics), outside, wasi }
    }

    /// Creates the state for describing or trying a plugin: it reaches nothing, its metrics are discarded,
    /// and its log lines are not the component's.
    pub(super) fn of_nobody(
        component: &str,
        plugin: &str,
        limits: &Limits,
    ) -> Result<Arc<Shared>, CallError> {
        let telemetry = Telemetry::new();
        let outside = Outside::new(component, &GrantsConfig::default(), limits.http_requests, &telemetry)
            .map_err(|error| CallError::new(CallErrorKind::Start, error.to_string()))?;
        Ok(Arc::new(Shared::with_log(component, plugin, limits, outside, &telemetry, true)))
    }
}
