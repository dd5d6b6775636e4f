//! Converts the five types of metrics to one type of data point.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric,
        NumberDataPoint, SummaryDataPoint, exponential_histogram_data_point::Buckets, metric::Data,
        number_data_point,
    },
};

/// The most buckets of a histogram that are shown.
const BUCKET_LIMIT: usize = 64;

pub(super) struct Point<'a> {
    pub(super) attributes: &'a [KeyValue],
    pub(super) start_time_unix_nano: u64,
    pub(super) time_unix_nano: u64,
    pub(super) flags: u32,
    /// The value on one line.
    pub(super) value: String,
    /// The sum, buckets or quantiles, one by one. Empty for a number.
    pub(super) parts: Vec<(String, String)>,
    pub(super) exemplars: &'a [Exemplar],
}

/// Returns the type of a metric (`counter`, `sum`, `gauge`, `histogram`, …), with `delta` if each point
/// covers only its own interval.
pub(super) fn kind(metric: &Metric) -> String {
    let (kind, temporality) = match &metric.data {
        None => ("empty", 0),
        Some(Data::Gauge(_)) => ("gauge", 0),
        Some(Data::Sum(sum)) if sum.is_monotonic => ("counter", sum.aggregation_temporality),
        Some(Data::Sum(sum)) => ("sum", sum.aggregation_temporality),
        Some(Data::Histogram(histogram)) => ("histogram", histogram.aggregation_temporality),
        Some(Data::ExponentialHistogram(histogram)) => ("exp histogram", histogram.aggregation_temporality),
        Some(Data::Summary(_)) => ("summary", 0),
    };
    let is_delta = temporality == AggregationTemporality::Delta as i32;
    format!("{}{kind}", if is_delta { "delta " } else { "" })
}

pub(super) fn points(metric: &Metric) -> Vec<Point<'_>> {
    match &metric.data {
        None => Vec::new(),
        Some(Data::Gauge(gauge)) => gauge.data_points.iter().map(number).collect(),
        Some(Data::Sum(sum)) => sum.data_points.iter().map(number).collect(),
        Some(Data::Histogram(histogram)) => histogram.data_points.iter().map(histogram_point).collect(),
        Some(Data::ExponentialHistogram(histogram)) => {
            histogram.data_points.iter().map(exponential_point).collect()
        }
        Some(Data::Summary(summary)) => summary.data_points.iter().map(summary_point).collect(),
    }
}

fn number(point: &NumberDataPoint) -> Point<'_> {
    let value = match point.value {
        None => "-".to_owned(),
        Some(number_data_point::Value::AsInt(value)) => value.to_string(),
        Some(number_data_point::Value::AsDouble(value)) => value.to_string(),
    };
    Point {
        attributes: &point.attributes,
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        flags: point.flags,
        value,
        parts: Vec::new(),
        exemplars: &point.exemplars,
    }
}

fn histogram_point(point: &HistogramDataPoint) -> Point<'_> {
    let bounds = point.explicit_bounds.iter().map(|bound| format!("≤ {bound}"));
    let labels = bounds.chain([match point.explicit_bounds.last() {
        Some(last) => format!("> {last}"),
        None => "all".to_owned(),
    }]);
    Point {
        attributes: &point.attributes,
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        flags: point.flags,
        value: summed(point.count, point.sum, point.min, point.max),
        parts: exact([("sum", point.sum), ("min", point.min), ("max", point.max)])
            .chain(buckets(labels, &point.bucket_counts))
            .collect(),
        exemplars: &point.exemplars,
    }
}

fn exponential_point(point: &ExponentialHistogramDataPoint) -> Point<'_> {
    let base = 2f64.powf(2f64.powf(-f64::from(point.scale)));
    let side = |buckets_of: &Option<Buckets>, sign: &'static str| {
        let Some(found) = buckets_of else { return Vec::new() };
        let upper = |index: i32| base.powf(f64::from(found.offset) + f64::from(index) + 1.0);
        let labels = (0..).map(|index| format!("{sign} {:.4}", upper(index)));
        buckets(labels, &found.bucket_counts)
    };
    let mut parts: Vec<_> = exact([("sum", point.sum), ("min", point.min), ("max", point.max)]).collect();
    parts.extend(side(&point.negative, "≥ -"));
    if point.zero_count > 0 {
        parts.push(("= 0".to_owned(), point.zero_count.to_string()));
    }
    parts.extend(side(&point.positive, "≤"));
    Point {
        attributes: &point.attributes,
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        flags: point.flags,
        value: summed(point.count, point.sum, point.min, point.max),
        parts,
        exemplars: &point.exemplars,
    }
}

fn summary_point(point: &SummaryDataPoint) -> Point<'_> {
    let quantiles = point.quantile_values.iter().take(BUCKET_LIMIT);
    Point {
        attributes: &point.attributes,
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        flags: point.flags,
        value: summed(point.count, Some(point.sum), None, None),
        parts: exact([("sum", Some(point.sum))])
            .chain(quantiles.map(|at| (format!("q{}", at.quantile), at.value.to_string())))
            .collect(),
        exemplars: &[],
    }
}

/// Returns a summary for one line. The exact figures are among the parts.
fn summed(count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) -> String {
    let named = [("sum", sum), ("min", min), ("max", max)];
    let known = named.into_iter().filter_map(|(name, value)| value.map(|value| (name, significant(value))));
    format!("count={count}{}", known.map(|(name, value)| format!(" {name}={value}")).collect::<String>())
}

/// Rounds to four digits.
fn significant(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn exact<const N: usize>(named: [(&str, Option<f64>); N]) -> impl Iterator<Item = (String, String)> {
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_string())))
}

/// Returns only the buckets that are not empty.
fn buckets(labels: impl Iterator<Item = String>, counts: &[u64]) -> Vec<(String, String)> {
    let filled = std::iter::zip(counts, labels).filter(|(count, _)| **count > 0);
    filled.take(BUCKET_LIMIT).map(|(count, label)| (label, count.to_string())).collect()
}
