//! Converts types, and the values of points.

use std::rc::Rc;

use spanloom_plugin::wire::{
    self,
    metrics::{
        Data, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint,
    },
};

use crate::{
    name::Instrument,
    series::{Bounds, Dropped, Exponential, Histogram, Kind, Summary, Temporality, Value},
};

/// The type and temporality that a metric is shown with, and the type that its name depends on.
pub(super) struct Shown {
    pub(super) kind: Kind,
    pub(super) instrument: Instrument,
    pub(super) temporality: Temporality,
}

/// The values of `AggregationTemporality`.
const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

/// Prometheus has no deltas. Those of counters and histograms are added up. Those of other sums are refused.
pub(super) fn shown(metric: &Metric<'_>, data: &Data<'_>) -> Result<Shown, Dropped> {
    let cumulative = Temporality::Cumulative;
    let (kind, instrument, temporality) = match data {
        Data::Gauge(_) if is_unknown(metric) => (Kind::Unknown, Instrument::Gauge, cumulative),
        Data::Gauge(_) => (Kind::Gauge, Instrument::Gauge, cumulative),
        Data::Sum(sum) => match (temporality(sum.aggregation_temporality())?, sum.is_monotonic()) {
            (temporality, true) => (Kind::Counter, Instrument::Counter, temporality),
            (Temporality::Cumulative, false) => (Kind::Gauge, Instrument::Other, cumulative),
            (Temporality::Delta, false) => return Err(Dropped::Temporality),
        },
        Data::Histogram(histogram) => {
            (Kind::Histogram, Instrument::Other, temporality(histogram.aggregation_temporality())?)
        }
        Data::ExponentialHistogram(histogram) => {
            (Kind::Histogram, Instrument::Other, temporality(histogram.aggregation_temporality())?)
        }
        Data::Summary(_) => (Kind::Summary, Instrument::Other, cumulative),
    };
    Ok(Shown { kind, instrument, temporality })
}

/// Converts a number. A counter must not be negative.
pub(super) fn number(point: &NumberDataPoint<'_>, kind: Kind) -> Result<Value, Dropped> {
    let number = point.value.ok_or(Dropped::Invalid)?.as_f64();
    // False for NaN too.
    let can_be_counted = number >= 0.0;
    if kind == Kind::Counter && !can_be_counted {
        return Err(Dropped::Invalid);
    }
    Ok(Value::Number(number))
}

pub(super) fn histogram(point: &HistogramDataPoint<'_>, known: &mut Rc<Bounds>) -> Result<Value, Dropped> {
    Ok(Value::Histogram(Box::new(Histogram::of(point, known)?)))
}

pub(super) fn exponential(point: &ExponentialHistogramDataPoint<'_>) -> Result<Value, Dropped> {
    Ok(Value::Exponential(Box::new(Exponential::of(point)?)))
}

pub(super) fn summary(point: &SummaryDataPoint<'_>) -> Value {
    Value::Summary(Box::new(Summary::of(point)))
}

fn temporality(temporality: i32) -> Result<Temporality, Dropped> {
    match temporality {
        CUMULATIVE => Ok(Temporality::Cumulative),
        DELTA => Ok(Temporality::Delta),
        _ => Err(Dropped::Temporality),
    }
}

/// Returns whether the Collector's Prometheus receiver has marked the metric as one without a type.
fn is_unknown(metric: &Metric<'_>) -> bool {
    metric.metadata().any(|entry| entry == ("prometheus.type", wire::Value::Str("unknown")))
}
