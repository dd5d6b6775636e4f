use super::message::message;
use super::value::{IntoValue, ValueWriter};

message! {
    /// Writes a `LogRecord`.
    LogWriter {
        time_unix_nano: nonzero64 = 1,
        /// A `SeverityNumber`, from 1 (trace) to 24 (fatal).
        severity_number: enumeration = 2,
        severity_text: text = 3,
        attributes: attributes = 6,
        dropped_attributes_count: uint32 = 7,
        /// W3C trace flags in the lowest 8 bits.
        flags: flags32 = 8,
        trace_id: trace_id = 9,
        span_id: span_id = 10,
        observed_time_unix_nano: nonzero64 = 11,
        event_name: text = 12,
    }
}

impl LogWriter<'_> {
    /// Writes the body.
    pub fn body(&mut self, value: impl IntoValue) -> &mut Self {
        value.write_into(ValueWriter::field(self.encoder, 5));
        self
    }
}
