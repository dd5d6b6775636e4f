//! The items that each processor was given and passed on: `otelcol_processor_incoming_items` and the like.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use metrics::{Counter, Histogram};
use wire::Signal;

use super::{Labels, Scope, Telemetry};

/// The metrics of one processor. They exist for the signals that it has seen, as long as it exists.
pub struct ProcessorMetrics {
    id: String,
    series: Arc<Scope>,
    /// By signal.
    figures: [OnceLock<Figures>; 3],
    is_detailed: bool,
}

struct Figures {
    incoming: Counter,
    outgoing: Counter,
    duration: Histogram,
}

impl Telemetry {
    pub fn processor(&self, id: &str) -> ProcessorMetrics {
        ProcessorMetrics {
            id: id.to_owned(),
            series: self.scope(id),
            figures: Default::default(),
            is_detailed: self.is_detailed(),
        }
    }
}

impl ProcessorMetrics {
    /// Counts the items that the processor was given, whatever becomes of them.
    pub fn incoming(&self, data: &wire::Batch) {
        if let Some(figures) = self.figures(data.signal()) {
            figures.incoming.increment(data.items() as u64);
        }
    }

    /// Counts the items that the processor hands on, also if the next stage refuses them.
    pub fn outgoing(&self, data: &wire::Batch) {
        if let Some(figures) = self.figures(data.signal()) {
            figures.outgoing.increment(data.items() as u64);
        }
    }

    /// Returns whether the time is wanted for [`ProcessorMetrics::took`].
    pub fn is_timed(&self) -> bool {
        self.is_detailed
    }

    /// Records how long the processor took for a batch, without the stages behind it.
    pub fn took(&self, signal: Signal, duration: Duration) {
        if let Some(figures) = self.figures(signal) {
            figures.duration.record(duration.as_secs_f64());
        }
    }

    fn figures(&self, signal: Signal) -> Option<&Figures> {
        let figures = self.figures.get(signal as usize)?;
        Some(figures.get_or_init(|| {
            let signal = signal.to_string();
            let labels: Labels<'_> = &[("otel_signal", &signal), ("processor", &self.id)];
            Figures {
                incoming: self.series.counter("otelcol_processor_incoming_items", labels),
                outgoing: self.series.counter("otelcol_processor_outgoing_items", labels),
                duration: self.series.histogram("otelcol_processor_internal_duration", labels),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a processor is given a batch and passes nothing on, at two levels.
    /// Guarantees: both counts are shown, and times at `detailed` alone.
    #[test]
    fn a_processor_counts_what_comes_and_what_goes() {
        use crate::config::telemetry::MetricsLevel::{Detailed, Normal};
        for level in [Normal, Detailed] {
            let telemetry = Telemetry::at(level);
            let metrics = telemetry.processor("tag");
            metrics.took(Signal::Logs, Duration::from_millis(2));
            let shown = telemetry.render();
            let labels = r#"{otel_signal="logs",processor="tag"}"#;
            assert!(shown.contains(&format!("otelcol_processor_incoming_items{labels} 0\n")), "{shown}");
            assert!(shown.contains(&format!("otelcol_processor_outgoing_items{labels} 0\n")), "{shown}");
            let timed = shown.contains(&format!("otelcol_processor_internal_duration_count{labels} 1\n"));
            assert_eq!((timed, metrics.is_timed()), (level == Detailed, level == Detailed), "{shown}");
        }
    }
}
