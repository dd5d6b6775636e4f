use super::message::message;
use crate::encoder::Encoder;

message! {
    /// Writes a `NumberDataPoint`: a point of a gauge or a sum. It has one value, `int` or `double`.
    NumberPointWriter {
        start_time_unix_nano: nonzero64 = 2,
        time_unix_nano: nonzero64 = 3,
        double: present_double = 4,
        int: present_int = 6,
        attributes: attributes = 7,
        /// `DataPointFlags`: 1 if the series has ended, and so the point has no value.
        flags: uint32 = 8,
    }
}

message! {
    /// Writes a `HistogramDataPoint`.
    HistogramPointWriter {
        start_time_unix_nano: nonzero64 = 2,
        time_unix_nano: nonzero64 = 3,
        count: nonzero64 = 4,
        sum: present_double = 5,
        attributes: attributes = 9,
        /// `DataPointFlags`: 1 if the series has ended.
        flags: uint32 = 10,
        min: present_double = 11,
        max: present_double = 12,
    }
}

message! {
    /// Writes an `ExponentialHistogramDataPoint`.
    ExponentialHistogramPointWriter {
        attributes: attributes = 1,
        start_time_unix_nano: nonzero64 = 2,
        time_unix_nano: nonzero64 = 3,
        count: nonzero64 = 4,
        sum: present_double = 5,
        /// The scale of the buckets: their base is 2^(2^-scale).
        scale: sint32 = 6,
        zero_count: nonzero64 = 7,
        /// `DataPointFlags`: 1 if the series has ended.
        flags: uint32 = 10,
        min: present_double = 12,
        max: present_double = 13,
        /// The values up to this one are in the bucket of zeros.
        zero_threshold: double = 14,
    }
}

message! {
    /// Writes a `SummaryDataPoint`.
    SummaryPointWriter {
        start_time_unix_nano: nonzero64 = 2,
        time_unix_nano: nonzero64 = 3,
        count: nonzero64 = 4,
        sum: double = 5,
        attributes: attributes = 7,
        /// `DataPointFlags`: 1 if the series has ended.
        flags: uint32 = 8,
    }
}

message! {
    /// Writes an `Exemplar`: a measured value with its span. It has one value, `int` or `double`.
    ExemplarWriter {
        time_unix_nano: nonzero64 = 2,
        double: present_double = 3,
        span_id: span_id = 4,
        trace_id: trace_id = 5,
        int: present_int = 6,
        attributes: attributes = 7,
    }
}

impl NumberPointWriter<'_> {
    /// Writes an exemplar.
    pub fn exemplar(&mut self, write: impl FnOnce(&mut ExemplarWriter<'_>)) -> &mut Self {
        self.encoder.message(5, |encoder| write(&mut ExemplarWriter::new(encoder)));
        self
    }
}

impl HistogramPointWriter<'_> {
    /// Writes the counts of the buckets, which are not cumulative. There is one more than there are bounds.
    pub fn bucket_counts(&mut self, counts: &[u64]) -> &mut Self {
        self.encoder.packed64(6, counts.iter().copied());
        self
    }

    /// Writes the inclusive upper bounds of the buckets, which ascend.
    pub fn explicit_bounds(&mut self, bounds: &[f64]) -> &mut Self {
        self.encoder.packed64(7, bounds.iter().map(|bound| bound.to_bits()));
        self
    }

    /// Writes an exemplar.
    pub fn exemplar(&mut self, write: impl FnOnce(&mut ExemplarWriter<'_>)) -> &mut Self {
        self.encoder.message(8, |encoder| write(&mut ExemplarWriter::new(encoder)));
        self
    }
}

impl ExponentialHistogramPointWriter<'_> {
    /// Writes the buckets of positive values. Bucket `i` ends at base^(offset + i + 1).
    pub fn positive(&mut self, offset: i32, counts: &[u64]) -> &mut Self {
        self.buckets(8, offset, counts)
    }

    /// Writes the buckets of negative values, by their absolute values.
    pub fn negative(&mut self, offset: i32, counts: &[u64]) -> &mut Self {
        self.buckets(9, offset, counts)
    }

    /// Writes an exemplar.
    pub fn exemplar(&mut self, write: impl FnOnce(&mut ExemplarWriter<'_>)) -> &mut Self {
        self.encoder.message(11, |encoder| write(&mut ExemplarWriter::new(encoder)));
        self
    }

    fn buckets(&mut self, number: u32, offset: i32, counts: &[u64]) -> &mut Self {
        self.encoder.message(number, |encoder| {
            encoder.sint32(1, offset);
            packed_varints(encoder, 2, counts);
        });
        self
    }
}

impl SummaryPointWriter<'_> {
    /// Writes the value at a quantile, which is from 0 to 1.
    pub fn quantile(&mut self, quantile: f64, value: f64) -> &mut Self {
        self.encoder.message(6, |encoder| {
            encoder.double(1, quantile);
            encoder.double(2, value);
        });
        self
    }
}

fn packed_varints(encoder: &mut Encoder, number: u32, values: &[u64]) {
    let list = encoder.open(number);
    values.iter().for_each(|value| encoder.raw_varint(*value));
    encoder.close_unless_empty(list);
}
