//! Writes counts as OTLP.

use std::fmt;

use prost::Message;
use spanloom_plugin::wire::writer::{
    AggregationTemporality, AttributesWriter, ExemplarWriter, ExponentialHistogramPointWriter,
    HistogramPointWriter, MetricWriter, Metrics, RequestWriter,
};

use crate::{Buckets, Histogram, OVERFLOW};

/// The length from which a request is full and leaves, in bytes.
const REQUEST_BYTES: usize = 1 << 20;

/// What the data points of one series have in common.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    pub key: &'a [u8],
    pub start_time_unix_nano: u64,
    pub now_unix_nano: u64,
    /// The exemplars since the last points. Their time is `now_unix_nano`.
    pub exemplars: &'a [Exemplar],
}

/// A measured value with its span. The fields are those of OTLP's `Exemplar`.
#[derive(Clone, PartialEq, Message)]
pub struct Exemplar {
    #[prost(double, tag = "3")]
    pub value: f64,
    #[prost(bytes = "vec", tag = "4")]
    pub span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub trace_id: Vec<u8>,
}

/// Knows what the parts of a key mean.
pub trait Dimensions {
    /// Writes the attributes of the series with that key, which is not [`OVERFLOW`].
    fn write(&self, key: &[u8], out: &mut AttributesWriter<'_>);
}

/// Writes `ExportMetricsServiceRequest`s of about 1 MiB at most. Each request leaves once it is full.
pub struct Requests<'a> {
    open: RequestWriter<Metrics>,
    leave: &'a mut dyn FnMut(Vec<u8>),
}

impl<'a> Requests<'a> {
    pub fn new(leave: &'a mut dyn FnMut(Vec<u8>)) -> Requests<'a> {
        Requests { open: RequestWriter::metrics(), leave }
    }

    /// Returns the request that takes the next resource.
    pub fn open(&mut self) -> &mut RequestWriter<Metrics> {
        if self.open.len_bytes() >= REQUEST_BYTES {
            (self.leave)(std::mem::take(&mut self.open).finish());
        }
        &mut self.open
    }

    pub fn finish(self) {
        if self.open.items() > 0 {
            (self.leave)(self.open.finish());
        }
    }
}

impl fmt::Debug for Requests<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("open", &self.open).finish_non_exhaustive()
    }
}

/// Writes the points of a counter.
pub fn sum<'a>(
    metric: MetricWriter<'_>,
    temporality: AggregationTemporality,
    dimensions: &impl Dimensions,
    points: impl Iterator<Item = (Point<'a>, u64)>,
) {
    let mut out = metric.sum(temporality, true);
    for (point, count) in points {
        out.point(|out| {
            out.start_time_unix_nano(point.start_time_unix_nano).time_unix_nano(point.time_unix_nano());
            out.int(count.cast_signed());
            for exemplar in point.exemplars {
                out.exemplar(|out| exemplar.write(point.now_unix_nano, out));
            }
            point.write_attributes(dimensions, &mut out.attributes());
        });
    }
}

impl Buckets {
    /// Writes the points of a histogram with these buckets.
    pub fn write<'a>(
        &self,
        metric: MetricWriter<'_>,
        temporality: AggregationTemporality,
        dimensions: &impl Dimensions,
        points: impl Iterator<Item = (Point<'a>, &'a Histogram)>,
    ) {
        if self.is_exponential() {
            let mut out = metric.exponential_histogram(temporality);
            points.for_each(|(point, histogram)| {
                out.point(|out| exponential_point(point, histogram, dimensions, out));
            });
        } else {
            let mut out = metric.histogram(temporality);
            points.for_each(|(point, histogram)| {
                out.point(|out| self.explicit_point(point, histogram, dimensions, out));
            });
        }
    }

    fn explicit_point(
        &self,
        point: Point<'_>,
        histogram: &Histogram,
        dimensions: &impl Dimensions,
        out: &mut HistogramPointWriter<'_>,
    ) {
        out.start_time_unix_nano(point.start_time_unix_nano).time_unix_nano(point.time_unix_nano());
        out.count(histogram.count).sum(histogram.sum);
        out.bucket_counts(&histogram.counts).explicit_bounds(&self.bounds);
        for exemplar in point.exemplars {
            out.exemplar(|out| exemplar.write(point.now_unix_nano, out));
        }
        point.write_attributes(dimensions, &mut out.attributes());
    }
}

fn exponential_point(
    point: Point<'_>,
    histogram: &Histogram,
    dimensions: &impl Dimensions,
    out: &mut ExponentialHistogramPointWriter<'_>,
) {
    point.write_attributes(dimensions, &mut out.attributes());
    out.start_time_unix_nano(point.start_time_unix_nano).time_unix_nano(point.time_unix_nano());
    out.count(histogram.count).sum(histogram.sum).scale(histogram.scale).zero_count(histogram.zero_count);
    out.positive(histogram.offset, &histogram.counts);
    for exemplar in point.exemplars {
        out.exemplar(|out| exemplar.write(point.now_unix_nano, out));
    }
    if histogram.count > 0 {
        out.min(histogram.min).max(histogram.max);
    }
}

impl Point<'_> {
    /// Returns a time after the start, even if the wall clock has jumped back. A point at its own start would
    /// mean that the start is unknown.
    fn time_unix_nano(&self) -> u64 {
        self.now_unix_nano.max(self.start_time_unix_nano + 1)
    }

    fn write_attributes(&self, dimensions: &impl Dimensions, out: &mut AttributesWriter<'_>) {
        if self.key == OVERFLOW {
            out.push("otel.metric.overflow", true);
        } else {
            dimensions.write(self.key, out);
        }
    }
}

impl Exemplar {
    fn write(&self, time_unix_nano: u64, out: &mut ExemplarWriter<'_>) {
        out.time_unix_nano(time_unix_nano).double(self.value);
        if let Ok(id) = self.span_id.as_slice().try_into() {
            out.span_id(id);
        }
        if let Ok(id) = self.trace_id.as_slice().try_into() {
            out.trace_id(id);
        }
    }
}
