//! OTLP batches over the bytes they arrived in.
//!
//! A batch keeps the encoded requests it was made from. They are [checked](check::check) once, merged by
//! listing them one after another (two requests concatenate into a valid third), and leave as they came
//! unless someone edits them. No I/O, no async, no decoding into objects.

mod batch;
mod check;
mod column;
mod encode;
mod error;
mod fields;
#[cfg(feature = "json")]
pub mod json;
mod layout;
mod patch;
mod rewrite;
pub mod schema;
mod signal;
mod span_batch;
mod store;
mod value;
mod varint;
mod view;

pub use batch::{Batch, LogsBatch, MetricsBatch, SignalMismatch};
pub use check::{Summary, check};
pub use column::{ColumnError, NumberColumn, NumberKind, TextColumn};
pub use error::{EditError, WireError, WireErrorKind};
pub use signal::Signal;
pub use span_batch::{Event, Link, Resource, Scope, Span, SpanBatch, Traces};
pub use value::{Array, KvList, Value};
