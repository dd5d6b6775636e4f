use super::message::message;

message! {
    /// Writes a `Span`.
    SpanWriter {
        trace_id: trace_id = 1,
        span_id: span_id = 2,
        /// The W3C trace state, like `ot=th:8`.
        trace_state: text = 3,
        /// The id of the parent. A root span has none.
        parent_span_id: span_id = 4,
        name: text = 5,
        /// A `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
        kind: enumeration = 6,
        start_time_unix_nano: nonzero64 = 7,
        end_time_unix_nano: nonzero64 = 8,
        attributes: attributes = 9,
        dropped_attributes_count: uint32 = 10,
        dropped_events_count: uint32 = 12,
        dropped_links_count: uint32 = 14,
        /// `SpanFlags`: W3C trace flags in the lowest 8 bits.
        flags: flags32 = 16,
    }
}

impl SpanWriter<'_> {
    /// Writes an event.
    pub fn event(&mut self, write: impl FnOnce(&mut EventWriter<'_>)) -> &mut Self {
        self.encoder.message(11, |encoder| write(&mut EventWriter::new(encoder)));
        self
    }

    /// Writes a link to another span.
    pub fn link(&mut self, write: impl FnOnce(&mut LinkWriter<'_>)) -> &mut Self {
        self.encoder.message(13, |encoder| write(&mut LinkWriter::new(encoder)));
        self
    }

    /// Writes the status. `code` is a `StatusCode`: 0 unset, 1 ok, 2 error.
    pub fn status(&mut self, code: impl Into<i32>, message: &str) -> &mut Self {
        self.encoder.message(15, |encoder| {
            encoder.text(2, message);
            encoder.enumeration(3, code.into());
        });
        self
    }
}

message! {
    /// Writes an `Event`.
    EventWriter {
        time_unix_nano: nonzero64 = 1,
        name: text = 2,
        attributes: attributes = 3,
        dropped_attributes_count: uint32 = 4,
    }
}

message! {
    /// Writes a `Link`.
    LinkWriter {
        trace_id: trace_id = 1,
        span_id: span_id = 2,
        trace_state: text = 3,
        attributes: attributes = 4,
        dropped_attributes_count: uint32 = 5,
        flags: flags32 = 6,
    }
}
