//! The metrics of an assembly of traces. The names are the Collector's, where it has one.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram};

use super::{
    relief::ReliefMetrics,
    shard::{Added, Released},
};
use crate::telemetry::Telemetry;

/// What both processors show. Each has names of its own.
pub(super) struct AssemblyMetrics {
    /// The id of the processor.
    pub(super) processor: String,
    pub(super) traces_limit: Gauge,
    pub(super) traces: Gauge,
    pub(super) held_bytes: Gauge,
    pub(super) new_traces: Counter,
    pub(super) traces_released: Counter,
    pub(super) spans_released: Counter,
    /// Traces that left before their time, for lack of room.
    pub(super) traces_evicted: Counter,
    /// The same by reason.
    pub(super) too_many: Counter,
    pub(super) short: Counter,
    pub(super) traces_too_large: Counter,
    pub(super) ages: Histogram,
}

/// What is decided, and what came too late for it.
pub(super) struct DecisionMetrics {
    pub(super) latency_ms: Histogram,
    pub(super) kept: Counter,
    pub(super) not_sampled: Counter,
    pub(super) late_kept: Counter,
    pub(super) late_not_sampled: Counter,
    late_ages: Histogram,
}

impl AssemblyMetrics {
    pub(super) fn of_group_by_trace(telemetry: &Arc<Telemetry>, processor: &str) -> AssemblyMetrics {
        let labels = [("processor", processor)];
        AssemblyMetrics {
            processor: processor.to_owned(),
            traces_limit: telemetry.gauge("otelcol_processor_groupbytrace_conf_num_traces", &labels),
            traces: telemetry.gauge("otelcol_processor_groupbytrace_num_traces_in_memory", &labels),
            held_bytes: telemetry.gauge("spanloom_groupbytrace_held_bytes", &labels),
            new_traces: Counter::noop(),
            traces_released: telemetry.counter("otelcol_processor_groupbytrace_traces_released", &labels),
            spans_released: telemetry.counter("otelcol_processor_groupbytrace_spans_released", &labels),
            traces_evicted: telemetry.counter("otelcol_processor_groupbytrace_traces_evicted", &labels),
            too_many: Counter::noop(),
            short: Counter::noop(),
            traces_too_large: Counter::noop(),
            ages: Histogram::noop(),
        }
    }

    pub(super) fn of_tail_sampling(telemetry: &Arc<Telemetry>, processor: &str) -> AssemblyMetrics {
        let labels = [("processor", processor)];
        let of = "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early";
        let early = |reason| {
            let labels = [("processor", processor), ("reason", reason)];
            telemetry.counter("spanloom_tail_sampling_early_traces", &labels)
        };
        AssemblyMetrics {
            processor: processor.to_owned(),
            traces_limit: telemetry.gauge("spanloom_tail_sampling_num_traces_limit", &labels),
            traces: telemetry.gauge("otelcol_processor_tail_sampling_sampling_traces_on_memory", &labels),
            held_bytes: telemetry.gauge("spanloom_tail_sampling_held_bytes", &labels),
            new_traces: telemetry.counter("otelcol_processor_tail_sampling_new_trace_id_received", &labels),
            traces_released: Counter::noop(),
            spans_released: Counter::noop(),
            traces_evicted: telemetry.counter(of, &labels),
            too_many: early("num_traces"),
            short: early("max_mib"),
            traces_too_large: telemetry
                .counter("otelcol_processor_tail_sampling_traces_dropped_too_large", &labels),
            ages: telemetry.histogram("otelcol_processor_tail_sampling_sampling_trace_removal_age", &labels),
        }
    }

    pub(super) fn released(&self, released: &Released) {
        let Released { spans, traces, too_many, short, ages, .. } = released;
        self.traces_released.increment(*traces as u64);
        self.spans_released.increment(*spans as u64);
        self.traces_evicted.increment((too_many + short) as u64);
        self.too_many.increment(*too_many as u64);
        self.short.increment(*short as u64);
        ages.iter().for_each(|age| self.ages.record((age / 1000) as f64));
    }
}

impl ReliefMetrics {
    pub(super) fn register(telemetry: &Arc<Telemetry>, processor: &str) -> ReliefMetrics {
        let labels = [("processor", processor)];
        let counter = |decision| {
            let labels = [("processor", processor), ("decision", decision)];
            telemetry.counter("spanloom_tail_sampling_stress_relief_traces", &labels)
        };
        ReliefMetrics {
            stress_percent: telemetry.gauge("spanloom_tail_sampling_stress_level", &labels),
            is_on: telemetry.gauge("spanloom_tail_sampling_stress_relief", &labels),
            kept: counter("sampled"),
            not_sampled: counter("not_sampled"),
        }
    }
}

impl DecisionMetrics {
    pub(super) fn register(telemetry: &Arc<Telemetry>, processor: &str) -> DecisionMetrics {
        let labels = [("processor", processor)];
        let counter = |name, more: &[(&'static str, &'static str)]| {
            let labels: Vec<(&str, &str)> = labels.iter().chain(more).copied().collect();
            telemetry.counter(name, &labels)
        };
        let decided = "otelcol_processor_tail_sampling_global_count_traces_sampled";
        let late = "otelcol_processor_tail_sampling_early_releases_from_cache_decision";
        let latency = "otelcol_processor_tail_sampling_sampling_decision_timer_latency";
        let late_age = "otelcol_processor_tail_sampling_sampling_late_span_age";
        DecisionMetrics {
            latency_ms: telemetry.histogram(latency, &labels),
            kept: counter(decided, &[("sampled", "true"), ("decision", "sampled")]),
            not_sampled: counter(decided, &[("sampled", "false"), ("decision", "not_sampled")]),
            late_kept: counter(late, &[("sampled", "true")]),
            late_not_sampled: counter(late, &[("sampled", "false")]),
            late_ages: telemetry.histogram(late_age, &labels),
        }
    }

    /// Counts the spans whose trace the sampler decided before they came.
    pub(super) fn late(&self, added: &Added) {
        self.late_kept.increment(added.late_kept as u64);
        self.late_not_sampled.increment(added.late_not_sampled as u64);
        added.ages_secs.iter().for_each(|age| self.late_ages.record(*age as f64));
    }
}
