//! What one guest has besides its memory: its batches, its limits and the host behind its imports.

use std::{sync::Arc, time::Instant};

use wasmtime::component::ResourceTable;

use super::{
    config::GrantsConfig,
    config::LimitsConfig,
    custody::Custody,
    failure::{CallError, CallErrorKind},
    imports::{log::GuestLog, metrics::GuestMetrics},
    limits::{GuestLimits, Limits},
    outside::Outside,
};
use crate::telemetry::{Labels, Telemetry};

/// The data of a guest's store.
pub(super) struct Guest {
    pub(super) custody: Custody,
    pub(super) limits: GuestLimits,
    pub(super) log: Arc<GuestLog>,
    pub(super) metrics: Arc<GuestMetrics>,
    pub(super) outside: Outside,
    /// Instruments and groups of traces.
    pub(super) table: ResourceTable,
    /// When the call that is under way is ended.
    pub(super) deadline: Instant,
    /// When the guest wants to be woken.
    pub(super) wake_at: Option<Instant>,
}

impl Guest {
    pub(super) fn new(component: &Arc<Shared>) -> Guest {
        Guest {
            custody: Custody::default(),
            limits: GuestLimits::new(&component.limits),
            log: component.log.clone(),
            metrics: component.metrics.clone(),
            outside: component.outside.clone(),
            table: ResourceTable::new(),
            deadline: Instant::now(),
            wake_at: None,
        }
    }
}

/// What the guests of one component share.
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) log: Arc<GuestLog>,
    pub(super) metrics: Arc<GuestMetrics>,
    pub(super) outside: Outside,
}

impl Shared {
    pub(super) fn new(
        component: &str,
        plugin: &str,
        limits: &Limits,
        outside: Outside,
        telemetry: &Arc<Telemetry>,
    ) -> Shared {
        let labels: Labels<'_> = &[("component", component), ("plugin", plugin)];
        let log_left_out = telemetry.counter("spanloom_plugin_log_lines_left_out", labels);
        let series_left_out = telemetry.counter("spanloom_plugin_series_left_out", labels);
        let log = GuestLog::new(component, plugin, limits.log_lines_per_second, log_left_out);
        let metrics = GuestMetrics::new(component, plugin, telemetry, limits.metric_series, series_left_out);
        Shared { limits: limits.clone(), log: Arc::new(log), metrics: Arc::new(metrics), outside }
    }

    /// For asking a plugin about itself: it reaches nothing, and its metrics go nowhere.
    pub(super) fn of_nobody(
        component: &str,
        plugin: &str,
        limits: &Limits,
    ) -> Result<Arc<Shared>, CallError> {
        let telemetry = Telemetry::new();
        let outside = Outside::new(component, &GrantsConfig::default(), limits, &telemetry)
            .map_err(|error| CallError::new(CallErrorKind::Start, error.to_string()))?;
        Ok(Arc::new(Shared::new(component, plugin, limits, outside, &telemetry)))
    }
}
