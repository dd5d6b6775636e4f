use super::SpanBatch;
use crate::{Ids, IncomingRates, NumberColumn, Randomness, TextColumn, Threshold, host};

/// The spans of a batch by trace, for samplers. Rows are traces, in the order of their first spans.
///
/// How complete the traces are depends on the place in the pipeline. At the head, a trace has only the spans
/// of one request.
#[derive(Debug)]
pub struct TraceBatch(pub(crate) host::traces::TraceBatch);

impl TraceBatch {
    /// Returns the number of traces.
    pub fn len(&self) -> usize {
        self.0.len() as usize
    }

    /// Returns whether there are no traces.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn ids(&self) -> Ids<16> {
        Ids(self.0.ids())
    }

    pub fn span_counts(&self) -> Vec<u32> {
        self.0.span_counts()
    }

    /// Returns the nanoseconds from the first start to the last end of each trace's spans.
    pub fn durations_nano(&self) -> Vec<u64> {
        self.0.durations_nano()
    }

    /// Returns the start of each trace, in nanoseconds since 1970.
    pub fn start_times_unix_nano(&self) -> Vec<u64> {
        self.0.start_times_unix_nano()
    }

    /// Returns whether any of a trace's spans has the status error.
    pub fn errors(&self) -> Vec<bool> {
        self.0.errors()
    }

    /// Returns the name of each trace's root span. The root is the first span without a parent, else the
    /// first span.
    pub fn root_names(&self) -> TextColumn {
        self.0.root_names()
    }

    /// Returns the text attribute `key` of the traces that have it. The value is that of the root, else that
    /// of the first span that has the attribute.
    pub fn text(&self, key: &str) -> TextColumn {
        self.0.text_column(key)
    }

    /// Returns the number or bool attribute `key` in the same way.
    pub fn numbers(&self, key: &str) -> NumberColumn {
        self.0.number_column(key)
    }

    /// Returns the text attribute `key` of the resource of each trace's root, else of the first span whose
    /// resource has it.
    pub fn resource_texts(&self, key: &str) -> Vec<Option<String>> {
        self.0.resource_texts(key)
    }

    /// Returns the text attribute `key` of the traces whose root has it.
    pub fn root_text(&self, key: &str) -> TextColumn {
        self.0.root_text_column(key)
    }

    /// Returns the number or bool attribute `key` of the traces whose root has it.
    pub fn root_numbers(&self, key: &str) -> NumberColumn {
        self.0.root_number_column(key)
    }

    /// Returns the text attribute `key` of every span that has it. Rows are traces: the values of a trace lie
    /// next to each other, and a trace with several values has several rows. Read the column by `iter`.
    pub fn any_text(&self, key: &str) -> TextColumn {
        self.0.any_text_column(key)
    }

    /// Returns the number or bool attribute `key` of every span that has it, in the same way.
    pub fn any_numbers(&self, key: &str) -> NumberColumn {
        self.0.any_number_column(key)
    }

    /// Returns the different values of the text attribute `key` that the resources of a trace's spans have, in
    /// the same way.
    pub fn any_resource_text(&self, key: &str) -> TextColumn {
        self.0.any_resource_text_column(key)
    }

    /// Returns the service of each trace's root.
    pub fn root_services(&self) -> TextColumn {
        self.0.root_services()
    }

    /// Returns how many different services each trace's spans are of.
    pub fn service_counts(&self) -> Vec<u32> {
        self.0.service_counts()
    }

    /// Returns whether any of a trace's spans has an event with the name `exception`.
    pub fn exceptions(&self) -> Vec<bool> {
        self.0.exceptions()
    }

    /// Returns the length of each trace's spans as uncompressed OTLP, in bytes, without their resources and
    /// scopes.
    pub fn encoded_lens(&self) -> Vec<u64> {
        self.0.encoded_lens()
    }

    /// Returns each trace's randomness: `rv` of the trace state's member `ot`, else the last 56 bits of the trace
    /// id.
    pub fn randomness(&self) -> Vec<Randomness> {
        self.0.randomness().into_iter().map(Randomness::from_bits).collect()
    }

    /// Returns each trace's threshold, `th` of the trace state's member `ot`, or `None` if nobody has said with
    /// what probability the trace was sampled.
    pub fn thresholds(&self) -> Vec<Option<Threshold>> {
        self.0.thresholds().into_iter().map(|bits| bits.and_then(Threshold::from_bits)).collect()
    }

    /// Returns how many traces and spans a second come in at the component, over the last seconds and all
    /// instances. A trace whose spans come in several batches counts with each of them.
    pub fn incoming(&self) -> IncomingRates {
        self.0.incoming()
    }

    /// Returns the trace of each span.
    pub fn traces_of_spans(&self) -> Vec<u32> {
        self.0.traces_of_spans()
    }

    /// Returns the spans for reading. Edits of them have no effect.
    pub fn spans(&self) -> SpanBatch {
        SpanBatch(self.0.spans())
    }
}
