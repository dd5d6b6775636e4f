//! The columns of a batch of traces, from the host.

use std::cell::OnceCell;

use spanloom_plugin::{
    Number, NumberColumn, SpanBatch, TextColumn, TraceBatch, ValueRef, flat::FlatSpans, wire,
};

use crate::columns::TraceColumns;

pub(crate) struct Host<'a> {
    traces: &'a TraceBatch,
    spans: OnceCell<SpanBatch>,
    /// The spans in the guest's own memory, for what the interface has no column for: flags and lengths.
    decoded: OnceCell<wire::SpanBatch>,
    /// Every field of the spans, for their events.
    flat: OnceCell<FlatSpans>,
}

impl Host<'_> {
    pub(crate) fn new(traces: &TraceBatch) -> Host<'_> {
        Host { traces, spans: OnceCell::new(), decoded: OnceCell::new(), flat: OnceCell::new() }
    }

    fn spans(&self) -> &SpanBatch {
        self.spans.get_or_init(|| self.traces.spans())
    }

    /// Returns no spans if they cannot be decoded. This does not happen: the host has checked the bytes.
    fn decoded(&self) -> &wire::SpanBatch {
        self.decoded.get_or_init(|| self.spans().decode().unwrap_or_default())
    }

    fn flat(&self) -> &FlatSpans {
        self.flat.get_or_init(|| self.spans().flat())
    }

    /// Returns the values of the attribute `key` of the events that have it, with the rows of the events.
    fn event_values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (u32, ValueRef<'a>)> {
        let events = self.flat().spans().flat_map(|span| span.events());
        (0..).zip(events).filter_map(move |(row, event)| {
            let (_, value) = event.attributes().find(|(name, _)| *name == key)?;
            Some((row, value))
        })
    }
}

impl TraceColumns for Host<'_> {
    fn count(&self) -> usize {
        self.traces.len()
    }

    fn ids(&self) -> Vec<[u8; 16]> {
        self.traces.ids().to_vec()
    }

    fn span_counts(&self) -> Vec<u32> {
        self.traces.span_counts()
    }

    fn lengths_bytes(&self) -> Vec<u64> {
        let mut rows = vec![Vec::new(); self.traces.len()];
        for (row, trace) in (0..).zip(self.traces.traces_of_spans()) {
            if let Some(rows) = rows.get_mut(trace as usize) {
                rows.push(row);
            }
        }
        let spans = self.decoded();
        rows.iter().map(|rows| spans.select(rows).encoded_len() as u64).collect()
    }

    fn values(&self, key: &str) -> Vec<String> {
        let mut values = vec![String::new(); self.traces.len()];
        let mut set = |row: u32, value: String| {
            if let Some(place) = values.get_mut(row as usize) {
                *place = value;
            }
        };
        if key == "root.name" {
            self.traces.root_names().iter().for_each(|(row, name)| set(row, name.to_owned()));
        } else if let Some(key) = key.strip_prefix("resource.") {
            let texts = (0..).zip(self.traces.resource_texts(key));
            texts.for_each(|(row, text)| set(row, text.unwrap_or_default()));
        } else {
            self.traces.text(key).iter().for_each(|(row, text)| set(row, text.to_owned()));
            let numbers = self.traces.numbers(key);
            numbers.iter().for_each(|(row, number)| set(row, number.as_f64().to_string()));
        }
        values
    }

    fn traces_of_spans(&self) -> Vec<u32> {
        self.traces.traces_of_spans()
    }

    fn resources_of_spans(&self) -> Vec<u32> {
        self.spans().resources_of_spans()
    }

    fn start_times_unix_nano(&self) -> Vec<u64> {
        self.spans().start_times_unix_nano()
    }

    fn end_times_unix_nano(&self) -> Vec<u64> {
        self.spans().end_times_unix_nano()
    }

    fn status_codes(&self) -> Vec<u8> {
        self.spans().status_numbers()
    }

    fn kinds(&self) -> Vec<u8> {
        self.spans().kind_numbers()
    }

    fn flags(&self) -> Vec<u32> {
        self.decoded().flags().to_vec()
    }

    fn roots(&self) -> Vec<bool> {
        self.spans().parent_span_ids().iter().map(|id| *id == [0; 8]).collect()
    }

    fn names(&self) -> TextColumn {
        self.spans().names()
    }

    fn trace_states(&self) -> TextColumn {
        self.spans().trace_states()
    }

    fn text(&self, key: &str) -> TextColumn {
        self.spans().text(key)
    }

    fn numbers(&self, key: &str) -> NumberColumn {
        self.spans().numbers(key)
    }

    fn resource_text(&self, key: &str) -> TextColumn {
        self.spans().resource_text(key)
    }

    fn resource_numbers(&self, key: &str) -> NumberColumn {
        self.spans().resource_numbers(key)
    }

    fn spans_of_events(&self) -> Vec<u32> {
        let spans = (0..).zip(self.flat().spans());
        spans.flat_map(|(row, span)| std::iter::repeat_n(row, span.events().len())).collect()
    }

    fn event_names(&self) -> TextColumn {
        let events = self.flat().spans().flat_map(|span| span.events());
        (0..).zip(events.map(|event| event.name())).collect()
    }

    fn event_text(&self, key: &str) -> TextColumn {
        let texts = self.event_values(key).filter_map(|(row, value)| match value {
            ValueRef::Text(text) => Some((row, text)),
            _ => None,
        });
        texts.collect()
    }

    fn event_numbers(&self, key: &str) -> NumberColumn {
        let numbers = self.event_values(key).filter_map(|(row, value)| match value {
            ValueRef::Int(value) => Some((row, Number::Int(value))),
            ValueRef::Double(value) => Some((row, Number::Double(value))),
            ValueRef::Bool(value) => Some((row, Number::Bool(value))),
            _ => None,
        });
        numbers.collect()
    }
}
