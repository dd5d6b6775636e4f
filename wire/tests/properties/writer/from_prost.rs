//! Writes prost's objects with the writer, in the order of the fields' numbers.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use spanloom_wire::writer::{
    AttributesWriter, ExemplarWriter, ExponentialHistogramPointWriter, HistogramPointWriter, IntoValue,
    LogWriter, MetricWriter, Metrics, NumberPointWriter, ResourceWriter, ScopeWriter, SpanWriter,
    SummaryPointWriter, ValueWriter,
};
use spanloom_wire::{RequestWriter, Value};

use crate::metrics::{keep_known, keep_known_data};

/// A value of prost.
struct Of<'a>(Option<&'a AnyValue>);

impl IntoValue for Of<'_> {
    fn write_into(self, out: ValueWriter<'_>) {
        match self.0.and_then(|value| value.value.as_ref()) {
            None | Some(Any::StringValueStrindex(_)) => Value::Empty.write_into(out),
            Some(Any::StringValue(text)) => text.write_into(out),
            Some(Any::BoolValue(value)) => value.write_into(out),
            Some(Any::IntValue(value)) => value.write_into(out),
            Some(Any::DoubleValue(value)) => value.write_into(out),
            Some(Any::BytesValue(bytes)) => bytes.as_slice().write_into(out),
            Some(Any::ArrayValue(array)) => out.array(|values| {
                array.values.iter().for_each(|value| {
                    values.push(Of(Some(value)));
                });
            }),
            Some(Any::KvlistValue(list)) => out.map(|entries| write_attributes(&list.values, entries)),
        }
    }
}

fn write_attributes(attributes: &[KeyValue], out: &mut AttributesWriter<'_>) {
    for attribute in attributes {
        out.push(&attribute.key, Of(attribute.value.as_ref()));
    }
}

/// Removes what the writer cannot write, and what means nothing: values by index, and empty messages that may be
/// absent.
pub(super) fn writable_resource(resource: &mut Option<Resource>) {
    resource.iter_mut().for_each(|resource| keep_known(&mut resource.attributes));
    *resource = resource.take().filter(|resource| *resource != Resource::default());
}

pub(super) fn writable_scope(scope: &mut Option<InstrumentationScope>) {
    scope.iter_mut().for_each(|scope| keep_known(&mut scope.attributes));
    *scope = scope.take().filter(|scope| *scope != InstrumentationScope::default());
}

pub(super) fn writable_span(span: &mut Span) {
    keep_known(&mut span.attributes);
    span.events.iter_mut().for_each(|event| keep_known(&mut event.attributes));
    span.links.iter_mut().for_each(|link| keep_known(&mut link.attributes));
}

pub(super) fn writable_metrics(
    mut request: ExportMetricsServiceRequest,
    each: impl Fn(&mut otlp::Metric),
) -> ExportMetricsServiceRequest {
    for resource in &mut request.resource_metrics {
        writable_resource(&mut resource.resource);
        for scope in &mut resource.scope_metrics {
            writable_scope(&mut scope.scope);
            for metric in &mut scope.metrics {
                keep_known(&mut metric.metadata);
                keep_known_data(&mut metric.data);
                without_negative_zeros(&mut metric.data);
                each(metric);
            }
        }
    }
    request
}

/// Replaces the zeros that prost leaves out although they have a sign.
fn without_negative_zeros(data: &mut Option<otlp::metric::Data>) {
    match data {
        Some(otlp::metric::Data::Summary(summary)) => {
            for point in &mut summary.data_points {
                point.sum += 0.0;
                point
                    .quantile_values
                    .iter_mut()
                    .for_each(|of| (of.quantile, of.value) = (of.quantile + 0.0, of.value + 0.0));
            }
        }
        Some(otlp::metric::Data::ExponentialHistogram(histogram)) => {
            histogram.data_points.iter_mut().for_each(|point| point.zero_threshold += 0.0);
        }
        _ => {}
    }
}

pub(super) fn write_resource(resource: Option<&Resource>, out: &mut ResourceWriter<'_>) {
    let Some(resource) = resource else { return };
    write_attributes(&resource.attributes, &mut out.attributes());
    out.dropped_attributes_count(resource.dropped_attributes_count);
    for entity in &resource.entity_refs {
        out.entity_ref(|out| {
            out.schema_url(&entity.schema_url).entity_type(&entity.r#type);
            entity.id_keys.iter().for_each(|key| {
                out.id_key(key);
            });
            entity.description_keys.iter().for_each(|key| {
                out.description_key(key);
            });
        });
    }
}

pub(super) fn write_scope(scope: Option<&InstrumentationScope>, out: &mut ScopeWriter<'_>) {
    let Some(scope) = scope else { return };
    out.name(&scope.name).version(&scope.version);
    write_attributes(&scope.attributes, &mut out.attributes());
    out.dropped_attributes_count(scope.dropped_attributes_count);
}

fn id<const LEN: usize>(id: &[u8]) -> Option<[u8; LEN]> {
    id.try_into().ok()
}

pub(super) fn write_span(span: &Span, out: &mut SpanWriter<'_>) {
    id(&span.trace_id).map(|id| out.trace_id(id));
    id(&span.span_id).map(|id| out.span_id(id));
    out.trace_state(&span.trace_state);
    id(&span.parent_span_id).map(|id| out.parent_span_id(id));
    out.name(&span.name).kind(span.kind);
    out.start_time_unix_nano(span.start_time_unix_nano).end_time_unix_nano(span.end_time_unix_nano);
    write_attributes(&span.attributes, &mut out.attributes());
    out.dropped_attributes_count(span.dropped_attributes_count);
    for event in &span.events {
        out.event(|out| {
            out.time_unix_nano(event.time_unix_nano).name(&event.name);
            write_attributes(&event.attributes, &mut out.attributes());
            out.dropped_attributes_count(event.dropped_attributes_count);
        });
    }
    out.dropped_events_count(span.dropped_events_count);
    for link in &span.links {
        out.link(|out| {
            id(&link.trace_id).map(|id| out.trace_id(id));
            id(&link.span_id).map(|id| out.span_id(id));
            out.trace_state(&link.trace_state);
            write_attributes(&link.attributes, &mut out.attributes());
            out.dropped_attributes_count(link.dropped_attributes_count).flags(link.flags);
        });
    }
    out.dropped_links_count(span.dropped_links_count);
    span.status.as_ref().map(|status| out.status(status.code, &status.message));
    out.flags(span.flags);
}

pub(super) fn write_log(record: &LogRecord, out: &mut LogWriter<'_>) {
    out.time_unix_nano(record.time_unix_nano);
    out.severity_number(record.severity_number).severity_text(&record.severity_text);
    record.body.as_ref().map(|body| out.body(Of(Some(body))));
    write_attributes(&record.attributes, &mut out.attributes());
    out.dropped_attributes_count(record.dropped_attributes_count).flags(record.flags);
    id(&record.trace_id).map(|id| out.trace_id(id));
    id(&record.span_id).map(|id| out.span_id(id));
    out.observed_time_unix_nano(record.observed_time_unix_nano).event_name(&record.event_name);
}

pub(super) fn write_metrics(request: &ExportMetricsServiceRequest) -> RequestWriter<Metrics> {
    let mut writer = RequestWriter::metrics();
    for resource in &request.resource_metrics {
        let mut out = writer.resource(|out| write_resource(resource.resource.as_ref(), out));
        for scope in &resource.scope_metrics {
            let mut out = out.scope(|out| write_scope(scope.scope.as_ref(), out));
            for metric in &scope.metrics {
                let out = out.metric(&metric.name, &metric.description, &metric.unit);
                write_data(metric, out.metadata(|out| write_attributes(&metric.metadata, out)));
            }
            out.schema_url(&scope.schema_url);
        }
        out.schema_url(&resource.schema_url);
    }
    writer
}

fn write_data(metric: &otlp::Metric, out: MetricWriter<'_>) {
    use otlp::metric::Data;
    macro_rules! each {
        ($points:expr, $write:expr, $out:expr) => {{
            let mut out = $out;
            for point in $points {
                out.point(|out| $write(point, out));
            }
        }};
    }
    match &metric.data {
        None => {}
        Some(Data::Gauge(data)) => each!(&data.data_points, write_number, out.gauge()),
        Some(Data::Sum(data)) => {
            each!(&data.data_points, write_number, out.sum(data.aggregation_temporality, data.is_monotonic));
        }
        Some(Data::Histogram(data)) => {
            each!(&data.data_points, write_histogram, out.histogram(data.aggregation_temporality));
        }
        Some(Data::ExponentialHistogram(data)) => {
            let out = out.exponential_histogram(data.aggregation_temporality);
            each!(&data.data_points, write_exponential, out);
        }
        Some(Data::Summary(data)) => each!(&data.data_points, write_summary, out.summary()),
    }
}

fn write_number(point: &otlp::NumberDataPoint, out: &mut NumberPointWriter<'_>) {
    out.start_time_unix_nano(point.start_time_unix_nano).time_unix_nano(point.time_unix_nano);
    match point.value {
        Some(otlp::number_data_point::Value::AsDouble(value)) => {
            out.double(value);
        }
        Some(otlp::number_data_point::Value::AsInt(value)) => {
            out.int(value);
        }
        None => {}
    }
    for exemplar in &point.exemplars {
        out.exemplar(|out| write_exemplar(exemplar, out));
    }
    write_attributes(&point.attributes, &mut out.attributes());
    out.flags(point.flags);
}

fn write_histogram(point: &otlp::HistogramDataPoint, out: &mut HistogramPointWriter<'_>) {
    out.start_time_unix_nano(point.start_time_unix_nano).time_unix_nano(point.time_unix_nano);
    out.count(point.count);
    point.sum.map(|sum| out.sum(sum));
    out.bucket_counts(&point.bucket_counts).explicit_bounds(&point.explicit_bounds);
    for exemplar in &point.exemplars {
        out.exemplar(|out| write_exemplar(exemplar, out));
    }
    write_attributes(&point.attributes, &mut out.attributes());
    out.flags(point.flags);
    point.min.map(|min| out.min(min));
    point.max.map(|max| out.max(max));
}

fn write_exponential(
    point: &otlp::ExponentialHistogramDataPoint,
    out: &mut ExponentialHistogramPointWriter<'_>,
) {
    write_attributes(&point.attributes, &mut out.attributes());
    out.start_time_unix_nano(point.start_time_unix_nano).time_unix_nano(point.time_unix_nano);
    out.count(point.count);
    point.sum.map(|sum| out.sum(sum));
    out.scale(point.scale).zero_count(point.zero_count);
    point.positive.as_ref().map(|buckets| out.positive(buckets.offset, &buckets.bucket_counts));
    point.negative.as_ref().map(|buckets| out.negative(buckets.offset, &buckets.bucket_counts));
    out.flags(point.flags);
    for exemplar in &point.exemplars {
        out.exemplar(|out| write_exemplar(exemplar, out));
    }
    point.min.map(|min| out.min(min));
    point.max.map(|max| out.max(max));
    out.zero_threshold(point.zero_threshold);
}

fn write_summary(point: &otlp::SummaryDataPoint, out: &mut SummaryPointWriter<'_>) {
    out.start_time_unix_nano(point.start_time_unix_nano).time_unix_nano(point.time_unix_nano);
    out.count(point.count).sum(point.sum);
    for value in &point.quantile_values {
        out.quantile(value.quantile, value.value);
    }
    write_attributes(&point.attributes, &mut out.attributes());
    out.flags(point.flags);
}

fn write_exemplar(exemplar: &otlp::Exemplar, out: &mut ExemplarWriter<'_>) {
    out.time_unix_nano(exemplar.time_unix_nano);
    match exemplar.value {
        Some(otlp::exemplar::Value::AsDouble(value)) => {
            out.double(value);
        }
        Some(otlp::exemplar::Value::AsInt(value)) => {
            out.int(value);
        }
        None => {}
    }
    id(&exemplar.span_id).map(|id| out.span_id(id));
    id(&exemplar.trace_id).map(|id| out.trace_id(id));
    write_attributes(&exemplar.filtered_attributes, &mut out.attributes());
}
