//! The host's counters for one component's guests.

use std::{sync::Arc, time::Duration};

use metrics::{Counter, Gauge, Histogram};

use crate::{
    log_line::throttle::Throttle,
    plugin::guest::{failure::CallError, plugin::Plugin},
    telemetry::{Labels, Scope, Telemetry},
};

pub(in crate::plugin) struct PluginMetrics {
    telemetry: Arc<Telemetry>,
    series: Arc<Scope>,
    component: String,
    plugin: String,
    succeeded: Counter,
    busy_nanoseconds: Counter,
    forgotten_items: Counter,
    pause: Histogram,
    pub(super) replays: Counter,
    pub(super) breaker_open: Gauge,
    failures: Throttle,
    repetitions: Throttle,
}

impl PluginMetrics {
    pub(in crate::plugin) fn new(telemetry: &Arc<Telemetry>, component: &str, plugin: &str) -> PluginMetrics {
        let labels: Labels<'_> = &[("component", component), ("plugin", plugin)];
        let succeeded: Labels<'_> = &[("component", component), ("plugin", plugin), ("outcome", "ok")];
        let series = telemetry.scope(component);
        PluginMetrics {
            telemetry: telemetry.clone(),
            component: component.to_owned(),
            plugin: plugin.to_owned(),
            succeeded: series.counter("spanloom_plugin_calls", succeeded),
            busy_nanoseconds: series.counter("spanloom_plugin_busy_nanoseconds", labels),
            forgotten_items: series.counter("spanloom_plugin_forgotten_items", labels),
            pause: series.histogram("spanloom_plugin_swap_pause_seconds", labels),
            replays: series.counter("spanloom_plugin_replays", labels),
            breaker_open: series.gauge("spanloom_plugin_breaker_open", labels),
            failures: Throttle::default(),
            repetitions: Throttle::default(),
            series,
        }
    }

    pub(in crate::plugin) fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    pub(in crate::plugin) fn plugin(&self) -> &str {
        &self.plugin
    }

    pub(super) fn succeeded(&self) {
        self.succeeded.increment(1);
    }

    pub(in crate::plugin) fn busy(&self, time: Duration) {
        self.busy_nanoseconds.increment(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(in crate::plugin) fn count(&self, error: &CallError) {
        let labels: Labels<'_> =
            &[("component", &self.component), ("plugin", &self.plugin), ("outcome", error.kind.as_str())];
        self.series.counter("spanloom_plugin_calls", labels).increment(1);
    }

    /// Counts items that a guest released without settling them, which is a mistake of the plugin.
    pub(in crate::plugin) fn forgotten(&self, items: usize) {
        if items > 0 {
            self.forgotten_items.increment(items as u64);
        }
    }

    /// Records how long a call waited for an instance to be replaced.
    pub(super) fn paused(&self, pause: Duration) {
        self.pause.record(pause);
    }

    pub(super) fn recycled(&self, why: &str) {
        let labels: Labels<'_> = &[("component", &self.component), ("plugin", &self.plugin), ("reason", why)];
        self.series.counter("spanloom_plugin_recycled", labels).increment(1);
    }

    /// Logs a failed call and what the host does about it, at a limited rate.
    pub(in crate::plugin) fn report(&self, plugin: &Plugin, error: &CallError, consequence: &str) {
        if let Some(withheld) = self.failures.admit() {
            self.write(plugin, error, consequence, withheld);
        }
    }

    /// Does the same as [`PluginMetrics::report`] for a call that is repeated. The limit is separate, so that
    /// repeated calls do not hide final failures.
    pub(super) fn report_replay(&self, plugin: &Plugin, error: &CallError) {
        if let Some(withheld) = self.repetitions.admit() {
            self.write(plugin, error, "a fresh instance takes over", withheld);
        }
    }

    fn write(&self, plugin: &Plugin, error: &CallError, consequence: &str, withheld: u64) {
        let (component, version) = (self.component.as_str(), plugin.description.version.as_str());
        let (plugin, hash) = (self.plugin.as_str(), plugin.short_hash());
        let backtrace = (!error.backtrace.is_empty()).then_some(error.backtrace.as_str());
        tracing::warn!(component, plugin, version, hash, backtrace, withheld, "{error}; {consequence}");
    }
}
