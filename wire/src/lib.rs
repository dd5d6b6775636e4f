//! OTLP batches over the bytes they arrived in.
//!
//! A batch keeps the encoded requests it was made from. They are [checked](check::check) once, merged by
//! listing them one after another (two requests concatenate into a valid third), and leave as they came
//! unless someone edits them. No I/O, no async, no decoding into objects.
//!
//! Nothing here takes more than linear time in the bytes and rows it is given, however
//! the bytes are made: nesting is bounded, each length is known before it is written, and a batch edited row by
//! row clears what it left behind only when that is as much as what lives.
//!
//! ```
//! use spanloom_wire::{SpanBatch, Value};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let received = vec![0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x2a, 0x00];
//! let mut batch = SpanBatch::decode(received.into())?;
//! let durations = batch.durations_nano();
//! batch.retain(|row| durations.get(row).is_some_and(|duration_ns| *duration_ns < 1_000_000));
//! batch.set(0, "team", &Value::Str("payments"))?;
//! assert_eq!(batch.text("team").iter().next(), Some((0, "payments")));
//! let to_send = batch.chunks();
//! # assert_eq!(to_send.concat().len(), batch.encoded_len());
//! # Ok(())
//! # }
//! ```

mod batch;
mod check;
mod column;
mod encode;
mod envelope;
mod error;
mod example;
mod fields;
#[cfg(feature = "json")]
pub mod json;
mod layout;
pub mod metrics;
mod patch;
mod request;
mod rewrite;
pub mod schema;
mod signal;
mod span_batch;
mod store;
mod uniform;
mod value;
mod varint;
mod view;

pub use batch::{Batch, LogsBatch, MetricsBatch, SignalMismatch};
pub use check::{Mended, Summary, check, mend};
pub use column::{ColumnError, NumberColumn, NumberKind, TextColumn};
pub use envelope::{Resource, Scope};
pub use error::{EditError, WireError, WireErrorKind};
pub use example::Example;
pub use signal::Signal;
pub use span_batch::{Event, Link, Span, SpanBatch, Traces};
#[cfg(feature = "json")]
pub use span_batch::{FlatAttributes, FlatEvents, FlatLinks, FlatResources, FlatScopes, FlatSpans};
pub use value::{Array, KvList, Value};
