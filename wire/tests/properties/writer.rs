//! Compares the requests of the writer with prost's.

mod from_prost;

use opentelemetry_proto::tonic::metrics::v1 as otlp;
use proptest::prelude::*;
use spanloom_wire::writer::{IntoValue, ValueWriter};
use spanloom_wire::{RequestWriter, SpanBatch, Value, check, json::value_from_json, metrics as walk};

use super::*;
use crate::metrics::{keep_known, keep_known_value};
use from_prost::{
    writable_metrics, writable_resource, writable_scope, writable_span, write_log, write_metrics,
    write_resource, write_scope, write_span,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Scenario: a request of any shape is written field by field, in the order of the fields' numbers.
    /// Guarantees that the bytes are those that prost writes, and that the items are counted.
    #[test]
    fn traces_are_written_as_prost_writes_them(request in requests::traces()) {
        let mut request = request;
        for resource in &mut request.resource_spans {
            writable_resource(&mut resource.resource);
            for scope in &mut resource.scope_spans {
                writable_scope(&mut scope.scope);
                scope.spans.iter_mut().for_each(writable_span);
            }
        }
        let mut writer = RequestWriter::traces();
        for resource in &request.resource_spans {
            let mut out = writer.resource(|out| write_resource(resource.resource.as_ref(), out));
            for scope in &resource.scope_spans {
                let mut out = out.scope(|out| write_scope(scope.scope.as_ref(), out));
                scope.spans.iter().for_each(|span| out.span(|out| write_span(span, out)));
                out.schema_url(&scope.schema_url);
            }
            out.schema_url(&resource.schema_url);
        }
        agrees(&request, writer.items(), writer.len_bytes(), &writer.finish());
    }

    #[test]
    fn logs_are_written_as_prost_writes_them(request in requests::logs()) {
        let mut request = request;
        for resource in &mut request.resource_logs {
            writable_resource(&mut resource.resource);
            for scope in &mut resource.scope_logs {
                writable_scope(&mut scope.scope);
                for record in &mut scope.log_records {
                    record.body.iter_mut().for_each(keep_known_value);
                    keep_known(&mut record.attributes);
                }
            }
        }
        let mut writer = RequestWriter::logs();
        for resource in &request.resource_logs {
            let mut out = writer.resource(|out| write_resource(resource.resource.as_ref(), out));
            for scope in &resource.scope_logs {
                let mut out = out.scope(|out| write_scope(scope.scope.as_ref(), out));
                scope.log_records.iter().for_each(|record| out.log(|out| write_log(record, out)));
                out.schema_url(&scope.schema_url);
            }
            out.schema_url(&resource.schema_url);
        }
        agrees(&request, writer.items(), writer.len_bytes(), &writer.finish());
    }

    /// The writer puts metadata before the points, and prost after them. So metadata has a test of its own.
    #[test]
    fn metrics_are_written_as_prost_writes_them(request in requests::metrics()) {
        let request = writable_metrics(request, |metric| metric.metadata.clear());
        let writer = write_metrics(&request);
        agrees(&request, writer.items(), writer.len_bytes(), &writer.finish());
    }

    #[test]
    fn metadata_of_metrics_is_written(request in requests::metrics()) {
        let request = writable_metrics(request, |_| ());
        let bytes = write_metrics(&request).finish();
        prop_assert_eq!(ExportMetricsServiceRequest::decode(&*bytes).expect("a valid request"), request);
    }

    /// Scenario: attributes are copied from a batch, in bytes of every form that protobuf allows. Guarantees
    /// that they have the same values in the new request.
    #[test]
    fn values_of_a_batch_are_copied(request in requests::traces(), seed in any::<u64>()) {
        let strange = scramble(Signal::Traces.request(), &request.encode_to_vec(), &mut Dice::new(seed));
        let batch = SpanBatch::decode(strange.into()).expect("a valid request");
        let mut writer = RequestWriter::traces();
        let mut scope = writer.scope(|_| ());
        for span in batch.spans() {
            scope.span(|out| span.attributes().for_each(|(key, value)| { out.attribute(key, value); }));
        }
        let copy = SpanBatch::decode(writer.finish().into()).expect("a valid request");
        for (span, copied) in batch.spans().zip(copy.spans()) {
            let attributes = span.attributes().map(|(key, value)| (key, json_of(&value)));
            let copies = copied.attributes().map(|(key, value)| (key, json_of(&value)));
            prop_assert_eq!(attributes.collect::<Vec<_>>(), copies.collect::<Vec<_>>());
        }
    }

    /// Scenario: values are taken from bytes that were never checked. Guarantees that the request is valid all
    /// the same.
    #[test]
    fn values_of_damaged_bytes_make_no_malformed_request(
        request in requests::metrics(),
        by in crate::check::mutations(),
    ) {
        let mut bytes = request.encode_to_vec();
        crate::check::mutate(&mut bytes, &by);
        let mut writer = RequestWriter::metrics();
        for resource in walk::resource_metrics(&bytes) {
            writer.resource(|out| {
                resource.resource().attributes().for_each(|(key, value)| { out.attribute(key, value); });
            });
        }
        prop_assert_eq!(check(Signal::Metrics, &writer.finish()).map(|summary| summary.items), Ok(0));
    }
}

fn json_of(value: &Value<'_>) -> String {
    spanloom_wire::json::value_to_json(value)
}

fn agrees<R: Request>(request: &R, items: usize, len_bytes: usize, bytes: &[u8]) {
    assert_eq!(R::decode(bytes).expect("a valid request"), *request);
    assert_eq!(bytes, request.encode_to_vec());
    let batch = Batch::decode(R::SIGNAL, bytes.to_vec().into()).expect("a valid request");
    assert_eq!(batch.items(), items);
    assert!((len_bytes..=len_bytes + 20).contains(&bytes.len()), "{len_bytes} and {}", bytes.len());
}

/// Scenario: arrays, and maps, that nest deeper than a request may. Guarantees that the request is valid, with
/// all the levels that fit.
#[test]
fn lists_that_nest_too_deep_end_in_an_empty_value() {
    struct Nested {
        depth: usize,
        in_maps: bool,
    }
    impl IntoValue for Nested {
        fn write_into(self, out: ValueWriter<'_>) {
            let Nested { depth, in_maps } = self;
            match (depth.checked_sub(1), in_maps) {
                (None, _) => 7.write_into(out),
                (Some(depth), true) => out.map(|map| {
                    map.push("k", Nested { depth, in_maps });
                }),
                (Some(depth), false) => out.array(|array| {
                    array.push(Nested { depth, in_maps });
                }),
            }
        }
    }
    for (in_maps, fit) in [(false, 47), (true, 31)] {
        for depth in [0, 1, 30, 31, 32, 46, 47, 48, 49, 50, 51, 1000] {
            let mut writer = RequestWriter::traces();
            writer.scope(|_| ()).span(|span| {
                span.attribute("deep", Nested { depth, in_maps });
            });
            let batch = Batch::decode(Signal::Traces, writer.finish().into()).expect("a valid request");
            let json = spanloom_wire::json::to_json(&batch);
            let json = String::from_utf8(json).expect("JSON");
            let levels = json.matches("\"values\"").count();
            assert_eq!(
                (levels, json.contains("\"intValue\":\"7\"")),
                (depth.min(fit), depth <= fit),
                "{depth}"
            );
        }
    }
}

/// Scenario: a list that fits where it was read is copied to a place that nests deeper. Guarantees that it
/// becomes an empty value if it does not fit there.
#[test]
fn a_list_that_does_not_fit_becomes_an_empty_value() {
    for (depth, fits) in [(47, true), (48, false)] {
        let value = value_from_json(&format!("{}1{}", "[".repeat(depth), "]".repeat(depth))).expect("JSON");
        let mut writer = RequestWriter::traces();
        writer.scope(|_| ()).span(|span| {
            span.attribute("deep", value.get());
        });
        let batch = SpanBatch::decode(writer.finish().into()).expect("a valid request");
        let (_, copied) = batch.spans().next().expect("a span").attributes().next().expect("an attribute");
        assert_eq!(copied, if fits { value.get() } else { Value::Empty });
    }
}

/// Scenario: fields are set twice, out of order, or not at all. Guarantees that the request is valid, and that
/// the last value counts.
#[test]
fn a_second_value_replaces_the_first() {
    let mut writer = RequestWriter::metrics();
    let mut resource = writer.resource(|_| ());
    resource.schema_url("first");
    let mut scope = resource.scope(|scope| {
        scope.version("1").name("a").name("b");
    });
    scope.schema_url("of the scope");
    scope.metric("m", "", "").gauge().point(|point| {
        point.int(1).double(2.0).time_unix_nano(3).time_unix_nano(4);
    });
    let _ = scope.metric("without data", "", "");
    resource.schema_url("second");
    assert_eq!(writer.items(), 1);
    let request = ExportMetricsServiceRequest::decode(&*writer.finish()).expect("a valid request");
    let resource = &request.resource_metrics[0];
    let scope = &resource.scope_metrics[0];
    assert_eq!((resource.schema_url.as_str(), scope.schema_url.as_str()), ("second", "of the scope"));
    assert_eq!(scope.scope.as_ref().expect("a scope").name, "b");
    let Some(otlp::metric::Data::Gauge(gauge)) = &scope.metrics[0].data else { panic!("a gauge") };
    assert_eq!(gauge.data_points[0].value, Some(otlp::number_data_point::Value::AsDouble(2.0)));
    assert_eq!((gauge.data_points[0].time_unix_nano, &scope.metrics[1].data), (4, &None));
}
