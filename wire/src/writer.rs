//! Writes the bytes of OTLP export requests, without objects in between.
//!
//! A [`RequestWriter`] is made for one signal. It opens a resource, then a scope, then takes the records of that
//! scope, and so on: [`resource`](RequestWriter::resource), [`scope`](ResourceEnvelope::scope), and
//! [`span`](ScopeEnvelope::span), [`log`](ScopeEnvelope::log) or [`metric`](ScopeEnvelope::metric). What was
//! opened before ends by itself.
//!
//! ```
//! use spanloom_wire::writer::{RequestWriter, array};
//! use spanloom_wire::{Batch, Signal};
//!
//! let mut request = RequestWriter::traces();
//! let mut resource = request.resource(|resource| {
//!     resource.attribute("service.name", "shop");
//! });
//! let mut scope = resource.scope(|scope| {
//!     scope.name("checkout").version("1.2.0");
//! });
//! scope.span(|span| {
//!     span.trace_id([1; 16]).span_id([2; 8]).name("GET /").kind(2);
//!     span.start_time_unix_nano(1_000).end_time_unix_nano(2_000);
//!     span.attribute("http.response.status_code", 200);
//!     span.attribute("tags", array(|tags| {
//!         tags.push("new").push("paid");
//!     }));
//!     span.event(|event| {
//!         event.time_unix_nano(1_500).name("retry");
//!     });
//! });
//! assert_eq!(request.items(), 1);
//!
//! let batch = Batch::decode(Signal::Traces, request.finish().into())?;
//! assert_eq!(batch.items(), 1);
//! # Ok::<(), spanloom_wire::WireError>(())
//! ```
//!
//! # Contract
//!
//! - **Whatever is called, the request is well-formed:** [`check`](crate::check) accepts it, and counts
//!   [`items`](RequestWriter::items) items, as long as it is smaller than 4 GiB. The types rule out an id of a
//!   wrong length, a text that is not UTF-8, a record of another signal, and a metric with two kinds of data. A
//!   list that nests deeper than a request may becomes an empty value.
//! - **A setter is called once at most for each message.** Zeros and empty texts are not written, since absent and
//!   zero mean the same. So a second call with a zero changes nothing; any other second call counts.
//! - **Fields are written in the order of the calls.** In the order of their numbers, the bytes are those that
//!   protobuf's generated encoders write.
//! - **The cost is that of the bytes.** Nothing is allocated for a message. [`finish`](RequestWriter::finish) copies
//!   the bytes once, to put the lengths of messages of 128 bytes or more between them.
//!
//! ```compile_fail
//! # use spanloom_wire::RequestWriter;
//! // A metrics request takes no spans.
//! RequestWriter::metrics().scope(|_| ()).span(|_| ());
//! ```
//!
//! ```compile_fail
//! # use spanloom_wire::RequestWriter;
//! let mut request = RequestWriter::metrics();
//! let (mut resource, mut other) = (request.resource(|_| ()), request.resource(|_| ()));
//! // The first resource ended when the second was opened.
//! resource.scope(|_| ());
//! ```

mod common;
mod log;
mod message;
mod metric;
mod point;
mod span;
mod value;

use std::fmt;
use std::marker::PhantomData;

use smallvec::SmallVec;

use crate::Signal;
use crate::encoder::{Encoder, Open};

pub use common::{EntityRefWriter, ResourceWriter, ScopeWriter};
pub use log::LogWriter;
pub use metric::{
    AggregationTemporality, ExponentialHistogramPoints, HistogramPoints, MetricWriter, NumberPoints,
    SummaryPoints,
};
pub use point::{
    ExemplarWriter, ExponentialHistogramPointWriter, HistogramPointWriter, NumberPointWriter,
    SummaryPointWriter,
};
pub use span::{EventWriter, LinkWriter, SpanWriter};
pub use value::{AttributesWriter, IntoValue, ValueWriter, ValuesWriter, array, map};

/// A signal as a type: [`Traces`], [`Metrics`] or [`Logs`].
pub trait OfSignal: sealed::Sealed {
    const SIGNAL: Signal;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! signal {
    ($name:ident) => {
        #[doc = concat!("[`Signal::", stringify!($name), "`] as a type.")]
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl sealed::Sealed for $name {}

        impl OfSignal for $name {
            const SIGNAL: Signal = Signal::$name;
        }
    };
}

signal!(Traces);
signal!(Metrics);
signal!(Logs);

/// Writes one export request of signal `S`. The [module](crate::writer) has the contract and an example.
pub struct RequestWriter<S> {
    body: Body,
    signal: PhantomData<S>,
}

/// A `ResourceSpans`, `ResourceMetrics` or `ResourceLogs`, which takes scopes.
#[derive(Debug)]
pub struct ResourceEnvelope<'w, S> {
    body: &'w mut Body,
    signal: PhantomData<S>,
}

/// A `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`, which takes records.
#[derive(Debug)]
pub struct ScopeEnvelope<'w, S> {
    body: &'w mut Body,
    signal: PhantomData<S>,
}

/// What is written so far, and the messages down to the records that are open.
#[derive(Default)]
struct Body {
    encoder: Encoder,
    /// From the outside in: the envelope of a resource, that of a scope, a metric, its data.
    open: SmallVec<[(Open, Tail); 4]>,
    items: usize,
}

/// The fields that come after the points of a metric's data. All zero, there are none.
#[derive(Clone, Copy, Default)]
struct Tail {
    aggregation_temporality: i32,
    is_monotonic: bool,
}

/// How many messages are open around the resources, scopes and records of a request, and the data of a metric.
const IN_REQUEST: usize = 0;
const IN_RESOURCE: usize = 1;
const IN_SCOPE: usize = 2;
const IN_METRIC: usize = 3;

/// The fields of the request and of each envelope.
const ENVELOPES: u32 = 1;
const COMMON: u32 = 1;
const CONTENTS: u32 = 2;
const SCHEMA_URL: u32 = 3;

impl RequestWriter<Traces> {
    /// Begins an `ExportTraceServiceRequest`.
    pub fn traces() -> RequestWriter<Traces> {
        RequestWriter::default()
    }
}

impl RequestWriter<Metrics> {
    /// Begins an `ExportMetricsServiceRequest`.
    pub fn metrics() -> RequestWriter<Metrics> {
        RequestWriter::default()
    }
}

impl RequestWriter<Logs> {
    /// Begins an `ExportLogsServiceRequest`.
    pub fn logs() -> RequestWriter<Logs> {
        RequestWriter::default()
    }
}

impl<S: OfSignal> RequestWriter<S> {
    /// Opens the envelope of a resource. If `write` writes nothing, the envelope has no resource.
    pub fn resource(&mut self, write: impl FnOnce(&mut ResourceWriter<'_>)) -> ResourceEnvelope<'_, S> {
        let body = &mut self.body;
        body.open(IN_REQUEST, ENVELOPES, Tail::default());
        let resource = body.encoder.open(COMMON);
        write(&mut ResourceWriter::new(&mut body.encoder));
        body.encoder.close_unless_empty(resource);
        ResourceEnvelope { body, signal: PhantomData }
    }

    /// Opens the envelope of a scope without a resource.
    pub fn scope(&mut self, write: impl FnOnce(&mut ScopeWriter<'_>)) -> ScopeEnvelope<'_, S> {
        let body = &mut self.body;
        body.open(IN_REQUEST, ENVELOPES, Tail::default());
        body.scope(write);
        ScopeEnvelope { body, signal: PhantomData }
    }

    /// Returns how many spans, data points or log records have been written.
    pub fn items(&self) -> usize {
        self.body.items
    }

    /// Returns how many bytes have been written. The finished request is at most 20 bytes longer.
    pub fn len_bytes(&self) -> usize {
        self.body.encoder.len()
    }

    /// Ends the request and returns its bytes, in a buffer of exactly their length.
    pub fn finish(mut self) -> Vec<u8> {
        self.body.close_to(IN_REQUEST);
        self.body.encoder.finish()
    }
}

impl<S> Default for RequestWriter<S> {
    fn default() -> RequestWriter<S> {
        RequestWriter { body: Body::default(), signal: PhantomData }
    }
}

impl<S: OfSignal> fmt::Debug for RequestWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestWriter").field("signal", &S::SIGNAL).field("body", &self.body).finish()
    }
}

impl<S> ResourceEnvelope<'_, S> {
    /// Opens the envelope of a scope. If `write` writes nothing, the envelope has no scope.
    pub fn scope(&mut self, write: impl FnOnce(&mut ScopeWriter<'_>)) -> ScopeEnvelope<'_, S> {
        self.body.scope(write);
        ScopeEnvelope { body: self.body, signal: PhantomData }
    }

    /// Writes the URL of the schema that the resource follows. Its scopes have their own.
    pub fn schema_url(&mut self, url: &str) {
        self.body.schema_url(IN_RESOURCE, url);
    }
}

impl<S> ScopeEnvelope<'_, S> {
    /// Writes the URL of the schema that the scope and its records follow.
    pub fn schema_url(&mut self, url: &str) {
        self.body.schema_url(IN_SCOPE, url);
    }
}

impl ScopeEnvelope<'_, Traces> {
    /// Writes a span.
    pub fn span(&mut self, write: impl FnOnce(&mut SpanWriter<'_>)) {
        self.body.item(IN_SCOPE, CONTENTS, |encoder| write(&mut SpanWriter::new(encoder)));
    }
}

impl ScopeEnvelope<'_, Logs> {
    /// Writes a log record.
    pub fn log(&mut self, write: impl FnOnce(&mut LogWriter<'_>)) {
        self.body.item(IN_SCOPE, CONTENTS, |encoder| write(&mut LogWriter::new(encoder)));
    }
}

impl ScopeEnvelope<'_, Metrics> {
    /// Opens a metric. `unit` is in UCUM notation. A metric without data has no points.
    pub fn metric(&mut self, name: &str, description: &str, unit: &str) -> MetricWriter<'_> {
        let body = &mut *self.body;
        body.open(IN_SCOPE, CONTENTS, Tail::default());
        MetricWriter::new(body, name, description, unit)
    }
}

impl Body {
    /// Begins a message in the message that `depth` messages are open around. What is open in it ends.
    fn open(&mut self, depth: usize, number: u32, tail: Tail) {
        self.close_to(depth);
        let open = self.encoder.open(number);
        self.open.push((open, tail));
    }

    /// Ends the innermost messages, so that `depth` stay open.
    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            let Some((open, tail)) = self.open.pop() else { return };
            tail.write(&mut self.encoder);
            self.encoder.close(open);
        }
    }

    fn scope(&mut self, write: impl FnOnce(&mut ScopeWriter<'_>)) {
        self.open(IN_RESOURCE, CONTENTS, Tail::default());
        let scope = self.encoder.open(COMMON);
        write(&mut ScopeWriter::new(&mut self.encoder));
        self.encoder.close_unless_empty(scope);
    }

    /// Writes an item into the message that `depth` messages are open around.
    fn item(&mut self, depth: usize, number: u32, write: impl FnOnce(&mut Encoder)) {
        self.close_to(depth);
        self.items += 1;
        self.encoder.message(number, write);
    }

    fn schema_url(&mut self, depth: usize, url: &str) {
        self.close_to(depth);
        self.encoder.text(SCHEMA_URL, url);
    }
}

impl Tail {
    const AGGREGATION_TEMPORALITY: u32 = 2;
    const IS_MONOTONIC: u32 = 3;

    fn write(self, encoder: &mut Encoder) {
        encoder.enumeration(Tail::AGGREGATION_TEMPORALITY, self.aggregation_temporality);
        encoder.uint32(Tail::IS_MONOTONIC, u32::from(self.is_monotonic));
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("items", &self.items)
            .field("len_bytes", &self.encoder.len())
            .finish_non_exhaustive()
    }
}
