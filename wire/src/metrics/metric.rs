use std::marker::PhantomData;

use smallvec::smallvec;

use super::point::{
    ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, Point, SummaryDataPoint,
};
use crate::Value;
use crate::fields::{Field, Fields};
use crate::value::{Parts, attributes, fields_of, text};

/// One metric with the data points of all its series.
#[derive(Clone)]
pub struct Metric<'a> {
    bytes: &'a [u8],
    name: &'a [u8],
    description: &'a [u8],
    unit: &'a [u8],
    data: Option<Data<'a>>,
}

/// The data points of a metric, by type. The temporality is an `AggregationTemporality`: 1 delta, 2
/// cumulative.
#[derive(Clone)]
pub enum Data<'a> {
    Gauge(DataPoints<'a, NumberDataPoint<'a>>),
    Sum(DataPoints<'a, NumberDataPoint<'a>>),
    Histogram(DataPoints<'a, HistogramDataPoint<'a>>),
    ExponentialHistogram(DataPoints<'a, ExponentialHistogramDataPoint<'a>>),
    Summary(DataPoints<'a, SummaryDataPoint<'a>>),
}

/// A message `Gauge`, `Sum` and so on. Field 1 holds the data points.
#[derive(Clone)]
pub struct DataPoints<'a, P> {
    parts: Parts<'a>,
    point: PhantomData<P>,
}

const NAME: u32 = 1;
const DESCRIPTION: u32 = 2;
const UNIT: u32 = 3;
const GAUGE: u32 = 5;
const SUM: u32 = 7;
const HISTOGRAM: u32 = 9;
const EXPONENTIAL_HISTOGRAM: u32 = 10;
const SUMMARY: u32 = 11;
const METADATA: u32 = 12;

const DATA_POINTS: u32 = 1;
const AGGREGATION_TEMPORALITY: u32 = 2;
const IS_MONOTONIC: u32 = 3;

impl<'a> Metric<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Metric<'a> {
        let mut metric = Metric { bytes, name: &[], description: &[], unit: &[], data: None };
        for field in Fields::of(bytes) {
            match field.number {
                NAME => metric.name = field.value,
                DESCRIPTION => metric.description = field.value,
                UNIT => metric.unit = field.value,
                _ => metric.data = Data::and(metric.data, &field),
            }
        }
        metric
    }

    pub fn name(&self) -> &'a str {
        text(self.name)
    }

    pub fn description(&self) -> &'a str {
        text(self.description)
    }

    /// Returns the unit in UCUM notation.
    pub fn unit(&self) -> &'a str {
        text(self.unit)
    }

    /// Returns the data, or `None` if the sender sent none.
    pub fn data(&self) -> Option<&Data<'a>> {
        self.data.as_ref()
    }

    /// Iterates over keys and values in the order of the bytes. A key may occur twice.
    pub fn metadata(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        attributes(self.bytes, METADATA)
    }
}

impl<'a> Data<'a> {
    /// Adds a field to the data. The last member of the oneof wins; occurrences of the same member merge.
    fn and(data: Option<Data<'a>>, field: &Field<'a>) -> Option<Data<'a>> {
        Some(match (field.number, data) {
            (GAUGE, Some(Data::Gauge(points))) => Data::Gauge(points.and(field)),
            (GAUGE, _) => Data::Gauge(DataPoints::of(field)),
            (SUM, Some(Data::Sum(points))) => Data::Sum(points.and(field)),
            (SUM, _) => Data::Sum(DataPoints::of(field)),
            (HISTOGRAM, Some(Data::Histogram(points))) => Data::Histogram(points.and(field)),
            (HISTOGRAM, _) => Data::Histogram(DataPoints::of(field)),
            (EXPONENTIAL_HISTOGRAM, Some(Data::ExponentialHistogram(points))) => {
                Data::ExponentialHistogram(points.and(field))
            }
            (EXPONENTIAL_HISTOGRAM, _) => Data::ExponentialHistogram(DataPoints::of(field)),
            (SUMMARY, Some(Data::Summary(points))) => Data::Summary(points.and(field)),
            (SUMMARY, _) => Data::Summary(DataPoints::of(field)),
            (_, unchanged) => return unchanged,
        })
    }

    /// Returns the number of data points.
    pub fn len(&self) -> usize {
        match self {
            Data::Gauge(points) | Data::Sum(points) => points.encoded().count(),
            Data::Histogram(points) => points.encoded().count(),
            Data::ExponentialHistogram(points) => points.encoded().count(),
            Data::Summary(points) => points.encoded().count(),
        }
    }

    /// Returns whether there are no data points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a, P> DataPoints<'a, P> {
    fn of(field: &Field<'a>) -> DataPoints<'a, P> {
        DataPoints { parts: smallvec![field.value], point: PhantomData }
    }

    fn and(mut self, field: &Field<'a>) -> DataPoints<'a, P> {
        self.parts.push(field.value);
        self
    }

    /// Returns the aggregation temporality as sent. It is 0 for gauges and summaries.
    pub fn aggregation_temporality(&self) -> i32 {
        self.varint(AGGREGATION_TEMPORALITY) as i32
    }

    /// Returns whether a sum only grows.
    pub fn is_monotonic(&self) -> bool {
        self.varint(IS_MONOTONIC) != 0
    }

    fn varint(&self, number: u32) -> u64 {
        let fields = self.parts.iter().flat_map(|part| Fields::of(part));
        fields.filter(|field| field.number == number).last().map_or(0, |field| field.varint())
    }

    fn encoded(&self) -> impl Iterator<Item = &'a [u8]> + use<'a, P> {
        fields_of(self.parts.clone(), DATA_POINTS)
    }
}

#[expect(private_bounds, reason = "points are of the four types of OTLP")]
impl<'a, P: Point<'a>> DataPoints<'a, P> {
    pub fn iter(&self) -> impl Iterator<Item = P> + use<'a, P> {
        self.encoded().map(P::of)
    }
}
