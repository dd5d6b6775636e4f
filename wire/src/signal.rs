use std::fmt;

use crate::schema::{self, Message};

/// The kind of telemetry in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    /// Returns `traces`, `metrics` or `logs`, as in a config and in the paths of OTLP/HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }

    /// Returns `spans`, `data points` or `log records`.
    pub const fn items(self) -> &'static str {
        match self {
            Signal::Traces => "spans",
            Signal::Metrics => "data points",
            Signal::Logs => "log records",
        }
    }

    /// Returns the message that a sender exports: `ExportTraceServiceRequest` and its siblings.
    pub const fn request(self) -> &'static Message {
        match self {
            Signal::Traces => &schema::EXPORT_TRACE_SERVICE_REQUEST,
            Signal::Metrics => &schema::EXPORT_METRICS_SERVICE_REQUEST,
            Signal::Logs => &schema::EXPORT_LOGS_SERVICE_REQUEST,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
