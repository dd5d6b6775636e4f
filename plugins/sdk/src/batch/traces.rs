use super::SpanBatch;
use crate::{Ids, NumberColumn, TextColumn, host};

/// Spans by trace, for samplers: rows are traces, in the order in which their first spans lie.
///
/// The traces are as whole as the place in the pipeline makes them: at the head what one request had of them.
#[derive(Debug)]
pub struct TraceBatch(pub(crate) host::traces::TraceBatch);

impl TraceBatch {
    /// How many traces.
    pub fn len(&self) -> usize {
        self.0.len() as usize
    }

    /// No traces.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn ids(&self) -> Ids<16> {
        Ids(self.0.ids())
    }

    pub fn span_counts(&self) -> Vec<u32> {
        self.0.span_counts()
    }

    /// From the first start to the last end of a trace's spans.
    pub fn durations_nano(&self) -> Vec<u64> {
        self.0.durations_nano()
    }

    /// Nanoseconds since 1970.
    pub fn start_times_unix_nano(&self) -> Vec<u64> {
        self.0.start_times_unix_nano()
    }

    /// Whether any of a trace's spans has the status error.
    pub fn errors(&self) -> Vec<bool> {
        self.0.errors()
    }

    /// The name of each trace's root span: the one without a parent, else the first.
    pub fn root_names(&self) -> TextColumn {
        self.0.root_names()
    }

    /// The text attribute `key` of the traces that have it: of the root, else of the first span that has it.
    pub fn text(&self, key: &str) -> TextColumn {
        self.0.text_column(key)
    }

    /// The number or bool attribute `key`, likewise.
    pub fn numbers(&self, key: &str) -> NumberColumn {
        self.0.number_column(key)
    }

    /// The text attribute `key` of the resource of each trace's root, else of the first span whose resource has it.
    pub fn resource_texts(&self, key: &str) -> Vec<Option<String>> {
        self.0.resource_texts(key)
    }

    /// The trace of each span.
    pub fn traces_of_spans(&self) -> Vec<u32> {
        self.0.traces_of_spans()
    }

    /// The spans, to read: edits of them go nowhere.
    pub fn spans(&self) -> SpanBatch {
        SpanBatch(self.0.spans())
    }
}
