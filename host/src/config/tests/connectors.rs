//! Connectors in a config, and the errors about connectors that lead nowhere.

use super::{refuses, warns};

/// Returns a config with these lines as its pipelines, from line 6.
fn pipelines(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "receivers: {{ otlp: }}\nexporters: {{ debug: }}\nconnectors: {{ forward: , forward/2: , count: }}\nservice:\n  pipelines:\n{lines}"
    )
}

/// Scenario: pipelines have only connectors as receivers or exporters.
/// Guarantees: the config is valid and gives no warning.
#[test]
fn pipelines_of_nothing_but_connectors_are_fine() {
    let lines = "traces: { receivers: [otlp], exporters: [forward, count] }
traces/2: { receivers: [forward], exporters: [forward/2] }
traces/3: { receivers: [forward/2], exporters: [debug, count] }
metrics: { receivers: [otlp, count], exporters: [debug] }";
    warns(&pipelines(lines), "");
}

/// Scenario: connectors are defined, and no pipeline names them.
/// Guarantees: each gets a warning that it will not run.
#[test]
fn a_connector_that_is_in_no_pipeline_is_not_run() {
    let lines = "traces: { receivers: [otlp], exporters: [debug] }";
    warns(
        &pipelines(lines),
        "
warning: the connector `forward` is not in any pipeline
 --> otel.yaml:3:15  connectors
  |
3 | connectors: { forward: , forward/2: , count: }
  |               ^^^^^^^ it will not run

warning: the connector `forward/2` is not in any pipeline
 --> otel.yaml:3:26  connectors
  |
3 | connectors: { forward: , forward/2: , count: }
  |                          ^^^^^^^^^ it will not run

warning: the connector `count` is not in any pipeline
 --> otel.yaml:3:39  connectors
  |
3 | connectors: { forward: , forward/2: , count: }
  |                                       ^^^^^ it will not run",
    );
}

/// Scenario: one connector is only an exporter, and another is only a receiver.
/// Guarantees: each is an error that says which side is missing.
#[test]
fn a_connector_has_to_be_an_exporter_and_a_receiver() {
    let lines = "traces: { receivers: [otlp], exporters: [forward] }
metrics: { receivers: [count], exporters: [debug] }";
    refuses(
        &pipelines(lines),
        "
error: the connector `forward` is an exporter of `traces` and a receiver of none
 --> otel.yaml:6:46  service › pipelines › traces › exporters › [0]
  |
6 |     traces: { receivers: [otlp], exporters: [forward] }
  |                                              ^^^^^^^ what goes in here comes out nowhere

error: the connector `count` is a receiver of `metrics` and an exporter of none
 --> otel.yaml:7:28  service › pipelines › metrics › receivers › [0]
  |
7 |     metrics: { receivers: [count], exporters: [debug] }
  |                            ^^^^^ nothing will come out here",
    );
}

/// Scenario: a connector stands in pipelines whose signal it does not take or does not emit.
/// Guarantees: each is an error at its place in the pipeline.
#[test]
fn signals_that_a_connector_does_not_take_or_emit_are_refused() {
    let lines = "logs: { receivers: [otlp], exporters: [count, debug] }
traces: { receivers: [otlp], exporters: [count, debug] }
metrics: { receivers: [count], exporters: [debug] }
traces/2: { receivers: [count], exporters: [debug] }";
    refuses(
        &pipelines(lines),
        "
error: the connector `count` takes traces, and the pipeline `logs` carries logs
 --> otel.yaml:6:44  service › pipelines › logs › exporters › [0]
  |
6 |     logs: { receivers: [otlp], exporters: [count, debug] }
  |                                            ^^^^^

error: the connector `count` emits metrics, and the pipeline `traces/2` carries traces
 --> otel.yaml:9:29  service › pipelines › traces/2 › receivers › [0]
  |
9 |     traces/2: { receivers: [count], exporters: [debug] }
  |                             ^^^^^",
    );
}

/// Scenario: `forward`, which passes each signal on as it is, gets traces that no pipeline takes from it, and
/// has a pipeline of metrics that it never gets.
/// Guarantees: each is an error at its place in the pipeline.
#[test]
fn what_goes_into_a_connector_has_to_come_out_somewhere() {
    let lines = "traces: { receivers: [otlp], exporters: [forward] }
logs: { receivers: [otlp], exporters: [forward] }
logs/2: { receivers: [forward], exporters: [debug] }
metrics: { receivers: [forward], exporters: [debug] }";
    refuses(
        &pipelines(lines),
        "
error: no pipeline gets what the connector `forward` makes of traces: it is a receiver of `metrics` and `logs/2`
 --> otel.yaml:6:46  service › pipelines › traces › exporters › [0]
  |
6 |     traces: { receivers: [otlp], exporters: [forward] }
  |                                              ^^^^^^^

error: the connector `forward` gets no data to make metrics of: it is an exporter of `traces` and `logs`
 --> otel.yaml:9:28  service › pipelines › metrics › receivers › [0]
  |
9 |     metrics: { receivers: [forward], exporters: [debug] }
  |                            ^^^^^^^",
    );
}

/// Scenario: two connectors join two pipelines to a circle.
/// Guarantees: the error shows the way around the circle.
#[test]
fn pipelines_that_feed_themselves_are_refused_with_the_way_round() {
    let lines = "traces: { receivers: [otlp, forward/2], exporters: [forward] }
traces/2: { receivers: [forward], exporters: [forward/2] }";
    refuses(
        &pipelines(lines),
        "
error: pipelines feed themselves through connectors: traces → forward → traces/2 → forward/2 → traces
 --> otel.yaml:5:3  service › pipelines
  |
5 |   pipelines:
  |   ^^^^^^^^^",
    );
}

/// Scenario: one id is defined as a connector and as an exporter.
/// Guarantees: the error says that the id is ambiguous.
#[test]
fn an_id_that_is_a_connector_and_an_exporter_is_ambiguous() {
    let config = "receivers: { otlp: }
exporters: { debug: , debug/2: }
connectors: { forward: , debug: }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [debug] }";
    refuses(
        config,
        "
error: Spanloom has no connector `debug`
 --> otel.yaml:3:26  connectors
  |
3 | connectors: { forward: , debug: }
  |                          ^^^^^
  = `debug` is an exporter: it belongs in `exporters`

error: `debug` is a connector and an exporter
 --> otel.yaml:3:26  connectors
  |
3 | connectors: { forward: , debug: }
  |                          ^^^^^ a pipeline that names it could mean either",
    );
}
