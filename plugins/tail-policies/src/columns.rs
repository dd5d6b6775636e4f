//! What policies read: the columns of one batch of traces, each fetched when a policy first needs it.

mod memo;

use std::cell::OnceCell;

use spanloom_plugin::{NumberColumn, TextColumn};

use memo::Memo;

/// The columns of a batch of traces. Rows of spans are numbered from 0, and so are traces and resources.
pub trait TraceColumns {
    /// Returns the number of traces.
    fn count(&self) -> usize;
    fn ids(&self) -> Vec<[u8; 16]>;
    fn span_counts(&self) -> Vec<u32>;
    /// Returns the length of each trace as an OTLP request, in bytes.
    fn lengths_bytes(&self) -> Vec<u64>;
    /// Returns a value of each trace as a text, empty for those that have none. The key is `root.name`, `resource.KEY` or
    /// an attribute; the value is that of the root, else of the first span that has it.
    fn values(&self, key: &str) -> Vec<String>;
    fn traces_of_spans(&self) -> Vec<u32>;
    fn resources_of_spans(&self) -> Vec<u32>;
    fn start_times_unix_nano(&self) -> Vec<u64>;
    fn end_times_unix_nano(&self) -> Vec<u64>;
    fn status_codes(&self) -> Vec<u8>;
    fn kinds(&self) -> Vec<u8>;
    fn flags(&self) -> Vec<u32>;
    /// Returns whether each span has no parent.
    fn roots(&self) -> Vec<bool>;
    fn names(&self) -> TextColumn;
    fn trace_states(&self) -> TextColumn;
    fn text(&self, key: &str) -> TextColumn;
    fn numbers(&self, key: &str) -> NumberColumn;
    fn resource_text(&self, key: &str) -> TextColumn;
    fn resource_numbers(&self, key: &str) -> NumberColumn;
    /// Returns the span of each event of all spans.
    fn spans_of_events(&self) -> Vec<u32>;
    fn event_names(&self) -> TextColumn;
    fn event_text(&self, key: &str) -> TextColumn;
    fn event_numbers(&self, key: &str) -> NumberColumn;
}

/// The time of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    pub monotonic_nano: u64,
    pub unix_seconds: u64,
}

/// One batch of traces.
pub struct Batch<'a> {
    columns: &'a dyn TraceColumns,
    pub now: Moment,
    /// Tells this batch from those before it.
    pub number: u64,
    ids: OnceCell<Vec<[u8; 16]>>,
    span_counts: OnceCell<Vec<u32>>,
    lengths_bytes: OnceCell<Vec<u64>>,
    values: Memo<Vec<String>>,
    traces_of_spans: OnceCell<Vec<u32>>,
    resources_of_spans: OnceCell<Vec<u32>>,
    start_times: OnceCell<Vec<u64>>,
    end_times: OnceCell<Vec<u64>>,
    status_codes: OnceCell<Vec<u8>>,
    kinds: OnceCell<Vec<u8>>,
    flags: OnceCell<Vec<u32>>,
    roots: OnceCell<Vec<bool>>,
    names: OnceCell<TextColumn>,
    trace_states: OnceCell<TextColumn>,
    texts: Memo<TextColumn>,
    numbers: Memo<NumberColumn>,
    resource_texts: Memo<TextColumn>,
    resource_numbers: Memo<NumberColumn>,
    spans_of_events: OnceCell<Vec<u32>>,
    event_names: OnceCell<TextColumn>,
    event_texts: Memo<TextColumn>,
    event_numbers: Memo<NumberColumn>,
}

/// One trace of a batch.
#[derive(Clone, Copy)]
pub struct Trace<'a> {
    pub batch: &'a Batch<'a>,
    pub row: usize,
}

impl<'a> Batch<'a> {
    pub fn new(columns: &'a dyn TraceColumns, now: Moment, number: u64) -> Batch<'a> {
        Batch {
            columns,
            now,
            number,
            ids: OnceCell::new(),
            span_counts: OnceCell::new(),
            lengths_bytes: OnceCell::new(),
            values: Memo::default(),
            traces_of_spans: OnceCell::new(),
            resources_of_spans: OnceCell::new(),
            start_times: OnceCell::new(),
            end_times: OnceCell::new(),
            status_codes: OnceCell::new(),
            kinds: OnceCell::new(),
            flags: OnceCell::new(),
            roots: OnceCell::new(),
            names: OnceCell::new(),
            trace_states: OnceCell::new(),
            texts: Memo::default(),
            numbers: Memo::default(),
            resource_texts: Memo::default(),
            resource_numbers: Memo::default(),
            spans_of_events: OnceCell::new(),
            event_names: OnceCell::new(),
            event_texts: Memo::default(),
            event_numbers: Memo::default(),
        }
    }

    /// Returns the number of traces.
    pub fn count(&self) -> usize {
        self.columns.count()
    }

    pub fn ids(&self) -> &[[u8; 16]] {
        self.ids.get_or_init(|| self.columns.ids())
    }

    pub fn span_counts(&self) -> &[u32] {
        self.span_counts.get_or_init(|| self.columns.span_counts())
    }

    pub fn lengths_bytes(&self) -> &[u64] {
        self.lengths_bytes.get_or_init(|| self.columns.lengths_bytes())
    }

    pub fn values(&self, key: &str) -> &[String] {
        self.values.get(key, || self.columns.values(key))
    }

    pub fn traces_of_spans(&self) -> &[u32] {
        self.traces_of_spans.get_or_init(|| self.columns.traces_of_spans())
    }

    pub fn resources_of_spans(&self) -> &[u32] {
        self.resources_of_spans.get_or_init(|| self.columns.resources_of_spans())
    }

    pub fn start_times_unix_nano(&self) -> &[u64] {
        self.start_times.get_or_init(|| self.columns.start_times_unix_nano())
    }

    pub fn end_times_unix_nano(&self) -> &[u64] {
        self.end_times.get_or_init(|| self.columns.end_times_unix_nano())
    }

    pub fn status_codes(&self) -> &[u8] {
        self.status_codes.get_or_init(|| self.columns.status_codes())
    }

    pub fn kinds(&self) -> &[u8] {
        self.kinds.get_or_init(|| self.columns.kinds())
    }

    pub fn flags(&self) -> &[u32] {
        self.flags.get_or_init(|| self.columns.flags())
    }

    pub fn roots(&self) -> &[bool] {
        self.roots.get_or_init(|| self.columns.roots())
    }

    pub fn names(&self) -> &TextColumn {
        self.names.get_or_init(|| self.columns.names())
    }

    pub fn trace_states(&self) -> &TextColumn {
        self.trace_states.get_or_init(|| self.columns.trace_states())
    }

    pub fn text(&self, key: &str) -> &TextColumn {
        self.texts.get(key, || self.columns.text(key))
    }

    pub fn numbers(&self, key: &str) -> &NumberColumn {
        self.numbers.get(key, || self.columns.numbers(key))
    }

    pub fn resource_text(&self, key: &str) -> &TextColumn {
        self.resource_texts.get(key, || self.columns.resource_text(key))
    }

    pub fn resource_numbers(&self, key: &str) -> &NumberColumn {
        self.resource_numbers.get(key, || self.columns.resource_numbers(key))
    }

    pub fn spans_of_events(&self) -> &[u32] {
        self.spans_of_events.get_or_init(|| self.columns.spans_of_events())
    }

    pub fn event_names(&self) -> &TextColumn {
        self.event_names.get_or_init(|| self.columns.event_names())
    }

    pub fn event_text(&self, key: &str) -> &TextColumn {
        self.event_texts.get(key, || self.columns.event_text(key))
    }

    pub fn event_numbers(&self, key: &str) -> &NumberColumn {
        self.event_numbers.get(key, || self.columns.event_numbers(key))
    }

    /// Returns which traces have a span for which `holds` answers true.
    pub fn any_span(&self, holds: impl Iterator<Item = bool>) -> Vec<bool> {
        let mut found = vec![false; self.count()];
        for (trace, _) in self.traces_of_spans().iter().zip(holds).filter(|(_, holds)| *holds) {
            mark(&mut found, *trace);
        }
        found
    }
}

/// Sets the entry of `row`.
pub fn mark(found: &mut [bool], row: u32) {
    if let Some(found) = found.get_mut(row as usize) {
        *found = true;
    }
}
