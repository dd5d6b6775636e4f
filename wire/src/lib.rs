//! OTLP batches that keep the bytes they arrived in.
//!
//! A batch keeps the encoded requests it was made from. Each request is [checked](check::check) once. Merging
//! lists the requests one after another, because two concatenated requests are a valid third. Bytes that
//! nobody edits leave as they arrived. The crate does no I/O, no async, and decodes nothing into objects.
//!
//! Every operation takes at most linear time in its bytes and rows, whatever the bytes contain. Nesting is
//! bounded, and each length is known before it is written. A batch that is edited row by row is compacted
//! only once its dead bytes are as many as its live ones.
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
mod encoder;
mod envelope;
mod error;
mod example;
mod fields;
mod fit;
#[cfg(feature = "json")]
pub mod json;
mod layout;
mod message;
pub mod metrics;
mod patch;
mod request;
mod requests;
mod rewrite;
pub mod schema;
mod signal;
mod span_batch;
mod store;
mod trace_state;
mod uniform;
mod value;
mod varint;
mod view;
pub mod writer;

pub use batch::{Batch, LogsBatch, MetricsBatch, SignalMismatch};
pub use check::{Mended, Summary, check, mend};
pub use column::{ColumnError, NumberColumn, NumberKind, TextColumn};
pub use envelope::{Resource, Scope};
pub use error::{EditError, WireError, WireErrorKind};
pub use example::Example;
pub use fit::{Fitted, Limits, Unfit, Window};
pub use message::MessageView;
pub use signal::Signal;
pub use span_batch::{Event, Frame, Frames, Link, Span, SpanBatch, Traces};
#[cfg(feature = "json")]
pub use span_batch::{FlatAttributes, FlatEvents, FlatLinks, FlatResources, FlatScopes, FlatSpans};
pub use trace_state::{Randomness, Threshold, TraceState};
pub use value::{Array, KvList, Value};
pub use writer::RequestWriter;
