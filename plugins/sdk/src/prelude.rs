//! The items that most plugins use.

pub use serde::Deserialize;

pub use crate::flat::{Attributes, FlatSpan};
pub use crate::http::Request;
#[cfg(not(target_family = "wasm"))]
pub use crate::testing;
pub use crate::{
    Batch, Concurrency, ConfigError, Connector, Decision, Decisions, Description, EditError, ExportError,
    Exporter, Failure, Flush, Grant, Handover, HttpHandler, Incoming, LogsBatch, MetricsBatch, Number,
    NumberColumn, Outgoing, Output, Processor, Randomness, Sampler, Saved, Signal, SpanBatch, SpanKind,
    StatusCode, TextColumn, Threshold, Timer, TraceBatch, Value, ValueRef, json,
};
pub use crate::{debug, error, info, trace, warn};
