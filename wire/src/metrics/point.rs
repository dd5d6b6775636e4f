//! The data points of metrics. Field numbers are those of `metrics/v1/metrics.proto`. Times are nanoseconds
//! since 1970 UTC.

use std::ops::Range;

use smallvec::SmallVec;

use super::{Exemplars, Number};
use crate::Value;
use crate::fields::{Field, Fields, split_delimited, split_fixed64};
use crate::value::{Parts, attributes};
use crate::varint;

/// A data point of a gauge or a sum.
#[derive(Clone, Copy)]
pub struct NumberDataPoint<'a> {
    pub start_time_unix_nano: u64,
    pub time_unix_nano: u64,
    /// `DataPointFlags`
    pub flags: u32,
    pub value: Option<Number>,
    pub attributes: Attributes<'a>,
    pub exemplars: Exemplars<'a>,
}

#[derive(Clone)]
pub struct HistogramDataPoint<'a> {
    pub start_time_unix_nano: u64,
    pub time_unix_nano: u64,
    /// `DataPointFlags`
    pub flags: u32,
    pub count: u64,
    pub sum: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub attributes: Attributes<'a>,
    pub exemplars: Exemplars<'a>,
    bucket_counts: Parts<'a>,
    explicit_bounds: Parts<'a>,
}

#[derive(Clone)]
pub struct ExponentialHistogramDataPoint<'a> {
    pub start_time_unix_nano: u64,
    pub time_unix_nano: u64,
    /// `DataPointFlags`
    pub flags: u32,
    pub count: u64,
    pub sum: Option<f64>,
    /// The scale of the buckets: their base is 2^(2^-scale).
    pub scale: i32,
    pub zero_count: u64,
    pub zero_threshold: f64,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub positive: Option<Buckets<'a>>,
    pub negative: Option<Buckets<'a>>,
    pub attributes: Attributes<'a>,
    pub exemplars: Exemplars<'a>,
}

#[derive(Clone, Copy)]
pub struct SummaryDataPoint<'a> {
    pub start_time_unix_nano: u64,
    pub time_unix_nano: u64,
    /// `DataPointFlags`
    pub flags: u32,
    pub count: u64,
    pub sum: f64,
    pub attributes: Attributes<'a>,
    bytes: &'a [u8],
}

/// The buckets of the positive or of the negative values.
#[derive(Clone)]
pub struct Buckets<'a>(Parts<'a>);

/// The attributes of one data point or exemplar.
#[derive(Clone, Copy)]
pub struct Attributes<'a> {
    message: &'a [u8],
    number: u32,
    /// The offset of the first attribute; `end` is where the last one ends.
    start: usize,
    end: usize,
    /// The total length of all attributes.
    len: usize,
}

/// The type of the data points of a metric.
pub(super) trait Point<'a> {
    fn of(bytes: &'a [u8]) -> Self;
}

const START_TIME_UNIX_NANO: u32 = 2;
const TIME_UNIX_NANO: u32 = 3;
/// The field numbers of all types but `NumberDataPoint`.
const COUNT: u32 = 4;
const SUM: u32 = 5;

impl<'a> Attributes<'a> {
    pub(super) fn new(message: &'a [u8], number: u32) -> Attributes<'a> {
        Attributes { message, number, start: 0, end: 0, len: 0 }
    }

    /// Returns the next field that is not an attribute.
    #[inline(always)]
    fn next_other(&mut self, fields: &mut Fields<'a>) -> Option<Field<'a>> {
        loop {
            self.add(fields.run(self.number));
            let field = fields.next()?;
            if field.number != self.number {
                return Some(field);
            }
            self.add(field.start..field.end);
        }
    }

    #[inline(always)]
    fn add(&mut self, place: Range<usize>) {
        if place.is_empty() {
            return;
        }
        if self.len == 0 {
            self.start = place.start;
        }
        self.end = place.end;
        self.len += place.len();
    }

    /// Iterates over keys and values in the order of the bytes. A key may occur twice.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        attributes(self.message, self.number)
    }

    /// Returns all attributes encoded, with their tags, if they are contiguous. Every known sender writes
    /// them so.
    #[inline]
    pub fn encoded(&self) -> Option<&'a [u8]> {
        self.message.get(self.start..self.end).filter(|encoded| encoded.len() == self.len)
    }
}

impl<'a> Point<'a> for NumberDataPoint<'a> {
    #[inline(always)]
    fn of(bytes: &'a [u8]) -> NumberDataPoint<'a> {
        NumberDataPoint::in_order(bytes).unwrap_or_else(|| NumberDataPoint::in_any_order(bytes))
    }
}

impl<'a> NumberDataPoint<'a> {
    /// Reads a data point whose fields are ordered by number, occur once, and are only times, a value and
    /// attributes. Nearly every sender writes it so. In a guest, this takes half the time of `in_any_order`.
    #[inline(always)]
    fn in_order(bytes: &'a [u8]) -> Option<NumberDataPoint<'a>> {
        let (start_time_unix_nano, rest) = split_fixed64(bytes, START_TIME_UNIX_NANO);
        let (time_unix_nano, rest) = split_fixed64(rest, TIME_UNIX_NANO);
        let (double, rest) = split_fixed64(rest, 4);
        let (int, rest) = split_fixed64(rest, 6);
        let value = match (double, int) {
            (Some(double), None) => Some(Number::Double(f64::from_bits(double))),
            (None, Some(int)) => Some(Number::Int(int.cast_signed())),
            (None, None) => None,
            (Some(_), Some(_)) => return None,
        };
        let start = bytes.len() - rest.len();
        let mut left = rest;
        while let Some((_, after)) = split_delimited(left, 7) {
            left = after;
        }
        left.is_empty().then_some(NumberDataPoint {
            start_time_unix_nano: start_time_unix_nano.unwrap_or(0),
            time_unix_nano: time_unix_nano.unwrap_or(0),
            flags: 0,
            value,
            attributes: Attributes { message: bytes, number: 7, start, end: bytes.len(), len: rest.len() },
            exemplars: Exemplars { point: &[], number: 5 },
        })
    }

    #[cold]
    #[inline(never)]
    fn in_any_order(bytes: &'a [u8]) -> NumberDataPoint<'a> {
        let mut point = NumberDataPoint {
            start_time_unix_nano: 0,
            time_unix_nano: 0,
            flags: 0,
            value: None,
            attributes: Attributes::new(bytes, 7),
            exemplars: Exemplars { point: &[], number: 5 },
        };
        let mut fields = Fields::of(bytes);
        while let Some(field) = point.attributes.next_other(&mut fields) {
            match field.number {
                START_TIME_UNIX_NANO => point.start_time_unix_nano = field.fixed64(),
                TIME_UNIX_NANO => point.time_unix_nano = field.fixed64(),
                4 => point.value = Some(Number::Double(double(&field))),
                5 => point.exemplars.point = bytes,
                6 => point.value = Some(Number::Int(field.fixed64().cast_signed())),
                8 => point.flags = field.varint() as u32,
                _ => {}
            }
        }
        point
    }
}

impl<'a> Point<'a> for HistogramDataPoint<'a> {
    fn of(bytes: &'a [u8]) -> HistogramDataPoint<'a> {
        let mut point = HistogramDataPoint {
            start_time_unix_nano: 0,
            time_unix_nano: 0,
            flags: 0,
            count: 0,
            sum: None,
            min: None,
            max: None,
            attributes: Attributes::new(bytes, 9),
            exemplars: Exemplars { point: &[], number: 8 },
            bucket_counts: Parts::new(),
            explicit_bounds: Parts::new(),
        };
        let mut fields = Fields::of(bytes);
        while let Some(field) = point.attributes.next_other(&mut fields) {
            match field.number {
                START_TIME_UNIX_NANO => point.start_time_unix_nano = field.fixed64(),
                TIME_UNIX_NANO => point.time_unix_nano = field.fixed64(),
                COUNT => point.count = field.fixed64(),
                SUM => point.sum = Some(double(&field)),
                6 => point.bucket_counts.push(field.value),
                7 => point.explicit_bounds.push(field.value),
                8 => point.exemplars.point = bytes,
                10 => point.flags = field.varint() as u32,
                11 => point.min = Some(double(&field)),
                12 => point.max = Some(double(&field)),
                _ => {}
            }
        }
        point
    }
}

impl HistogramDataPoint<'_> {
    /// Iterates over the counts of the buckets, which are not cumulative. There is one more than there are
    /// bounds.
    pub fn bucket_counts(&self) -> impl Iterator<Item = u64> {
        fixed64s(&self.bucket_counts)
    }

    /// Iterates over the inclusive upper bounds in ascending order.
    pub fn explicit_bounds(&self) -> impl Iterator<Item = f64> {
        fixed64s(&self.explicit_bounds).map(f64::from_bits)
    }
}

impl<'a> Point<'a> for ExponentialHistogramDataPoint<'a> {
    fn of(bytes: &'a [u8]) -> ExponentialHistogramDataPoint<'a> {
        let mut point = ExponentialHistogramDataPoint {
            start_time_unix_nano: 0,
            time_unix_nano: 0,
            flags: 0,
            count: 0,
            sum: None,
            scale: 0,
            zero_count: 0,
            zero_threshold: 0.0,
            min: None,
            max: None,
            positive: None,
            negative: None,
            attributes: Attributes::new(bytes, 1),
            exemplars: Exemplars { point: &[], number: 11 },
        };
        let buckets = || Buckets(SmallVec::new());
        let mut fields = Fields::of(bytes);
        while let Some(field) = point.attributes.next_other(&mut fields) {
            match field.number {
                START_TIME_UNIX_NANO => point.start_time_unix_nano = field.fixed64(),
                TIME_UNIX_NANO => point.time_unix_nano = field.fixed64(),
                COUNT => point.count = field.fixed64(),
                SUM => point.sum = Some(double(&field)),
                6 => point.scale = sint32(&field),
                7 => point.zero_count = field.fixed64(),
                8 => point.positive.get_or_insert_with(buckets).0.push(field.value),
                9 => point.negative.get_or_insert_with(buckets).0.push(field.value),
                10 => point.flags = field.varint() as u32,
                11 => point.exemplars.point = bytes,
                12 => point.min = Some(double(&field)),
                13 => point.max = Some(double(&field)),
                14 => point.zero_threshold = double(&field),
                _ => {}
            }
        }
        point
    }
}

impl Buckets<'_> {
    /// Returns the index of the first count. Bucket `i` ends at base^(offset + i + 1).
    pub fn offset(&self) -> i32 {
        let offsets = self.fields().filter(|field| field.number == 1);
        offsets.last().map_or(0, |field| sint32(&field))
    }

    pub fn bucket_counts(&self) -> impl Iterator<Item = u64> {
        self.fields().filter(|field| field.number == 2).flat_map(|field| {
            let mut rest = field.value;
            std::iter::from_fn(move || {
                let (count, after) = varint::read(rest)?;
                rest = after;
                Some(count)
            })
        })
    }

    fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.0.iter().flat_map(|part| Fields::of(part))
    }
}

impl<'a> Point<'a> for SummaryDataPoint<'a> {
    fn of(bytes: &'a [u8]) -> SummaryDataPoint<'a> {
        let mut point = SummaryDataPoint {
            start_time_unix_nano: 0,
            time_unix_nano: 0,
            flags: 0,
            count: 0,
            sum: 0.0,
            attributes: Attributes::new(bytes, 7),
            bytes,
        };
        let mut fields = Fields::of(bytes);
        while let Some(field) = point.attributes.next_other(&mut fields) {
            match field.number {
                START_TIME_UNIX_NANO => point.start_time_unix_nano = field.fixed64(),
                TIME_UNIX_NANO => point.time_unix_nano = field.fixed64(),
                COUNT => point.count = field.fixed64(),
                SUM => point.sum = double(&field),
                8 => point.flags = field.varint() as u32,
                _ => {}
            }
        }
        point
    }
}

impl SummaryDataPoint<'_> {
    /// Iterates over the quantiles, from 0 to 1, and their values.
    pub fn quantile_values(&self) -> impl Iterator<Item = (f64, f64)> {
        Fields::of(self.bytes).filter_map(|field| field.delimited(6)).map(|at| {
            let (mut quantile, mut value) = (0.0, 0.0);
            for field in Fields::of(at) {
                match field.number {
                    1 => quantile = double(&field),
                    2 => value = double(&field),
                    _ => {}
                }
            }
            (quantile, value)
        })
    }
}

#[inline(always)]
fn double(field: &Field<'_>) -> f64 {
    f64::from_bits(field.fixed64())
}

/// Decodes a zigzag varint.
fn sint32(field: &Field<'_>) -> i32 {
    let bits = field.varint() as u32;
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}

/// Reads values that are packed, or that lie in one field each.
fn fixed64s(values: &[&[u8]]) -> impl Iterator<Item = u64> {
    values.iter().flat_map(|value| value.as_chunks().0).map(|bytes| u64::from_le_bytes(*bytes))
}
