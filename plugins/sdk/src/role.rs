//! The roles of a plugin, and the optional traits.

use serde::de::DeserializeOwned;

use crate::{
    Batch, ConfigError, Decision, Decisions, Description, ExportError, Failure, Listener, LogsBatch,
    MetricsBatch, Output, ReceivedRequest, Reply, Signal, SpanBatch, TraceBatch,
};

/// Changes, adds, splits, merges or drops the batches that pass.
///
/// The type is its own config: serde reads it from the component's section. Mark fields that are not config
/// with `#[serde(skip)]`.
pub trait Processor: DeserializeOwned {
    /// Describes the plugin. `of_crate` has the name, version and summary of its `Cargo.toml`.
    fn describe(of_crate: Description) -> Description {
        of_crate
    }

    /// Checks what types cannot express, and prepares state for calls. Called once for each config, before
    /// any batch.
    fn configure(&mut self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Called when the config has changed. `new` is already configured; take from `self` the state that must
    /// not be lost. On an error the old config stays.
    fn reconfigure(&mut self, new: Self) -> Result<(), ConfigError> {
        *self = new;
        Ok(())
    }

    /// Processes one batch. Calls do not overlap. If a call failed, it may be repeated with the same spans.
    fn process_spans(&mut self, spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        out.pass(spans);
        Ok(())
    }

    /// Processes one batch. Only called if `describe` names metrics.
    fn process_metrics(&mut self, metrics: MetricsBatch, out: &mut Output) -> Result<(), Failure> {
        out.pass(metrics);
        Ok(())
    }

    /// Processes one batch. Only called if `describe` names logs.
    fn process_logs(&mut self, logs: LogsBatch, out: &mut Output) -> Result<(), Failure> {
        out.pass(logs);
        Ok(())
    }
}

/// Decides which traces go on. A sampler keeps no spans and edits none.
pub trait Sampler: DeserializeOwned {
    /// See [`Processor::describe`].
    fn describe(of_crate: Description) -> Description {
        of_crate
    }

    /// See [`Processor::configure`].
    fn configure(&mut self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// See [`Processor::reconfigure`].
    fn reconfigure(&mut self, new: Self) -> Result<(), ConfigError> {
        *self = new;
        Ok(())
    }

    /// Returns exactly one decision for each trace, in their order. A call may be repeated, and should then
    /// decide the same.
    fn sample(&mut self, traces: &TraceBatch) -> Result<Vec<Decision>, Failure>;

    /// Does the same as `sample`, with reasons. The host calls this function, so a sampler that gives reasons
    /// implements it, and `sample` by it: `Ok(self.sample_with_reasons(traces)?.into())`.
    fn sample_with_reasons(&mut self, traces: &TraceBatch) -> Result<Decisions, Failure> {
        Ok(self.sample(traces)?.into())
    }
}

/// Sends batches to another system. The host does queueing, retries, back-off and time limits.
pub trait Exporter: DeserializeOwned {
    /// See [`Processor::describe`].
    fn describe(of_crate: Description) -> Description {
        of_crate
    }

    /// See [`Processor::configure`].
    fn configure(&mut self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// See [`Processor::reconfigure`].
    fn reconfigure(&mut self, new: Self) -> Result<(), ConfigError> {
        *self = new;
        Ok(())
    }

    /// Sends one batch. After a retryable failure, the host retries the spans that failed, and no others.
    fn export_spans(&mut self, spans: SpanBatch) -> Result<(), ExportError>;

    /// Sends one batch. Only called if `describe` names metrics.
    fn export_metrics(&mut self, _metrics: MetricsBatch) -> Result<(), ExportError> {
        Err(Failure::permanent("metrics are not taken").into())
    }

    /// Sends one batch. Only called if `describe` names logs.
    fn export_logs(&mut self, _logs: LogsBatch) -> Result<(), ExportError> {
        Err(Failure::permanent("logs are not taken").into())
    }
}

/// Takes batches from the end of one pipeline and passes batches to the beginning of others. For example, it
/// makes metrics from spans.
///
/// A batch counts as delivered once the call has returned without an error. The connector may keep the batch,
/// pass it on or drop it. Every batch that it passes on, from any call, is new telemetry.
pub trait Connector: DeserializeOwned {
    /// See [`Processor::describe`]. The signals are those that the connector takes.
    fn describe(of_crate: Description) -> Description {
        of_crate
    }

    /// Returns the signals that the connector passes on. The answer must always be the same.
    fn emits() -> Vec<Signal>;

    /// See [`Processor::configure`].
    fn configure(&mut self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// See [`Processor::reconfigure`].
    fn reconfigure(&mut self, new: Self) -> Result<(), ConfigError> {
        *self = new;
        Ok(())
    }

    /// Consumes one batch. Calls do not overlap. If a call failed, it may be repeated with the same spans.
    /// Only called if `describe` names traces, as it does by default.
    fn consume_spans(&mut self, _spans: SpanBatch, _out: &mut Output) -> Result<(), Failure> {
        Err(Failure::permanent("traces are not taken"))
    }

    /// Consumes one batch. Only called if `describe` names metrics.
    fn consume_metrics(&mut self, _metrics: MetricsBatch, _out: &mut Output) -> Result<(), Failure> {
        Err(Failure::permanent("metrics are not taken"))
    }

    /// Consumes one batch. Only called if `describe` names logs.
    fn consume_logs(&mut self, _logs: LogsBatch, _out: &mut Output) -> Result<(), Failure> {
        Err(Failure::permanent("logs are not taken"))
    }
}

/// Takes requests from a listener of the host, and makes telemetry of them. Or fetches telemetry: then it has no
/// listeners, and implements [`Timer`].
///
/// The host owns the sockets. It reads addresses, TLS, authentication, compression and limits from the component's
/// config, and the plugin is given whole requests.
pub trait Receiver: DeserializeOwned {
    /// See [`Processor::describe`]. The signals do not count.
    fn describe(of_crate: Description) -> Description {
        of_crate
    }

    /// Returns what the host listens to for the plugin. The answer must always be the same.
    fn listens() -> Vec<Listener>;

    /// Returns the signals that the receiver makes. The answer must always be the same.
    fn emits() -> Vec<Signal>;

    /// See [`Processor::configure`]. The config holds no keys of the listeners.
    fn configure(&mut self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// See [`Processor::reconfigure`].
    fn reconfigure(&mut self, new: Self) -> Result<(), ConfigError> {
        *self = new;
        Ok(())
    }

    /// Takes one request. Calls do not overlap. If a call failed, it may be repeated with the same request.
    fn receive(&mut self, request: ReceivedRequest) -> Result<Reply, Failure>;

    /// Takes several requests, and returns one reply for each, in their order. The host calls this function. A
    /// receiver of datagrams implements it to put the telemetry of many into one batch, in the first reply, say.
    fn receive_all(&mut self, requests: Vec<ReceivedRequest>) -> Result<Vec<Reply>, Failure> {
        requests.into_iter().map(|request| self.receive(request)).collect()
    }
}

/// Wakes up at a time that the plugin chose with [`schedule::wake_after`](crate::schedule::wake_after).
pub trait Timer {
    /// Called no earlier than the chosen time, and never during another call.
    fn wake(&mut self, out: &mut Output) -> Result<(), Failure>;
}

/// Sends the remaining items when no batch will follow.
pub trait Flush {
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure>;
}

/// Hands state from an instance to the instance that replaces it.
pub trait Handover {
    /// Returns what the next instance needs. This is the last call of an instance.
    fn save(&mut self) -> Result<Saved, Failure>;

    /// Takes over what the last instance saved. Called after `configure` and before any batch. May refuse
    /// with an error.
    fn restore(&mut self, saved: Saved) -> Result<(), Failure>;
}

/// The state and batches that one instance leaves to the next.
#[derive(Debug, Default)]
pub struct Saved {
    /// The state, in a form that the plugin's next version can read.
    pub state: Vec<u8>,
    /// The batches that the instance still holds.
    pub batches: Vec<Batch>,
}

/// Answers GET requests on a listener of the host. Its address is the key `endpoint` in the component's
/// config. The host compresses the answer for a client that accepts gzip, unless the answer has the header
/// `content-encoding`.
pub trait HttpHandler {
    fn handle(&mut self, request: Incoming) -> Outgoing;
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// The path, like `/metrics`.
    pub path: String,
    /// The text after the `?`, or empty.
    pub query: String,
    /// The names and values.
    pub headers: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub status: u16,
    /// The names and values.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}
