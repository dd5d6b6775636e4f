//! What a plugin is: one of four roles, and what it may be besides.

use serde::de::DeserializeOwned;

use crate::{
    Batch, ConfigError, Description, ExportError, Failure, LogsBatch, MetricsBatch, Output, Signal,
    SpanBatch, TraceBatch,
};

/// Changes, adds, splits, merges or leaves out what passes.
///
/// The type is its own config: serde reads it from the component's section. Keep what is no config in fields marked
/// `#[serde(skip)]`.
pub trait Processor: DeserializeOwned {
    /// What the plugin says of itself, given what its `Cargo.toml` says: name, version, summary.
    fn describe(of_crate: Description) -> Description {
        of_crate
    }

    /// Checks what types do not say, and prepares what calls need. Called once for each config, before any batch.
    fn configure(&mut self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// The config has changed, and `new` is configured: take over what must not be lost. A refusal leaves the old one.
    fn reconfigure(&mut self, new: Self) -> Result<(), ConfigError> {
        *self = new;
        Ok(())
    }

    /// Called for each batch, one at a time. May be repeated with the same spans, if the call failed.
    fn process_spans(&mut self, spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        out.pass(spans);
        Ok(())
    }

    /// Only called if `describe` names metrics.
    fn process_metrics(&mut self, metrics: MetricsBatch, out: &mut Output) -> Result<(), Failure> {
        out.pass(metrics);
        Ok(())
    }

    /// Only called if `describe` names logs.
    fn process_logs(&mut self, logs: LogsBatch, out: &mut Output) -> Result<(), Failure> {
        out.pass(logs);
        Ok(())
    }
}

/// Decides which traces go on. It holds nothing and edits nothing.
pub trait Sampler: DeserializeOwned {
    /// As [`Processor::describe`].
    fn describe(of_crate: Description) -> Description {
        of_crate
    }

    /// As [`Processor::configure`].
    fn configure(&mut self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// As [`Processor::reconfigure`].
    fn reconfigure(&mut self, new: Self) -> Result<(), ConfigError> {
        *self = new;
        Ok(())
    }

    /// Decides on each trace: exactly one decision for each, in their order. May be repeated, and should then decide
    /// the same.
    fn sample(&mut self, traces: &TraceBatch) -> Result<Vec<Decision>, Failure>;
}

/// What becomes of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// Goes on. The number is the share of such traces that go on, above 0 and up to 1.
    Keep(f64),
    /// Is sampled out.
    Drop,
    /// More of it is needed. Where the host does not wait for more it goes on.
    Undecided,
}

/// Sends what passes to somewhere else. Queueing, retries, back-off and time limits are the host's.
pub trait Exporter: DeserializeOwned {
    /// As [`Processor::describe`].
    fn describe(of_crate: Description) -> Description {
        of_crate
    }

    /// As [`Processor::configure`].
    fn configure(&mut self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// As [`Processor::reconfigure`].
    fn reconfigure(&mut self, new: Self) -> Result<(), ConfigError> {
        *self = new;
        Ok(())
    }

    /// Sends one batch. What fails retryably comes again, the spans that failed and no others.
    fn export_spans(&mut self, spans: SpanBatch) -> Result<(), ExportError>;

    /// Only called if `describe` names metrics.
    fn export_metrics(&mut self, _metrics: MetricsBatch) -> Result<(), ExportError> {
        Err(Failure::permanent("metrics are not taken").into())
    }

    /// Only called if `describe` names logs.
    fn export_logs(&mut self, _logs: LogsBatch) -> Result<(), ExportError> {
        Err(Failure::permanent("logs are not taken").into())
    }
}

/// Takes what leaves one pipeline, and passes on what enters another: metrics made of spans, say.
///
/// What it is given counts as delivered when the call has returned well, and nothing is owed for it: a connector may keep it,
/// pass it on or let it go. What it passes on, from any call, is new telemetry.
pub trait Connector: DeserializeOwned {
    /// As [`Processor::describe`]; the signals are those that it takes.
    fn describe(of_crate: Description) -> Description {
        of_crate
    }

    /// The signals of what it passes on. Always the same answer.
    fn emits() -> Vec<Signal>;

    /// As [`Processor::configure`].
    fn configure(&mut self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// As [`Processor::reconfigure`].
    fn reconfigure(&mut self, new: Self) -> Result<(), ConfigError> {
        *self = new;
        Ok(())
    }

    /// Called for each batch, one at a time. May be repeated with the same spans, if the call failed. Only called if
    /// `describe` names traces, as it does unless it says otherwise.
    fn consume_spans(&mut self, _spans: SpanBatch, _out: &mut Output) -> Result<(), Failure> {
        Err(Failure::permanent("traces are not taken"))
    }

    /// Only called if `describe` names metrics.
    fn consume_metrics(&mut self, _metrics: MetricsBatch, _out: &mut Output) -> Result<(), Failure> {
        Err(Failure::permanent("metrics are not taken"))
    }

    /// Only called if `describe` names logs.
    fn consume_logs(&mut self, _logs: LogsBatch, _out: &mut Output) -> Result<(), Failure> {
        Err(Failure::permanent("logs are not taken"))
    }
}

/// Wakes up when it asked to ([`schedule::wake_after`](crate::schedule::wake_after)).
pub trait Timer {
    /// Called no earlier than asked for, never during another call.
    fn wake(&mut self, out: &mut Output) -> Result<(), Failure>;
}

/// Sends what is left when no batch will follow.
pub trait Flush {
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure>;
}

/// State that outlives the instance.
pub trait Handover {
    /// The last call of an instance.
    fn save(&mut self) -> Result<Saved, Failure>;

    /// Called on the next one, after `configure`, before any batch. It may refuse.
    fn restore(&mut self, saved: Saved) -> Result<(), Failure>;
}

/// What one instance leaves to the next.
#[derive(Debug, Default)]
pub struct Saved {
    /// In a form that the plugin's next version can read.
    pub state: Vec<u8>,
    /// What it still holds.
    pub batches: Vec<Batch>,
}

/// Answers GETs on a listener that the host owns, at the address of the key `endpoint` in the component's config.
pub trait HttpHandler {
    fn handle(&mut self, request: Incoming) -> Outgoing;
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// `/metrics`
    pub path: String,
    /// After the `?`; empty if none.
    pub query: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}
