//! Types, and values of points.

use std::rc::Rc;

use spanloom_otlp::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint,
    SummaryDataPoint, any_value, metric::Data, number_data_point,
};

use crate::series::{Bounds, Dropped, Exponential, Histogram, Kind, Summary, Temporality, Value};

/// How a metric is shown.
pub(super) struct Shown {
    pub(super) kind: Kind,
    pub(super) temporality: Temporality,
}

/// Prometheus knows no deltas. Those of a counter or a histogram add up, others are refused.
pub(super) fn shown(metric: &Metric) -> Result<Shown, Dropped> {
    let shown = |kind, temporality| Ok(Shown { kind, temporality });
    let cumulative = Temporality::Cumulative;
    match metric.data.as_ref().ok_or(Dropped::Invalid)? {
        Data::Gauge(_) => shown(if is_unknown(metric) { Kind::Unknown } else { Kind::Gauge }, cumulative),
        Data::Sum(sum) => match (temporality(sum.aggregation_temporality)?, sum.is_monotonic) {
            (temporality, true) => shown(Kind::Counter, temporality),
            (Temporality::Cumulative, false) => shown(Kind::Gauge, cumulative),
            (Temporality::Delta, false) => Err(Dropped::Temporality),
        },
        Data::Histogram(histogram) => shown(Kind::Histogram, temporality(histogram.aggregation_temporality)?),
        Data::ExponentialHistogram(histogram) => match temporality(histogram.aggregation_temporality)? {
            Temporality::Cumulative => shown(Kind::Histogram, cumulative),
            Temporality::Delta => Err(Dropped::Temporality),
        },
        Data::Summary(_) => shown(Kind::Summary, cumulative),
    }
}

/// How many points it has.
pub(super) fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        None => 0,
    }
}

/// A counter is never negative.
pub(super) fn number(point: &NumberDataPoint, kind: Kind) -> Result<Value, Dropped> {
    let number = match point.value.ok_or(Dropped::Invalid)? {
        number_data_point::Value::AsDouble(double) => double,
        number_data_point::Value::AsInt(int) => int as f64,
    };
    // Also where it is no number.
    let can_be_counted = number >= 0.0;
    if kind == Kind::Counter && !can_be_counted {
        return Err(Dropped::Invalid);
    }
    Ok(Value::Number(number))
}

pub(super) fn histogram(point: &HistogramDataPoint, known: &mut Rc<Bounds>) -> Result<Value, Dropped> {
    Ok(Value::Histogram(Box::new(Histogram::of(point, known)?)))
}

pub(super) fn exponential(point: &ExponentialHistogramDataPoint) -> Result<Value, Dropped> {
    Ok(Value::Exponential(Box::new(Exponential::of(point)?)))
}

pub(super) fn summary(point: &SummaryDataPoint) -> Value {
    Value::Summary(Box::new(Summary::of(point)))
}

fn temporality(temporality: i32) -> Result<Temporality, Dropped> {
    match AggregationTemporality::try_from(temporality) {
        Ok(AggregationTemporality::Cumulative) => Ok(Temporality::Cumulative),
        Ok(AggregationTemporality::Delta) => Ok(Temporality::Delta),
        _ => Err(Dropped::Temporality),
    }
}

/// What the Collector's Prometheus receiver notes of metrics without a type.
fn is_unknown(metric: &Metric) -> bool {
    metric.metadata.iter().any(|entry| {
        let value = entry.value.as_ref().and_then(|value| value.value.as_ref());
        entry.key == "prometheus.type"
            && matches!(value, Some(any_value::Value::StringValue(text)) if text == "unknown")
    })
}
