//! Every message that a wrong config may meet, word for word.

use super::{refuses, warns};
use crate::config::{ConfigError, Node};

/// A config with these lines as the `otlp` exporter's, from line 4.
fn exporter(lines: &str) -> String {
    format!(
        "receivers: {{ otlp: }}\nexporters:\n  otlp:\n{lines}\nservice:\n  pipelines:\n    traces: {{ receivers: [otlp], exporters: [otlp] }}\n"
    )
}

/// A config with these lines as its pipelines, from line 7.
fn pipelines(lines: &str) -> String {
    format!(
        "receivers: {{ otlp: , zipkin: }}\nexporters:\n  debug:\n  debug/2:\n  xray:\nservice: {{ pipelines: {{\n{lines}\n}} }}\n"
    )
}

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
    refuses(
        &exporter("    endpoint:\n    timeout: 5s"),
        "
error: expected text, found nothing
 --> otel.yaml:4:5  exporters › otlp › endpoint
  |
4 |     endpoint:
  |     ^^^^^^^^ give it a value, or leave the key out",
    );
}

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

/// The component's own check knows no place; it names the key.
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

#[test]
fn a_component_we_do_not_have_is_named_with_those_we_have() {
    refuses(
        "receivers:\n  jaeger:\n  zipkins:\nprocessors:\n  filter:\nexporters:\n  debug:\nservice:\n  pipelines:\n    traces:\n      receivers: [jaeger]\n      processors: [filter]\n      exporters: [debug]\n",
        "
error: Spanloom has no receiver `jaeger`
 --> otel.yaml:2:3  receivers
  |
2 |   jaeger:
  |   ^^^^^^
  = it has: otlp, zipkin

error: Spanloom has no receiver `zipkins`
 --> otel.yaml:3:3  receivers
  |
3 |   zipkins:
  |   ^^^^^^^ did you mean `zipkin`?
  = it has: otlp, zipkin

error: Spanloom has no processor `filter`
 --> otel.yaml:5:3  processors
  |
5 |   filter:
  |   ^^^^^^
  = it has no processors of its own; `plugins` adds some",
    );
}

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
    refuses(
        &pipelines("  traces: { receivers: [otlp], exporters: [debug, debug] }"),
        "
error: the exporter `debug` is here twice
 --> otel.yaml:7:51  service › pipelines › traces › exporters › [1]
  |
7 |   traces: { receivers: [otlp], exporters: [debug, debug] }
  |                                                   ^^^^^",
    );
}

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
    refuses(
        &exporter("    endpoint: a:4317\n    sending_queue: { queue_size: \"${env:EMPTY}\" }"),
        r#"
error: expected a whole number, found nothing (the reference is empty)
 --> otel.yaml:5:35  exporters › otlp › sending_queue › queue_size
  |
5 |     sending_queue: { queue_size: "${env:EMPTY}" }
  |                                   ^^^^^^^^^^^^"#,
    );
}

/// Colour codes in a config must not reach the terminal.
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
  = `logging` still works and will go

warning: `service::telemetry::logs::development` has no effect in Spanloom
 --> otel.yaml:5:26  service › telemetry › logs › development
  |
5 |     logs: { development: true }
  |                          ^^^^

warning: `service::telemetry::metrics::readers::periodic` has no effect in Spanloom
 --> otel.yaml:6:16  service › telemetry › metrics › readers
  |
6 |     metrics: { readers: [{ periodic: { interval: 5s } }] }
  |                ^^^^^^^",
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

/// A variable that is not set may be why: its warning stands above the errors.
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

/// Components' checks know the keys of their config, not its place.
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

#[test]
fn a_key_is_named_even_where_no_file_is_known() {
    let error = ConfigError::on("tls::cert_file", "no such file");
    assert_eq!(error.to_string(), "error: no such file\n --> tls › cert_file");
}
