//! Whole configs: sections, pipelines, variables, files, merging.

use super::{Row, table};
use crate::configs::{self, DIRECT, QUIET};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = table("value", VALUES, |value| {
        configs::relay_with("", "", &format!("{DIRECT}\n    headers: {{x-from: {value}}}"))
    });
    rows.extend(table("file-source", SOURCES, |exporter| {
        configs::relay_with("", "", &format!("{DIRECT}\n    {exporter}"))
    }));
    rows.extend(edits());
    rows.extend(merges());
    rows
}

/// A header's value, to see what it becomes.
const VALUES: &[(&str, &str)] = &[
    ("text", "plain"),
    ("env", "\"${env:HOME_OF_NOBODY:-default}\""),
    ("env-unset", "\"a${env:HOME_OF_NOBODY}b\""),
    ("env-empty-default", "\"a${env:HOME_OF_NOBODY:-}b\""),
    ("env-bare", "\"${HTTP_PORT_OF_NOBODY}x\""),
    ("env-dollar-name", "\"$HOME_OF_NOBODY\""),
    ("dollar-twice", "\"a$$b\""),
    ("dollar-brace-twice", "\"$${env:X}\""),
    ("dollar-alone", "\"a$\""),
    ("brace-open", "\"${env:X\""),
    ("env-name-bad", "\"${env:a-b}\""),
    ("unknown-provider", "\"${vault:x}\""),
    ("yaml-source", "\"${yaml:abc}\""),
    ("file-relative", "\"${file:token.txt}\""),
    ("file-missing", "\"${file:nowhere.txt}\""),
    ("nested", "\"${env:HOME_OF_NOBODY:-${env:NOBODY:-deep}}\""),
    ("number", "5"),
    ("number-octal", "010"),
    ("number-fraction", "5.0"),
    ("number-exponent", "1e3"),
    ("bool", "true"),
    ("yes", "yes"),
    ("null", ""),
    ("tilde", "~"),
    ("date", "2020-01-01"),
    ("list", "[a]"),
    ("map", "{a: b}"),
    ("quoted-number", "'5'"),
    ("block", "!!str 5"),
];

const SOURCES: &[(&str, &str)] = &[
    ("scalar", "compression_params: {level: \"${yaml:5}\"}"),
    ("map", "headers: ${file:headers.yaml}"),
    ("separator", "headers::x-from: a"),
    ("yaml-map", "headers: \"${yaml:{x-from: b}}\""),
    ("yaml-separator", "headers: \"${yaml:x-from: c}\""),
];

/// The usual config with one text replaced.
fn edits() -> Vec<Row> {
    let edits: &[(&str, &str, &str)] = &[
        ("unchanged", "", ""),
        ("receiver-twice", "receivers: [otlp], exporters", "receivers: [otlp, otlp], exporters"),
        ("exporter-twice", "exporters: [otlp_http]", "exporters: [otlp_http, otlp_http]"),
        ("exporter-text", "exporters: [otlp_http]", "exporters: otlp_http"),
        ("receivers-empty", "receivers: [otlp], exporters", "receivers: [], exporters"),
        ("receivers-missing", "receivers: [otlp], exporters", "exporters"),
        ("receiver-unknown", "receivers: [otlp], exporters", "receivers: [otlp, nobody], exporters"),
        ("processors-null", "receivers: [otlp], exporters", "receivers: [otlp], processors: , exporters"),
        ("pipeline-null", "    metrics: {receivers: [otlp], exporters: [otlp_http]}\n", "    metrics:\n"),
        ("pipeline-unknown-signal", "    metrics:", "    profils:"),
        ("pipeline-upper-case", "    metrics:", "    Metrics:"),
        ("pipeline-named", "    metrics:", "    traces/two:"),
        ("pipeline-name-space", "    metrics:", "    \"traces / two\":"),
        ("pipelines-missing", "  pipelines:\n", "  other:\n"),
        ("section-unknown", "exporters:\n", "nobody: {}\nexporters:\n"),
        ("processors-section-null", "exporters:\n", "processors:\nexporters:\n"),
        ("extensions-null", "exporters:\n", "extensions:\nexporters:\n"),
        ("extensions-list-null", "service:\n", "service:\n  extensions:\n"),
        ("connectors-empty", "exporters:\n", "connectors: {}\nexporters:\n"),
        (
            "unused-receiver",
            "receivers:\n",
            "receivers:\n  otlp/unused: {protocols: {http: {endpoint: \"127.0.0.1:1\"}}}\n",
        ),
        ("unused-broken", "exporters:\n", "exporters:\n  otlp_http/unused: {nonsense: 1}\n"),
        ("unused-unknown-type", "exporters:\n", "exporters:\n  nobody: {}\n"),
        ("unused-no-endpoint", "exporters:\n", "exporters:\n  otlp_http/unused: {}\n"),
        ("key-twice", "    compression: none", "    compression: none\n    compression: gzip"),
        ("anchors", "compression: none", "compression: &c none\n    headers: &h {x-from: *c}"),
        ("merge-key", "    compression: none", "    <<: {compression: none}"),
        ("id-slash-only", "exporters:\n", "exporters:\n  otlp_http/: {}\n"),
        ("id-two-slashes", "exporters:\n", "exporters:\n  nop/a/b: {}\n"),
        ("id-spaces", "exporters:\n", "exporters:\n  \"nop / a\": {}\n"),
        ("tabs", "exporters:\n", "exporters:\n\t\n"),
        ("document-marks", "receivers:\n", "---\nreceivers:\n"),
        ("two-documents", "service:\n", "---\nservice:\n"),
        ("protocols-null", "      grpc: {endpoint: \"${env:GRPC}\"}\n", ""),
        ("protocol-unknown", "      grpc:", "      thrift:"),
        (
            "separator-in-key",
            "telemetry: {metrics: {level: none}",
            "telemetry::metrics::level: none\n  telemetry: {metrics: {}",
        ),
    ];
    let row = |(name, from, to): &(&str, &str, &str)| {
        let config = configs::relay();
        let config = if from.is_empty() { config } else { config.replace(from, to) };
        Row::new("edit", name, config)
    };
    edits.iter().map(row).collect()
}

/// Several configs, the later over the earlier.
fn merges() -> Vec<Row> {
    let header = |value: &str| format!("exporters:\n  otlp_http:\n    headers: {value}\n");
    let base = || configs::relay_with("", "", &format!("{DIRECT}\n    headers: {{x-from: a, x-other: b}}"));
    let rows: &[(&str, &str)] = &[
        ("empty", ""),
        ("comment", "# nothing\n"),
        ("null", "null\n"),
        ("empty-map", "{}\n"),
        ("scalar", &header("{x-from: c}")),
        ("null-value", &header("")),
        ("empty-value", &header("{}")),
        ("text-over-map", &header("c")),
        ("list-replaced", "service:\n  pipelines:\n    traces: {exporters: [nop]}\nexporters: {nop: }\n"),
        ("section-null", "exporters:\n"),
        ("component-null", "exporters:\n  otlp_http:\n"),
        ("separator", "exporters::otlp_http::headers::x-from: d\n"),
        (
            "new-pipeline",
            "service:\n  pipelines:\n    traces/b: {receivers: [otlp], exporters: [nop]}\nexporters: {nop: }\n",
        ),
        ("not-yaml", "a: [\n"),
        ("list", "- a\n"),
        ("telemetry", &format!("service:\n  {QUIET}\n")),
    ];
    let merged = |(name, later): &(&str, &str)| Row {
        name: format!("merge-{name}"),
        configs: vec![base(), (*later).to_owned()],
    };
    rows.iter().map(merged).collect()
}
