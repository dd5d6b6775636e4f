//! Converts counts to OTLP.

use std::fmt;

use spanloom_otlp::{
    AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint,
    ExportMetricsServiceRequest, HistogramDataPoint, KeyValue, Message, NumberDataPoint, ResourceMetrics,
    Sum, exponential_histogram_data_point, metric::Data, number_data_point,
};

use crate::{Buckets, Histogram};

/// The length from which a request is full and leaves, in bytes.
const REQUEST_BYTES: usize = 1 << 20;

/// The fields that every data point has.
#[derive(Clone, Debug, Default)]
pub struct Point {
    pub attributes: Vec<KeyValue>,
    pub start_time_unix_nano: u64,
    pub time_unix_nano: u64,
    pub exemplars: Vec<Exemplar>,
}

/// Builds encoded `ExportMetricsServiceRequest`s of about 1 MiB at most. Each request leaves as soon as it is
/// full.
pub struct Requests<'a> {
    open: Vec<u8>,
    leave: &'a mut dyn FnMut(Vec<u8>),
}

impl<'a> Requests<'a> {
    pub fn new(leave: &'a mut dyn FnMut(Vec<u8>)) -> Requests<'a> {
        Requests { open: Vec::new(), leave }
    }

    pub fn push(&mut self, metrics: ResourceMetrics) {
        let request = ExportMetricsServiceRequest { resource_metrics: vec![metrics] };
        // Two concatenated requests are one valid request.
        self.open.extend_from_slice(&request.encode_to_vec());
        if self.open.len() >= REQUEST_BYTES {
            (self.leave)(std::mem::take(&mut self.open));
        }
    }

    pub fn finish(self) {
        if !self.open.is_empty() {
            (self.leave)(self.open);
        }
    }
}

impl fmt::Debug for Requests<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("open_bytes", &self.open.len()).finish_non_exhaustive()
    }
}

/// Makes the data of a counter.
pub fn sum(temporality: AggregationTemporality, points: impl Iterator<Item = (Point, u64)>) -> Data {
    let points = points.map(|(point, count)| NumberDataPoint {
        attributes: point.attributes,
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        value: Some(number_data_point::Value::AsInt(count.cast_signed())),
        exemplars: point.exemplars,
        flags: 0,
    });
    let aggregation_temporality = temporality.into();
    Data::Sum(Sum { data_points: points.collect(), aggregation_temporality, is_monotonic: true })
}

impl Buckets {
    pub fn data<'a>(
        &self,
        temporality: AggregationTemporality,
        points: impl Iterator<Item = (Point, &'a Histogram)>,
    ) -> Data {
        let aggregation_temporality = temporality.into();
        if self.is_exponential() {
            let data_points = points.map(exponential).collect();
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        } else {
            let data_points =
                points.map(|(point, histogram)| self.explicit_point(point, histogram)).collect();
            Data::Histogram(spanloom_otlp::Histogram { data_points, aggregation_temporality })
        }
    }

    fn explicit_point(&self, point: Point, histogram: &Histogram) -> HistogramDataPoint {
        HistogramDataPoint {
            attributes: point.attributes,
            start_time_unix_nano: point.start_time_unix_nano,
            time_unix_nano: point.time_unix_nano,
            count: histogram.count,
            sum: Some(histogram.sum),
            bucket_counts: histogram.counts.clone(),
            explicit_bounds: self.bounds.clone(),
            exemplars: point.exemplars,
            flags: 0,
            min: None,
            max: None,
        }
    }
}

fn exponential((point, histogram): (Point, &Histogram)) -> ExponentialHistogramDataPoint {
    let positive = exponential_histogram_data_point::Buckets {
        offset: histogram.offset,
        bucket_counts: histogram.counts.clone(),
    };
    ExponentialHistogramDataPoint {
        attributes: point.attributes,
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        count: histogram.count,
        sum: Some(histogram.sum),
        scale: histogram.scale,
        zero_count: histogram.zero_count,
        positive: Some(positive),
        negative: None,
        flags: 0,
        exemplars: point.exemplars,
        min: Some(histogram.min).filter(|_| histogram.count > 0),
        max: Some(histogram.max).filter(|_| histogram.count > 0),
        zero_threshold: 0.0,
    }
}
