//! Tests series that are found by the bytes of their attributes.

use proptest::prelude::*;
use spanloom_otlp::{
    ExportMetricsServiceRequest, Gauge, KeyValue, Metric, NumberDataPoint, metric::Data, number_data_point,
};
use spanloom_plugin::Handover;

use crate::{
    arbitrary::case,
    scrape::{self, OPEN_METRICS, PROTOBUF, TEXT, export, text},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Scenario: the same metrics arrive again and again, at an instance that knows their bytes, and at an
    /// instance that is replaced after each batch, and so finds every series by its labels. Guarantees that
    /// both show the same.
    #[test]
    fn who_knows_the_bytes_shows_what_the_labels_say((config, request) in case()) {
        let mut knowing = scrape::exporter(config);
        let mut forgetful = scrape::exporter(config);
        let batches = request.resource_metrics.iter().chain(&request.resource_metrics);
        for resource in batches {
            let batch = ExportMetricsServiceRequest { resource_metrics: vec![resource.clone()] };
            export(&mut knowing, &batch);
            // A scrape removes ended series, as a handover does.
            text(&mut knowing, TEXT);
            export(&mut forgetful, &batch);
            let saved = forgetful.plugin().save().expect("saved");
            forgetful = scrape::exporter(config);
            forgetful.plugin().restore(saved).expect("restored");
        }
        for accept in [OPEN_METRICS, PROTOBUF] {
            prop_assert_eq!(scrape::scrape(&mut knowing, accept).body, scrape::scrape(&mut forgetful, accept).body);
        }
    }
}

fn gauge(attributes: &[(&str, &str)], value: f64) -> ExportMetricsServiceRequest {
    let point = NumberDataPoint {
        attributes: attributes.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect(),
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    };
    let data = Some(Data::Gauge(Gauge { data_points: vec![point] }));
    ExportMetricsServiceRequest::of(vec![Metric { name: "g".into(), data, ..Metric::default() }])
}

/// Scenario: a sender changes the order of attributes from batch to batch. Guarantees that they are one
/// series, and that each order still finds it after other series have come and gone.
#[test]
fn attributes_in_another_order_are_the_same_series() {
    let mut exporter = scrape::exporter("{}");
    let orders = [
        [("a", "1"), ("b", "2"), ("c", "3")],
        [("b", "2"), ("a", "1"), ("c", "3")],
        [("c", "3"), ("b", "2"), ("a", "1")],
        [("a", "1"), ("c", "3"), ("b", "2")],
    ];
    for round in 0..3 {
        for (number, order) in orders.iter().enumerate() {
            let value = f64::from(round) + number as f64 / 10.0;
            export(&mut exporter, &gauge(order, value));
            let shown = text(&mut exporter, TEXT);
            assert_eq!(shown.lines().last(), Some(format!("g{{a=\"1\",b=\"2\",c=\"3\"}} {value}").as_str()));
            assert_eq!(shown.lines().count(), 3);
        }
    }
}
