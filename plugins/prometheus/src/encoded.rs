//! Converts prost's types, for unit tests, to the encoded form that the plugin reads.

use spanloom_otlp::{
    AnyValue, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, ExportMetricsServiceRequest,
    Gauge, Histogram, HistogramDataPoint, KeyValue, Message, Metric, NumberDataPoint, Summary,
    SummaryDataPoint, metric::Data as Otlp,
};
use spanloom_plugin::wire::{
    Value,
    metrics::{self, Data, Exemplars},
};

pub(crate) fn value(value: AnyValue) -> Value<'static> {
    let attributes = vec![KeyValue { key: String::new(), value: Some(value) }];
    let point = number(NumberDataPoint { attributes, ..NumberDataPoint::default() });
    point.attributes.iter().next().unwrap().1
}

pub(crate) fn exemplars(exemplars: Vec<Exemplar>) -> Exemplars<'static> {
    number(NumberDataPoint { exemplars, ..NumberDataPoint::default() }).exemplars
}

pub(crate) fn number(point: NumberDataPoint) -> metrics::NumberDataPoint<'static> {
    match data(Otlp::Gauge(Gauge { data_points: vec![point] })) {
        Data::Gauge(points) => points.iter().next().unwrap(),
        _ => unreachable!(),
    }
}

pub(crate) fn histogram(point: HistogramDataPoint) -> metrics::HistogramDataPoint<'static> {
    match data(Otlp::Histogram(Histogram { data_points: vec![point], ..Histogram::default() })) {
        Data::Histogram(points) => points.iter().next().unwrap(),
        _ => unreachable!(),
    }
}

pub(crate) fn exponential(
    point: ExponentialHistogramDataPoint,
) -> metrics::ExponentialHistogramDataPoint<'static> {
    let histogram = ExponentialHistogram { data_points: vec![point], ..ExponentialHistogram::default() };
    match data(Otlp::ExponentialHistogram(histogram)) {
        Data::ExponentialHistogram(points) => points.iter().next().unwrap(),
        _ => unreachable!(),
    }
}

pub(crate) fn summary(point: SummaryDataPoint) -> metrics::SummaryDataPoint<'static> {
    match data(Otlp::Summary(Summary { data_points: vec![point] })) {
        Data::Summary(points) => points.iter().next().unwrap(),
        _ => unreachable!(),
    }
}

fn data(data: Otlp) -> Data<'static> {
    let metric = Metric { data: Some(data), ..Metric::default() };
    let request = ExportMetricsServiceRequest::of(vec![metric]).encode_to_vec().leak();
    let scopes = metrics::resource_metrics(request).flat_map(|resource| resource.scope_metrics());
    scopes.flat_map(|scope| scope.metrics()).next().unwrap().data().unwrap().clone()
}
