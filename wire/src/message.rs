//! Reads every field of a request, one by one, for people who look at it.

use smallvec::smallvec;

use crate::Value;
use crate::fields::{Field, Fields};
use crate::schema::LEN;
use crate::value::{Parts, attributes, text};
use crate::varint;

/// A message of a checked request. Its fields are read by the numbers that OTLP's `.proto` files give them.
///
/// Nothing is kept: each call walks over the fields of the message. A field that does not occur has the value
/// that proto3 gives it.
#[derive(Clone, Debug, Default)]
pub struct MessageView<'a>(Parts<'a>);

impl<'a> MessageView<'a> {
    /// Reads the bytes of one request.
    pub fn of(request: &'a [u8]) -> MessageView<'a> {
        MessageView(smallvec![request])
    }

    pub fn has(&self, number: u32) -> bool {
        self.last(number).is_some()
    }

    /// Returns the one of these numbers whose field occurs last, which is the member of a oneof that counts.
    pub fn last_of(&self, numbers: &[u32]) -> Option<u32> {
        self.fields().map(|field| field.number).filter(|number| numbers.contains(number)).last()
    }

    /// Returns a `string`.
    pub fn text(&self, number: u32) -> &'a str {
        text(self.bytes(number))
    }

    /// Returns `bytes`.
    pub fn bytes(&self, number: u32) -> &'a [u8] {
        self.last(number).map_or(&[], |field| field.value)
    }

    /// Returns a number of a type that is encoded as a varint: `uint32`, `uint64`, `bool`.
    pub fn varint(&self, number: u32) -> u64 {
        self.last(number).map_or(0, |field| field.varint())
    }

    /// Returns an `int32` or an enum, cut to its width as protobuf says.
    pub fn int32(&self, number: u32) -> i32 {
        (self.varint(number) as u32).cast_signed()
    }

    /// Returns a `sint32`.
    pub fn sint32(&self, number: u32) -> i32 {
        let bits = self.varint(number) as u32;
        (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
    }

    /// Returns a `fixed32`.
    pub fn fixed32(&self, number: u32) -> u32 {
        self.last(number).map_or(0, |field| field.fixed32())
    }

    /// Returns a `fixed64`.
    pub fn fixed64(&self, number: u32) -> u64 {
        self.last(number).map_or(0, |field| field.fixed64())
    }

    /// Returns a `double`, or `None` if the field does not occur.
    pub fn double(&self, number: u32) -> Option<f64> {
        self.last(number).map(|field| f64::from_bits(field.fixed64()))
    }

    /// Iterates over a repeated `fixed64` or `double`, by the bits.
    pub fn fixed64s(&self, number: u32) -> impl Iterator<Item = u64> + use<'a> {
        let bits =
            |field: Field<'a>| field.value.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        self.all(number).flat_map(bits)
    }

    /// Iterates over a repeated `uint64`.
    pub fn varints(&self, number: u32) -> impl Iterator<Item = u64> + use<'a> {
        self.all(number).flat_map(|field| {
            let mut rest = field.value;
            std::iter::from_fn(move || {
                let (value, after) = varint::read(rest)?;
                rest = after;
                Some(value)
            })
        })
    }

    /// Iterates over a repeated `string`.
    pub fn texts(&self, number: u32) -> impl Iterator<Item = &'a str> + use<'a> {
        self.all(number).map(|field| text(field.value))
    }

    /// Returns a message, whose occurrences are merged. It is empty if there is none.
    pub fn message(&self, number: u32) -> MessageView<'a> {
        MessageView(self.parts(number))
    }

    /// Iterates over a repeated message.
    pub fn messages(&self, number: u32) -> impl Iterator<Item = MessageView<'a>> + use<'a> {
        self.all(number).map(|field| MessageView(smallvec![field.value]))
    }

    /// Returns an `AnyValue`.
    pub fn value(&self, number: u32) -> Value<'a> {
        Value::read(&self.parts(number))
    }

    /// Iterates over the keys and values of a repeated `KeyValue`, in the order of the bytes. The number must be
    /// below 16. A key may occur twice.
    pub fn attributes(&self, number: u32) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.0.clone().into_iter().flat_map(move |part| attributes(part, number))
    }

    fn parts(&self, number: u32) -> Parts<'a> {
        self.all(number).filter(|field| field.wire_type == LEN).map(|field| field.value).collect()
    }

    fn last(&self, number: u32) -> Option<Field<'a>> {
        self.all(number).last()
    }

    fn all(&self, number: u32) -> impl Iterator<Item = Field<'a>> + use<'a> {
        self.fields().filter(move |field| field.number == number)
    }

    fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        self.0.clone().into_iter().flat_map(Fields::of)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        common::v1::{AnyValue, KeyValue, any_value::Value as Any},
        metrics::v1::{
            ExponentialHistogramDataPoint, HistogramDataPoint, exponential_histogram_data_point::Buckets,
        },
    };
    use prost::Message as _;

    use super::*;

    /// Scenario: messages with fields of every kind are read by number.
    /// Guarantees: each field has the value that was encoded, and an absent one the default.
    #[test]
    fn every_kind_of_field_is_read_by_its_number() {
        let attribute = KeyValue {
            key: "k".to_owned(),
            value: Some(AnyValue { value: Some(Any::IntValue(-7)) }),
            ..KeyValue::default()
        };
        let histogram = HistogramDataPoint {
            attributes: vec![attribute],
            time_unix_nano: 5,
            sum: Some(0.0),
            bucket_counts: vec![1, 2],
            explicit_bounds: vec![0.5],
            flags: 1,
            ..HistogramDataPoint::default()
        };
        let bytes = histogram.encode_to_vec();
        let view = MessageView::of(&bytes);
        assert_eq!((view.fixed64(3), view.fixed64(2), view.varint(10)), (5, 0, 1));
        assert_eq!((view.double(5), view.double(11)), (Some(0.0), None));
        assert_eq!(view.fixed64s(6).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(view.fixed64s(7).map(f64::from_bits).collect::<Vec<_>>(), [0.5]);
        assert_eq!(view.attributes(9).collect::<Vec<_>>(), [("k", Value::Int(-7))]);
        let exponential = ExponentialHistogramDataPoint {
            scale: -3,
            positive: Some(Buckets { offset: -2, bucket_counts: vec![300, 0, 1] }),
            ..ExponentialHistogramDataPoint::default()
        };
        let bytes = exponential.encode_to_vec();
        let view = MessageView::of(&bytes);
        let (positive, negative) = (view.message(8), view.message(9));
        assert_eq!((view.sint32(6), positive.sint32(1), negative.sint32(1)), (-3, -2, 0));
        assert_eq!(positive.varints(2).collect::<Vec<_>>(), [300, 0, 1]);
        assert_eq!((view.last_of(&[9, 8, 6]), view.last_of(&[9])), (Some(8), None));
    }

    /// Scenario: a message lies in two occurrences of its field.
    /// Guarantees: they are one message, in which the last text counts and lists are joined.
    #[test]
    fn occurrences_of_a_message_are_one() {
        // Field 1 twice: {2: "a", 3: "x"} and {2: "b", 3: "y"}.
        let bytes = b"\x0a\x06\x12\x01a\x1a\x01x\x0a\x06\x12\x01b\x1a\x01y";
        let merged = MessageView::of(bytes).message(1);
        assert_eq!((merged.text(2), merged.texts(3).collect::<Vec<_>>()), ("b", vec!["x", "y"]));
        assert_eq!(MessageView::of(bytes).messages(1).count(), 2);
    }
}
