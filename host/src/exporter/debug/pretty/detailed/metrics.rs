use opentelemetry_proto::tonic::metrics::v1::{
    DataPointFlags, Exemplar, Metric, ResourceMetrics, exemplar::Value,
};

use super::{Fields, Outline, TEXT_LIMIT, attributes, resource, scope};
use crate::exporter::debug::pretty::{
    metric::{Point, kind, points},
    text::escape,
};

pub(super) fn write(resources: &[ResourceMetrics], out: &mut Outline) {
    for of_resource in resources {
        resource(out, of_resource.resource.as_ref(), &of_resource.schema_url);
        for of_scope in &of_resource.scope_metrics {
            scope(out, of_scope.scope.as_ref(), &of_scope.schema_url);
            for metric in &of_scope.metrics {
                write_metric(out, metric);
            }
        }
    }
}

fn write_metric(out: &mut Outline, metric: &Metric) {
    out.heading(2, "Metric", &escape(&metric.name, TEXT_LIMIT));
    let mut fields = Fields::default();
    fields.text("description", &metric.description);
    fields.text("unit", &metric.unit);
    fields.text("type", &kind(metric));
    fields.attributes(&metric.metadata);
    out.fields(3, fields);
    for point in points(metric) {
        write_point(out, &point);
    }
}

fn write_point(out: &mut Outline, point: &Point<'_>) {
    out.heading(3, "Data point", &point.value);
    let mut fields = Fields::default();
    fields.time("start", point.start_time_unix_nano);
    fields.time("time", point.time_unix_nano);
    if point.flags & DataPointFlags::NoRecordedValueMask as u32 != 0 {
        fields.text("flags", "no recorded value");
    }
    for (label, value) in &point.parts {
        fields.text(label, value);
    }
    out.fields(4, fields);
    attributes(out, 4, point.attributes, 0);
    for exemplar in point.exemplars {
        write_exemplar(out, exemplar);
    }
}

fn write_exemplar(out: &mut Outline, exemplar: &Exemplar) {
    let value = match exemplar.value {
        None => "-".to_owned(),
        Some(Value::AsInt(value)) => value.to_string(),
        Some(Value::AsDouble(value)) => value.to_string(),
    };
    out.heading(4, "exemplar", &value);
    let mut fields = Fields::default();
    fields.time("time", exemplar.time_unix_nano);
    fields.id("trace id", &exemplar.trace_id);
    fields.id("span id", &exemplar.span_id);
    fields.attributes(&exemplar.filtered_attributes);
    out.fields(5, fields);
}
