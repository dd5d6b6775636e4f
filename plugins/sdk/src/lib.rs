//! Write plugins in Rust for Spanloom, the OpenTelemetry collector.
//!
//! A plugin is a type that serde reads from the component's config, a trait for its role, and a macro:
//!
//! ```
//! use spanloom_plugin::prelude::*;
//!
//! /// Names the team that a span belongs to.
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Team {
//!     name: String,
//! }
//!
//! impl Processor for Team {
//!     fn process_spans(&mut self, mut spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
//!         let all = (0..spans.len() as u32).map(|row| (row, &self.name)).collect();
//!         spans.set_text("team", &all)?;
//!         out.pass(spans);
//!         Ok(())
//!     }
//! }
//!
//! spanloom_plugin::processor!(Team);
//!
//! // The same code runs natively, over the same batches as in the host:
//! let mut team = testing::Processor::<Team>::new(r#"{"name": "payments"}"#).unwrap();
//! let passed = team.process(testing::spans("shop").span("GET /")).unwrap();
//! assert_eq!(passed[0].text("team").get(0), Some("payments"));
//! ```
//!
//! Built for `wasm32-unknown-unknown` (`spanloom plugin build`), it is a component of a few tens of kilobytes.

// Generated code, including that in the author's crate, names the runtime by this path.
#[cfg(target_family = "wasm")]
extern crate self as spanloom_plugin;

mod batch;
#[doc(hidden)]
pub mod bindings;
pub mod clock;
mod column;
mod config;
mod decision;
mod description;
mod duration;
mod failure;
pub mod flat;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod guest;
pub mod hex;
mod host;
pub mod http;
pub mod json;
pub mod log;
mod macros;
pub mod metrics;
#[cfg(not(target_family = "wasm"))]
mod native;
pub mod prelude;
mod receiving;
mod role;
pub mod schedule;
pub mod store;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod value;

pub use batch::{Batch, LogsBatch, MetricsBatch, Output, SpanBatch, TraceBatch};
pub use bindings::spanloom::plugin::spans::{
    Attribute, Event, Link, Span, SpanKind, SpanResource, SpanScope, Status, StatusCode,
};
pub use bindings::spanloom::plugin::traces::IncomingRates;
pub use column::{Ids, Number, NumberColumn, TextColumn};
pub use decision::{Decision, Decisions};
pub use description::{Concurrency, Description, Grant, Signal};
pub use duration::{Duration, NotADuration};
pub use failure::{ConfigError, EditError, ExportError, Failure};
pub use receiving::{Answer, Framing, Head, Listener, ReceivedRequest, Reply, Route, Takes};
pub use role::{
    Connector, Exporter, Flush, Handover, HttpHandler, Incoming, Outgoing, Processor, Receiver, Sampler,
    Saved, Timer,
};
pub use value::{Value, ValueRef};
pub use wire::{Randomness, Threshold, TraceState};
pub use {serde, serde_json, wire};

/// Items that the macros expand to.
#[doc(hidden)]
pub mod __private {
    pub use wit_bindgen::rt;

    #[cfg(target_family = "wasm")]
    pub use crate::{bindings::exports, guest};
}
