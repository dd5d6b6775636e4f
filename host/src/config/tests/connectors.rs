//! Connectors in a config, and what is said of those that lead nowhere.

use super::{refuses, warns};

/// A config with these lines as its pipelines, from line 5.
fn pipelines(lines: &str) -> String {
    format!(
        "receivers: {{ otlp: }}\nexporters: {{ debug: }}\nconnectors: {{ forward: , forward/2: , count: }}\nservice: {{ pipelines: {{\n{lines}\n}} }}\n"
    )
}

#[test]
fn pipelines_of_nothing_but_connectors_are_fine() {
    let lines = "traces: { receivers: [otlp], exporters: [forward, count] },
traces/2: { receivers: [forward], exporters: [forward/2] },
traces/3: { receivers: [forward/2], exporters: [debug, count] },
metrics: { receivers: [otlp, count], exporters: [debug] }";
    warns(&pipelines(lines), "");
}

#[test]
fn a_connector_that_is_in_no_pipeline_is_not_run() {
    let lines = "traces: { receivers: [otlp], exporters: [debug] }";
    warns(&pipelines(lines), "");
}

#[test]
fn a_connector_has_to_be_an_exporter_and_a_receiver() {
    let lines = "traces: { receivers: [otlp], exporters: [forward] },
metrics: { receivers: [count], exporters: [debug] }";
    refuses(&pipelines(lines), "");
}

#[test]
fn signals_that_a_connector_does_not_take_or_emit_are_refused() {
    let lines = "logs: { receivers: [otlp], exporters: [count, debug] },
traces: { receivers: [otlp], exporters: [count, debug] },
metrics: { receivers: [count], exporters: [debug] },
traces/2: { receivers: [count], exporters: [debug] }";
    refuses(&pipelines(lines), "");
}

/// It takes and emits them all, but makes none of another.
#[test]
fn what_goes_into_a_connector_has_to_come_out_somewhere() {
    let lines = "traces: { receivers: [otlp], exporters: [forward] },
logs: { receivers: [otlp], exporters: [forward] },
logs/2: { receivers: [forward], exporters: [debug] },
metrics: { receivers: [forward], exporters: [debug] }";
    refuses(&pipelines(lines), "");
}

#[test]
fn pipelines_that_feed_themselves_are_refused_with_the_way_round() {
    let lines = "traces: { receivers: [otlp, forward/2], exporters: [forward] },
traces/2: { receivers: [forward], exporters: [forward/2] }";
    refuses(&pipelines(lines), "");
}

#[test]
fn an_id_that_is_a_connector_and_an_exporter_is_ambiguous() {
    let config = "receivers: { otlp: }
exporters: { count: , debug: }
connectors: { count: }
service: { pipelines: {
    traces: { receivers: [otlp], exporters: [count] }, metrics: { receivers: [count], exporters: [debug] } } }";
    refuses(config, "");
}
