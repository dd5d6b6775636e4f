//! The metrics of an assembly of traces.

use std::sync::Arc;

use metrics::{Counter, Gauge};

use crate::telemetry::Telemetry;

/// The names are those of the Collector's `groupbytrace`, where it has one.
pub(super) struct AssemblyMetrics {
    pub(super) traces_limit: Gauge,
    pub(super) traces: Gauge,
    pub(super) held_bytes: Gauge,
    pub(super) traces_released: Counter,
    pub(super) spans_released: Counter,
    /// Traces that left before their time, for lack of room.
    pub(super) traces_evicted: Counter,
}

impl AssemblyMetrics {
    pub(super) fn register(telemetry: &Arc<Telemetry>, processor: &str) -> AssemblyMetrics {
        let labels = [("processor", processor)];
        AssemblyMetrics {
            traces_limit: telemetry.gauge("otelcol_processor_groupbytrace_conf_num_traces", &labels),
            traces: telemetry.gauge("otelcol_processor_groupbytrace_num_traces_in_memory", &labels),
            held_bytes: telemetry.gauge("spanloom_groupbytrace_held_bytes", &labels),
            traces_released: telemetry.counter("otelcol_processor_groupbytrace_traces_released", &labels),
            spans_released: telemetry.counter("otelcol_processor_groupbytrace_spans_released", &labels),
            traces_evicted: telemetry.counter("otelcol_processor_groupbytrace_traces_evicted", &labels),
        }
    }
}
