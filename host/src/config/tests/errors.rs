//! The messages about wrong configs, word for word.

use super::{open, refuses, warns};
use crate::config::{ConfigError, Node};

/// Returns a config with these lines as those of the exporter `otlp`, from line 4.
fn exporter(lines: &str) -> String {
    format!(
        "receivers: {{ otlp: }}\nexporters:\n  otlp:\n{lines}\nservice:\n  pipelines:\n    traces: {{ receivers: [otlp], exporters: [otlp] }}\n"
    )
}

/// Returns a config with these lines as its pipelines, from line 7.
fn pipelines(lines: &str) -> String {
    format!(
        "receivers: {{ otlp: , zipkin: }}\nexporters:\n  debug:\n  debug/2:\n  xray:\nservice: {{ pipelines: {{\n{lines}\n}} }}\n"
    )
}

/// Scenario: a config has two unknown keys; one resembles a known key.
/// Guarantees: the error names both, the similar key, and all known keys.
#[test]
fn unknown_keys_are_all_named_with_the_nearest_right_one() {
    refuses(
        &exporter("    endpoint: a:4317\n    sending_queue:\n      queue_sise: 5000\n      colour: red"),
        "
error: unknown key `queue_sise`
 --> otel.yaml:6:7  exporters › otlp › sending_queue
  |
6 |       queue_sise: 5000
  |       ^^^^^^^^^^ did you mean `queue_size`?
  = known keys: enabled, num_consumers, queue_size

error: unknown key `colour`
 --> otel.yaml:7:7  exporters › otlp › sending_queue
  |
7 |       colour: red
  |       ^^^^^^
  = known keys: enabled, num_consumers, queue_size",
    );
}

/// Scenario: values have the wrong type, quotes that do not belong, or nothing.
/// Guarantees: each error says what was expected and found, and gives advice for common mistakes.
#[test]
fn a_wrong_type_says_what_was_expected() {
    refuses(
        &exporter("    endpoint: a:4317\n    sending_queue:\n      queue_size: many"),
        "
error: expected a whole number, found the text `many`
 --> otel.yaml:6:19  exporters › otlp › sending_queue › queue_size
  |
6 |       queue_size: many
  |                   ^^^^",
    );
    refuses(
        &exporter("    endpoint: a:4317\n    sending_queue:\n      queue_size: \"5000\""),
        r#"
error: expected a whole number, found the text `5000`
 --> otel.yaml:6:19  exporters › otlp › sending_queue › queue_size
  |
6 |       queue_size: "5000"
  |                   ^^^^^^ write it without quotes"#,
    );
    refuses(
        &exporter("    endpoint: a:4317\n    sending_queue: { enabled: yes }"),
        "
error: expected `true` or `false`, found the text `yes`
 --> otel.yaml:5:31  exporters › otlp › sending_queue › enabled
  |
5 |     sending_queue: { enabled: yes }
  |                               ^^^ write `true`",
    );
    refuses(
        &exporter("    endpoint: a:4317\n    sending_queue: { num_consumers: 70000 }"),
        "
error: expected a whole number, 0 to 65535, found `70000`
 --> otel.yaml:5:37  exporters › otlp › sending_queue › num_consumers
  |
5 |     sending_queue: { num_consumers: 70000 }
  |                                     ^^^^^",
    );
    refuses(
        &exporter("    endpoint: a:4317\n    sending_queue: [1, 2]"),
        "
error: expected a map of keys, found a list
 --> otel.yaml:5:5  exporters › otlp › sending_queue
  |
5 |     sending_queue: [1, 2]
  |     ^^^^^^^^^^^^^",
    );
    refuses(
        &exporter("    endpoint:\n      host: a"),
        "
error: expected text, found a map
 --> otel.yaml:4:5  exporters › otlp › endpoint
  |
4 |     endpoint:
  |     ^^^^^^^^",
    );
}

/// Scenario: a duration has a unit that Go does not know, and another is negative.
/// Guarantees: each is an error at its place.
#[test]
fn a_duration_without_a_unit_go_knows_is_refused_at_its_place() {
    refuses(
        &exporter("    endpoint: a:4317\n    timeout: 5 seconds"),
        "
error: `5 seconds` is not a duration: write it as `200ms`, `30s` or `1h30m`
 --> otel.yaml:5:14  exporters › otlp › timeout
  |
5 |     timeout: 5 seconds
  |              ^^^^^^^^^",
    );
    refuses(
        &exporter("    endpoint: a:4317\n    timeout: -5"),
        "
error: a duration is not negative
 --> otel.yaml:5:14  exporters › otlp › timeout
  |
5 |     timeout: -5
  |              ^^",
    );
}

/// Scenario: a component's own check names a key; the check does not know its config's place.
/// Guarantees: the error stands at the key, or at the component if the key is missing.
#[test]
fn what_validate_finds_stands_at_the_key_it_names() {
    refuses(
        &exporter("    endpoint: \"\""),
        r#"
error: `endpoint` is empty: say where to, as `host:4317`
 --> otel.yaml:4:15  exporters › otlp › endpoint
  |
4 |     endpoint: ""
  |               ^^"#,
    );
    refuses(
        &exporter("    timeout: 5s"),
        "
error: `endpoint` is empty: say where to, as `host:4317`
 --> otel.yaml:3:3  exporters › otlp
  |
3 |   otlp:
  |   ^^^^",
    );
}

/// Scenario: a config names types that Spanloom lacks.
/// Guarantees: each error gives advice: what to use, the similar type, or the types that exist.
#[test]
fn a_component_we_do_not_have_is_named_with_those_we_have() {
    refuses(
        "receivers:\n  jaeger:\n  zipkins:\nprocessors:\n  filter:\nexporters:\n  debug:\nservice:\n  pipelines:\n    traces:\n      receivers: [jaeger]\n      processors: [filter]\n      exporters: [debug]\n",
        "
error: Spanloom has no receiver `jaeger`, a type of the Collector's
 --> otel.yaml:2:3  receivers
  |
2 |   jaeger:
  |   ^^^^^^
  = use `otlp`: Jaeger's clients and agents of today send OTLP

error: Spanloom has no receiver `zipkins`
 --> otel.yaml:3:3  receivers
  |
3 |   zipkins:
  |   ^^^^^^^ did you mean `zipkin`?
  = it has: otlp, zipkin

error: Spanloom has no processor `filter`, a type of the Collector's
 --> otel.yaml:5:3  processors
  |
5 |   filter:
  |   ^^^^^^
  = write a processor: `spanloom plugin new --role processor`",
    );
}

/// Scenario: a config names types of the Collector in several spellings and in wrong sections.
/// Guarantees: each error says what to use instead, or the section that the type belongs to.
#[test]
fn a_type_of_the_collectors_is_told_what_does_its_job() {
    refuses(
        "receivers: { otlp: , hostmetrics: , prometheus_remote_write: }\nprocessors: { nothing: , queued_retry: , count: }\nexporters:\n  loki:\n  kafka:\n  zipkin-v2:\n\
         service: { pipelines: { traces: { receivers: [otlp], exporters: [kafka] } } }\n",
        "
error: Spanloom has no receiver `hostmetrics`, a type of the Collector's
 --> otel.yaml:1:22  receivers
  |
1 | receivers: { otlp: , hostmetrics: , prometheus_remote_write: }
  |                      ^^^^^^^^^^^
  = nothing in Spanloom does its job

error: Spanloom has no receiver `prometheus_remote_write`, a type of the Collector's
 --> otel.yaml:1:37  receivers
  |
1 | receivers: { otlp: , hostmetrics: , prometheus_remote_write: }
  |                                     ^^^^^^^^^^^^^^^^^^^^^^^
  = nothing in Spanloom does its job

error: Spanloom has no processor `nothing`
 --> otel.yaml:2:15  processors
  |
2 | processors: { nothing: , queued_retry: , count: }
  |               ^^^^^^^
  = it has no processors of its own; `plugins` adds some

error: Spanloom has no processor `queued_retry`; the Collector has removed it too
 --> otel.yaml:2:26  processors
  |
2 | processors: { nothing: , queued_retry: , count: }
  |                          ^^^^^^^^^^^^
  = use `sending_queue` and `retry_on_failure` of the exporter

error: Spanloom has no processor `count`
 --> otel.yaml:2:42  processors
  |
2 | processors: { nothing: , queued_retry: , count: }
  |                                          ^^^^^
  = `count` is a connector: it belongs in `connectors`

error: Spanloom has no exporter `loki`; the Collector has removed it too
 --> otel.yaml:4:3  exporters
  |
4 |   loki:
  |   ^^^^
  = use `otlp_http`: Loki takes OTLP at http://loki:3100/otlp

error: Spanloom has no exporter `kafka`, a type of the Collector's
 --> otel.yaml:5:3  exporters
  |
5 |   kafka:
  |   ^^^^^
  = nothing in Spanloom does its job; a plugin may: `spanloom plugin new`

error: `zipkin-v2` is not an id: a type has no `-`; is it `zipkin_v2`?
 --> otel.yaml:6:3  exporters
  |
6 |   zipkin-v2:
  |   ^^^^^^^^^",
    );
}

/// Scenario: a config names extensions that only show something; a third of all public configs do.
/// Guarantees: Spanloom starts, and warns that each does nothing.
#[test]
fn extensions_that_only_show_something_are_accepted() {
    warns(
        &format!(
            "extensions: {{ zpages: {{ endpoint: x }}, pprof/a: , memory_ballast: , healthcheckv2: }}\n{}\n",
            pipelines("  traces: { receivers: [otlp, zipkin], exporters: [debug, debug/2, xray] }").replace(
                "service: {",
                "service: { extensions: [zpages, pprof/a, memory_ballast, healthcheckv2],"
            )
        ),
        "
warning: the extension `zpages` does nothing in Spanloom
 --> otel.yaml:1:15  extensions
  |
1 | extensions: { zpages: { endpoint: x }, pprof/a: , memory_ballast: , healthcheckv2: }
  |               ^^^^^^
  = `spanloom status` shows what runs; the exporter `debug` shows what passes

warning: the extension `pprof/a` does nothing in Spanloom
 --> otel.yaml:1:40  extensions
  |
1 | extensions: { zpages: { endpoint: x }, pprof/a: , memory_ballast: , healthcheckv2: }
  |                                        ^^^^^^^
  = Spanloom has no profiles of its own; `perf record -p PID` makes one

warning: the extension `memory_ballast` does nothing in Spanloom
 --> otel.yaml:1:51  extensions
  |
1 | extensions: { zpages: { endpoint: x }, pprof/a: , memory_ballast: , healthcheckv2: }
  |                                                   ^^^^^^^^^^^^^^
  = Spanloom has no garbage collector to keep quiet

warning: the extension `healthcheckv2` does nothing in Spanloom
 --> otel.yaml:1:69  extensions
  |
1 |  pprof/a: , memory_ballast: , healthcheckv2: }
  |                               ^^^^^^^^^^^^^
  = use `health_check`, which answers whether the service is ready",
    );
}

/// Scenario: one component has wrong types, an unknown key and a wrong value.
/// Guarantees: all are reported at once, and the default that replaces a wrong value is not reported.
#[test]
fn everything_that_is_wrong_with_a_component_is_told_at_once() {
    refuses(
        &exporter(
            "    endpoint: \"\"\n    timeout: soon\n    sending_queue: { queue_size: many, enabled: 5 }\n    middlewares: []\n    headers: 5",
        ),
        r#"
error: `endpoint` is empty: say where to, as `host:4317`
 --> otel.yaml:4:15  exporters › otlp › endpoint
  |
4 |     endpoint: ""
  |               ^^

error: `soon` is not a duration: write it as `200ms`, `30s` or `1h30m`
 --> otel.yaml:5:14  exporters › otlp › timeout
  |
5 |     timeout: soon
  |              ^^^^

error: expected a whole number, found the text `many`
 --> otel.yaml:6:34  exporters › otlp › sending_queue › queue_size
  |
6 |     sending_queue: { queue_size: many, enabled: 5 }
  |                                  ^^^^

error: expected `true` or `false`, found `5`
 --> otel.yaml:6:49  exporters › otlp › sending_queue › enabled
  |
6 |     sending_queue: { queue_size: many, enabled: 5 }
  |                                                 ^

error: unknown key `middlewares`
 --> otel.yaml:7:5  exporters › otlp
  |
7 |     middlewares: []
  |     ^^^^^^^^^^^ a key of the Collector's that Spanloom does not have
  = nothing in Spanloom does its job

error: expected a map of keys, found another value (a secret)
 --> otel.yaml:8:14  exporters › otlp › headers
  |
8 |     headers: [REDACTED]
  |              ^^^^^^^^^^"#,
    );
    refuses(
        &exporter("    endpoint: [a]"),
        "
error: expected text, found a list
 --> otel.yaml:4:5  exporters › otlp › endpoint
  |
4 |     endpoint: [a]
  |     ^^^^^^^^",
    );
}

/// Scenario: an exporter that no pipeline uses has an empty endpoint, often because a variable is set
/// elsewhere.
/// Guarantees: the endpoint is only a warning; an unknown key is still an error.
#[test]
fn an_endpoint_of_what_no_pipeline_uses_keeps_nothing_from_starting() {
    let unused = "receivers: { otlp: }\nexporters:\n  debug:\n  otlp:\n    endpoint: \"\"\nservice: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }\n";
    warns(
        unused,
        r#"
warning: `endpoint` is empty: say where to, as `host:4317`
 --> otel.yaml:5:15  exporters › otlp › endpoint
  |
5 |     endpoint: ""
  |               ^^

warning: the exporter `otlp` is not in any pipeline
 --> otel.yaml:4:3  exporters
  |
4 |   otlp:
  |   ^^^^ it will not run"#,
    );
    let (_, opened) = super::open(&unused.replace("endpoint:", "endpont:"));
    assert!(opened.is_err());
}

/// Scenario: values hold `$NAME`, which earlier Collectors read as a variable.
/// Guarantees: a warning shows how to write a variable, and does not show a name that may be a part of a
/// secret.
#[test]
fn a_variable_without_braces_is_told_how_it_is_written() {
    warns(
        &exporter("    endpoint: $HOST:4317\n    headers: { a: $SESAME, b: $$HOST, c: $1 }"),
        "
warning: `$HOST` is plain text
 --> otel.yaml:4:15  exporters › otlp › endpoint
  |
4 |     endpoint: $HOST:4317
  |               ^^^^^^^^^^ a variable is written `${env:HOST}`
  = to say that a `$` is meant, double it: `$$`

warning: `$NAME` is plain text
 --> otel.yaml:5:19  exporters › otlp › headers › a
  |
5 |     headers: { a: [REDACTED], b: [REDACTED], c: [REDACTED] }
  |                   ^^^^^^^^^^ a variable is written `${env:NAME}`
  = to say that a `$` is meant, double it: `$$`",
    );
}

/// Scenario: pipelines name components that are not defined.
/// Guarantees: each is an error at its place, with the similar id and the defined ids.
#[test]
fn a_pipeline_may_name_only_what_is_defined() {
    refuses(
        &pipelines("  traces: { receivers: [otlp], exporters: [debug/3] }"),
        "
error: the exporter `debug/3` is not defined in `exporters`
 --> otel.yaml:7:44  service › pipelines › traces › exporters › [0]
  |
7 |   traces: { receivers: [otlp], exporters: [debug/3] }
  |                                            ^^^^^^^ did you mean `debug/2`?
  = defined there: debug, debug/2, xray",
    );
    refuses(
        &pipelines("  traces: { receivers: [otpl], processors: [batch], exporters: [debug] }"),
        "
error: the receiver `otpl` is not defined in `receivers`
 --> otel.yaml:7:25  service › pipelines › traces › receivers › [0]
  |
7 |   traces: { receivers: [otpl], processors: [batch], exporters: [debug] }
  |                         ^^^^ did you mean `otlp`?
  = defined there: otlp, zipkin

error: the processor `batch` is not defined in `processors`
 --> otel.yaml:7:45  service › pipelines › traces › processors › [0]
  |
7 |   traces: { receivers: [otpl], processors: [batch], exporters: [debug] }
  |                                             ^^^^^
  = `processors` defines none",
    );
}

/// Scenario: a pipeline names its receiver, its processor and its exporter twice.
/// Guarantees: the processor is an error at its place. The others are warnings, because they count once.
#[test]
fn a_component_that_is_named_twice_counts_once() {
    const ENDS: &str = "receivers: { otlp: }\nexporters: { debug: }\nservice:\n  pipelines:\n";
    warns(
        &format!("{ENDS}    traces: {{ receivers: [otlp, otlp], exporters: [debug, debug] }}\n"),
        "
warning: the receiver `otlp` is here twice
 --> otel.yaml:5:33  service › pipelines › traces › receivers › [1]
  |
5 |     traces: { receivers: [otlp, otlp], exporters: [debug, debug] }
  |                                 ^^^^ it counts once

warning: the exporter `debug` is here twice
 --> otel.yaml:5:59  service › pipelines › traces › exporters › [1]
  |
5 |     traces: { receivers: [otlp, otlp], exporters: [debug, debug] }
  |                                                           ^^^^^ it counts once",
    );
    let (_, opened) =
        open(&pipelines("  traces: { receivers: [otlp], processors: [a, a], exporters: [debug] }"));
    let error = opened.map(drop).unwrap_err().to_string();
    assert!(error.contains("error: the processor `a` is here twice"), "{error}");
}

/// Scenario: pipelines lack a receiver or an exporter, have the wrong signal, or have a wrong name.
/// Guarantees: each is an error at its place.
#[test]
fn a_pipeline_needs_both_ends_and_a_signal_they_take() {
    refuses(
        &pipelines("  traces: { receivers: [], exporters: [debug] }"),
        "
error: the pipeline `traces` has no receiver
 --> otel.yaml:7:3  service › pipelines › traces
  |
7 |   traces: { receivers: [], exporters: [debug] }
  |   ^^^^^^",
    );
    refuses(
        &pipelines("  traces:"),
        "
error: the pipeline `traces` has no receiver
 --> otel.yaml:7:3  service › pipelines › traces
  |
7 |   traces:
  |   ^^^^^^

error: the pipeline `traces` has no exporter
 --> otel.yaml:7:3  service › pipelines › traces
  |
7 |   traces:
  |   ^^^^^^",
    );
    refuses(
        &pipelines("  metrics: { receivers: [zipkin], exporters: [xray] }"),
        "
error: the receiver `zipkin` takes traces, and the pipeline `metrics` carries metrics
 --> otel.yaml:7:26  service › pipelines › metrics › receivers › [0]
  |
7 |   metrics: { receivers: [zipkin], exporters: [xray] }
  |                          ^^^^^^

error: the exporter `xray` takes traces, and the pipeline `metrics` carries metrics
 --> otel.yaml:7:47  service › pipelines › metrics › exporters › [0]
  |
7 |   metrics: { receivers: [zipkin], exporters: [xray] }
  |                                               ^^^^",
    );
    refuses(&pipelines("  trace/2: { receivers: [otlp], exporters: [debug] }"), "
error: a pipeline is called `traces`, `metrics` or `logs`, or one of them with a name (`traces/slow`); `trace/2` is not; did you mean `traces`?
 --> otel.yaml:7:3  service › pipelines
  |
7 |   trace/2: { receivers: [otlp], exporters: [debug] }
  |   ^^^^^^^");
    refuses(&pipelines("  spans: { receivers: [otlp], exporters: [debug] }"), "
error: a pipeline is called `traces`, `metrics` or `logs`, or one of them with a name (`traces/slow`); `spans` is not
 --> otel.yaml:7:3  service › pipelines
  |
7 |   spans: { receivers: [otlp], exporters: [debug] }
  |   ^^^^^");
}

/// Scenario: one id ends after its `/`, and another begins with a digit.
/// Guarantees: each error says how to write an id.
#[test]
fn an_id_is_a_word_and_perhaps_a_name() {
    refuses(
        &pipelines("  traces: { receivers: [otlp/], exporters: [debug] }"),
        "
error: `otlp/` is not an id: after the `/` a name of up to 1024 bytes is due
 --> otel.yaml:7:25  service › pipelines › traces › receivers › [0]
  |
7 |   traces: { receivers: [otlp/], exporters: [debug] }
  |                         ^^^^^",
    );
    refuses(
        "receivers: { 2otlp: }",
        "
error: `2otlp` is not an id: write `type` or `type/name`, the type a word
 --> otel.yaml:1:14  receivers
  |
1 | receivers: { 2otlp: }
  |              ^^^^^

error: there is no pipeline in `service::pipelines`
  = write one: `service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }`",
    );
}

/// Scenario: sections are misspelt, have the wrong type, or are missing.
/// Guarantees: each is an error that says what would be right.
#[test]
fn sections_are_maps_that_we_know() {
    refuses(
        "receiver:\n  otlp:\nservice: { pipeline: }",
        "
error: unknown key `receiver`
 --> otel.yaml:1:1
  |
1 | receiver:
  | ^^^^^^^^ did you mean `receivers`?
  = known keys: receivers, processors, exporters, connectors, extensions, plugins, service

error: there is no pipeline in `service::pipelines`
 --> otel.yaml:3:1  service
  |
3 | service: { pipeline: }
  | ^^^^^^^
  = write one: `service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }`

error: unknown key `pipeline`
 --> otel.yaml:3:12  service
  |
3 | service: { pipeline: }
  |            ^^^^^^^^ did you mean `pipelines`?
  = known keys: extensions, pipelines, telemetry, admin, shutdown_timeout, memory_limit_mib",
    );
    refuses(
        "receivers: [otlp]\nservice: 5",
        "
error: expected a map of ids, found a list
 --> otel.yaml:1:1  receivers
  |
1 | receivers: [otlp]
  | ^^^^^^^^^

error: expected a map of keys, found `5`
 --> otel.yaml:2:10  service
  |
2 | service: 5
  |          ^

error: there is no pipeline in `service::pipelines`
 --> otel.yaml:2:10  service
  |
2 | service: 5
  |          ^
  = write one: `service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }`",
    );
    refuses(
        "",
        "
error: there is no pipeline in `service::pipelines`
  = write one: `service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }`",
    );
    refuses(
        "- a\n- b",
        "
error: a config is a map of sections (receivers, exporters, service, …)
 --> otel.yaml:1:1
  |
1 | - a
  | ^",
    );
}

/// Scenario: texts break YAML's rules, or use YAML that a config may not use.
/// Guarantees: each error stands at the place where the text breaks.
#[test]
fn broken_yaml_is_shown_where_it_breaks() {
    refuses(
        "receivers:\n  otlp: [a\nservice:\n",
        "
error: this is not YAML: illegal placement of ':' indicator
 --> otel.yaml:3:8
  |
3 | service:
  |        ^",
    );
    refuses(
        "receivers:\n  otlp:\n\tprotocols:\n",
        "
error: this is not YAML: tabs disallowed within this context (block indentation)
 --> otel.yaml:3:2
  |
3 |  protocols:
  |  ^",
    );
    refuses(
        "a: 1\nb: 2\na: 3\n",
        "
error: the key `a` stands here twice
 --> otel.yaml:3:1
  |
3 | a: 3
  | ^ again here
  = first at otel.yaml:1:1",
    );
    refuses(
        "a: *nowhere\n",
        "
error: this is not YAML: while parsing node, found unknown anchor
 --> otel.yaml:1:4
  |
1 | a: *nowhere
  |    ^",
    );
    refuses(
        "a: &x [*x]\n",
        "
error: this alias stands inside of what it names
 --> otel.yaml:1:8
  |
1 | a: &x [*x]
  |        ^^",
    );
    refuses(
        "a: 1\n---\nb: 2\n",
        "
error: a config is one YAML document; another begins here
 --> otel.yaml:2:1
  |
2 | ---
  | ^^^",
    );
    refuses(
        "? [a]\n: b\n",
        "
error: a key is text, not a list or a map
 --> otel.yaml:1:5
  |
1 | ? [a]
  |     ^",
    );
    refuses(
        "a: !secret b\n",
        "
error: the YAML tag `!secret` is not known
 --> otel.yaml:1:4
  |
1 | a: !secret b
  |    ^^^^^^^^^",
    );
    refuses(
        "<<: 5\n",
        "
error: `<<` takes a map, or a list of maps
 --> otel.yaml:1:5
  |
1 | <<: 5
  |     ^",
    );
    refuses(
        "a: [${env:HOST}]\n",
        "
error: this is not YAML: while parsing a flow sequence, expected ',' or ']'
 --> otel.yaml:1:6
  |
1 | a: [${env:HOST}]
  |      ^
  = inside of `[…]` or `{…}` a reference is put in quotes: '${…}'",
    );
}

/// Scenario: references have an unknown kind, a wrong name, no closing brace, or a missing file.
/// Guarantees: each error points at the reference, and does not show the reference's value.
#[test]
fn a_wrong_reference_is_shown_where_it_stands() {
    refuses(
        &exporter("    endpoint: \"${env:HOST}:${vault:port}\""),
        r#"
error: `vault:` is not a kind of reference
 --> otel.yaml:4:28  exporters › otlp › endpoint
  |
4 |     endpoint: "${env:HOST}:${vault:port}"
  |                            ^^^^^^^^^^^^^
  = known kinds: env, file, yaml; a default is written `${vault:-default}`, a plain `$` as `$$`"#,
    );
    refuses(
        &exporter("    endpoint: ${env:1}"),
        "
error: `1` is not the name of an environment variable
 --> otel.yaml:4:15  exporters › otlp › endpoint
  |
4 |     endpoint: ${env:1}
  |               ^^^^^^^^
  = to write a plain `$`, double it: `$$`",
    );
    refuses(
        &exporter("    endpoint: ${env:HOST"),
        "
error: this `${` has no `}`
 --> otel.yaml:4:15  exporters › otlp › endpoint
  |
4 |     endpoint: ${env:HOST
  |               ^^^^^^^^^^
  = to write a plain `$`, double it: `$$`",
    );
    refuses(
        &exporter("    endpoint: ${HOST:4317}"),
        "
error: `HOST:` is not a kind of reference
 --> otel.yaml:4:15  exporters › otlp › endpoint
  |
4 |     endpoint: ${HOST:4317}
  |               ^^^^^^^^^^^^
  = known kinds: env, file, yaml; a default is written `${HOST:-default}`, a plain `$` as `$$`",
    );
    refuses(
        &exporter("    endpoint: ${file:missing.txt}"),
        "
error: cannot read missing.txt: No such file or directory (os error 2)
 --> otel.yaml:4:15  exporters › otlp › endpoint
  |
4 |     endpoint: ${file:missing.txt}
  |               ^^^^^^^^^^^^^^^^^^^",
    );
    refuses(
        &exporter("    endpoint: a:4317\n    sending_queue: { queue_size: \"${env:HOST}\" }"),
        r#"
error: expected a whole number, found text (the value of the reference)
 --> otel.yaml:5:35  exporters › otlp › sending_queue › queue_size
  |
5 |     sending_queue: { queue_size: "${env:HOST}" }
  |                                   ^^^^^^^^^^^"#,
    );
}

/// Scenario: a key holds a colour code of the terminal.
/// Guarantees: the message shows the code's first character as `�`, so the code does not reach the terminal.
#[test]
fn control_characters_are_not_shown() {
    refuses(
        "\"\\e[31mred\": 1\n",
        r#"
error: unknown key `�[31mred`
 --> otel.yaml:1:1
  |
1 | "\e[31mred": 1
  | ^^^^^^^^^^^
  = known keys: receivers, processors, exporters, connectors, extensions, plugins, service

error: there is no pipeline in `service::pipelines`
  = write one: `service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }`"#,
    );
}

/// Scenario: two errors are about a line of more than 300 characters.
/// Guarantees: each shows a part of the line around its place.
#[test]
fn a_long_line_is_shown_around_the_place() {
    let line = format!("service: {{ telemetry: {{ resource: {{ a: {} }} }}, x: 1 }}", "a".repeat(300));
    refuses(&line, "
error: there is no pipeline in `service::pipelines`
 --> otel.yaml:1:1  service
  |
1 | service: { telemetry: { resource: { a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  | ^^^^^^^
  = write one: `service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }`

error: unknown key `x`
 --> otel.yaml:1:346  service
  |
1 | aaaaaaaaaaaaaaaaaaaaaaaa } }, x: 1 }
  |                               ^
  = known keys: extensions, pipelines, telemetry, admin, shutdown_timeout, memory_limit_mib");
}

/// Scenario: configs have unused components, an old name, keys without effect, and a variable that is not
/// set.
/// Guarantees: the configs are valid, and each doubt is a warning at its place.
#[test]
fn what_is_doubtful_is_a_warning() {
    warns(
        &format!(
            "extensions: {{ health_check: }}\n{}",
            pipelines("  traces: { receivers: [otlp, zipkin], exporters: [debug] }")
        ),
        "
warning: the exporter `debug/2` is not in any pipeline
 --> otel.yaml:5:3  exporters
  |
5 |   debug/2:
  |   ^^^^^^^ it will not run

warning: the exporter `xray` is not in any pipeline
 --> otel.yaml:6:3  exporters
  |
6 |   xray:
  |   ^^^^ it will not run

warning: the extension `health_check` is not in service.extensions
 --> otel.yaml:1:15  extensions
  |
1 | extensions: { health_check: }
  |               ^^^^^^^^^^^^ it will not run",
    );
    warns(
        "receivers: { otlp: }\nexporters: { logging: }\nservice:\n  telemetry:\n    logs: { development: true }\n    metrics: { readers: [{ periodic: { interval: 5s } }] }\n  pipelines:\n    traces: { receivers: [otlp], exporters: [logging] }\n",
        "
warning: the exporter `logging` is called `debug` today
 --> otel.yaml:2:14  exporters
  |
2 | exporters: { logging: }
  |              ^^^^^^^
  = `logging` still works, but will be removed

warning: `development` has no effect in Spanloom
 --> otel.yaml:5:26  service › telemetry › logs › development
  |
5 |     logs: { development: true }
  |                          ^^^^
  = it is about stack traces, which no line of the log has

warning: `periodic` has no effect in Spanloom
 --> otel.yaml:6:28  service › telemetry › metrics › readers › [0] › periodic
  |
6 |     metrics: { readers: [{ periodic: { interval: 5s } }] }
  |                            ^^^^^^^^
  = Spanloom's own metrics are scraped: `readers: [{ pull: … }]`",
    );
    warns(
        &exporter("    endpoint: a${env:MISSING}:4317"),
        "
warning: the environment variable `MISSING` is not set
 --> otel.yaml:4:16  exporters › otlp › endpoint
  |
4 |     endpoint: a${env:MISSING}:4317
  |                ^^^^^^^^^^^^^^ this is read as nothing
  = a default is written `${env:MISSING:-default}`",
    );
}

/// Scenario: a variable that is not set leaves an endpoint empty.
/// Guarantees: the warning about the variable stands above the error that it caused.
#[test]
fn an_error_does_not_hide_what_may_have_caused_it() {
    refuses(
        &exporter("    endpoint: ${env:MISSING}"),
        "
warning: the environment variable `MISSING` is not set
 --> otel.yaml:4:15  exporters › otlp › endpoint
  |
4 |     endpoint: ${env:MISSING}
  |               ^^^^^^^^^^^^^^ this is read as nothing
  = a default is written `${env:MISSING:-default}`

error: `endpoint` is empty: say where to, as `host:4317`
 --> otel.yaml:4:15  exporters › otlp › endpoint
  |
4 |     endpoint: ${env:MISSING}
  |               ^^^^^^^^^^^^^^",
    );
}

/// Scenario: errors name keys of a config, and do not know the config's place.
/// Guarantees: each gets the place of the deepest key that exists.
#[test]
fn an_error_that_begins_with_its_keys_is_placed_by_them() {
    let node = Node::parse("a.yaml", "tls:\n  cert_file: x.pem\n").unwrap();
    let places = [
        (ConfigError::on("tls::cert_file", "no such file"), "a.yaml:2:14"),
        (ConfigError::new("tls.cert_file: x.pem: no such file"), "a.yaml:2:14"),
        (ConfigError::new("tls: cert_file: no such file"), "a.yaml:2:14"),
        (ConfigError::new("tls.key_file: is missing"), "a.yaml:1:1"),
        (ConfigError::new("this is wrong"), "a.yaml:1:1"),
    ];
    for (error, place) in places {
        let error = error.within(&node);
        assert_eq!(error.findings()[0].at.as_ref().unwrap().to_string(), place);
    }
}

/// Scenario: an error has a key and no file.
/// Guarantees: the message shows the key.
#[test]
fn a_key_is_named_even_where_no_file_is_known() {
    let error = ConfigError::on("tls::cert_file", "no such file");
    assert_eq!(error.to_string(), "error: no such file\n --> tls › cert_file");
}
