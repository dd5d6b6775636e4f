//! The items that most plugins use.

pub use serde::Deserialize;

pub use crate::flat::{Attributes, FlatSpan};
pub use crate::http::Request;
#[cfg(not(target_family = "wasm"))]
pub use crate::testing;
pub use crate::{
    Answer, Batch, Concurrency, ConfigError, Connector, Decision, Decisions, Description, EditError,
    ExportError, Exporter, Failure, Flush, Framing, Grant, Handover, HttpHandler, Incoming, Listener,
    LogsBatch, MetricsBatch, Number, NumberColumn, Outgoing, Output, Processor, Randomness, ReceivedRequest,
    Receiver, Reply, Route, Sampler, Saved, Signal, SpanBatch, SpanKind, StatusCode, Takes, TextColumn,
    Threshold, Timer, TraceBatch, Value, ValueRef, json,
};
pub use crate::{debug, error, info, trace, warn};
