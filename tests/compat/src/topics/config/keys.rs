//! Keys of the receiver's servers, of `service`, of processors and of exporters that write locally.

use super::{Row, table};
use crate::configs::{self, DIRECT, QUIET};

pub(super) fn rows() -> Vec<Row> {
    [
        table("grpc", GRPC, |keys| configs::relay_with(keys, "", DIRECT)),
        table("http", HTTP, |keys| configs::relay_with("", keys, DIRECT)),
        table("listen", LISTEN, |endpoint| {
            configs::relay()
                .replace("http: {endpoint: \"${env:HTTP}\"", &format!("http: {{endpoint: {endpoint}"))
        }),
        table("telemetry", TELEMETRY, |keys| {
            configs::with_service("", "", DIRECT, "", &format!("telemetry: {{{keys}}}"))
        }),
        table("batch", BATCH, |keys| {
            configs::relay()
                .replace("exporters:\n", &format!("processors:\n  batch: {keys}\nexporters:\n"))
                .replace("receivers: [otlp],", "receivers: [otlp], processors: [batch],")
        }),
        table("memory-limiter", MEMORY_LIMITER, |keys| {
            configs::relay()
                .replace("exporters:\n", &format!("processors:\n  memory_limiter: {keys}\nexporters:\n"))
                .replace("receivers: [otlp],", "receivers: [otlp], processors: [memory_limiter],")
        }),
        table("debug", DEBUG, |keys| beside(&format!("debug: {keys}"))),
        table("file", FILE, |keys| beside(&format!("file: {keys}"))),
        table("extension", EXTENSIONS, |text| {
            let id = text.split(':').next().unwrap_or_default();
            let service = format!("{QUIET}\n  extensions: [{id}]");
            configs::with_service("", "", DIRECT, &format!("extensions:\n  {text}"), &service)
        }),
    ]
    .concat()
}

/// Returns a config with a second exporter.
fn beside(exporter: &str) -> String {
    let id = exporter.split(':').next().unwrap_or_default();
    configs::relay_with("", "", &format!("{DIRECT}\n  {exporter}"))
        .replace("exporters: [otlp_http]", &format!("exporters: [otlp_http, {id}]"))
}

type Rows = &'static [(&'static str, &'static str)];

/// More keys of `protocols.grpc`.
const GRPC: Rows = &[
    ("max-recv-msg-size", ", max_recv_msg_size_mib: 4"),
    ("max-recv-msg-size-text", ", max_recv_msg_size_mib: \"4\""),
    ("max-recv-msg-size-exponent", ", max_recv_msg_size_mib: 1e1"),
    ("max-recv-msg-size-fraction", ", max_recv_msg_size_mib: 4.0"),
    ("max-recv-msg-size-negative", ", max_recv_msg_size_mib: -1"),
    ("max-recv-msg-size-null", ", max_recv_msg_size_mib: null"),
    ("max-concurrent-streams", ", max_concurrent_streams: 16"),
    ("buffers", ", read_buffer_size: 524288, write_buffer_size: 1024"),
    (
        "keepalive",
        ", keepalive: {server_parameters: {max_connection_age: 1m, time: 10s, timeout: 5s}, enforcement_policy: {min_time: 10s, permit_without_stream: true}}",
    ),
    ("keepalive-empty", ", keepalive: {}"),
    ("transport-tcp4", ", transport: tcp4"),
    ("transport-unknown", ", transport: carrier-pigeon"),
    ("include-metadata", ", include_metadata: true"),
    ("include-metadata-text", ", include_metadata: \"true\""),
    ("middlewares-empty", ", middlewares: []"),
    ("unknown-key", ", max_recv_size: 4"),
    ("tls-empty", ", tls: {}"),
    ("tls-null", ", tls: null"),
    ("auth-unknown", ", auth: {authenticator: nobody}"),
];

/// More keys of `protocols.http`.
const HTTP: Rows = &[
    ("paths", ", traces_url_path: /v1/traces, logs_url_path: /l, metrics_url_path: m"),
    ("max-request-body-size", ", max_request_body_size: 1000000"),
    ("max-request-body-size-exponent", ", max_request_body_size: 1e6"),
    ("max-request-body-size-zero", ", max_request_body_size: 0"),
    ("max-request-body-size-negative", ", max_request_body_size: -1"),
    ("compression-algorithms", ", compression_algorithms: [gzip, zstd]"),
    ("compression-algorithms-null", ", compression_algorithms:"),
    ("compression-algorithms-empty", ", compression_algorithms: []"),
    ("compression-algorithms-text", ", compression_algorithms: gzip"),
    ("compression-algorithms-unknown", ", compression_algorithms: [brotli]"),
    ("response-headers", ", response_headers: {X-A: b}"),
    ("response-headers-list", ", response_headers: [{name: X-A, value: b}]"),
    ("timeouts", ", read_timeout: 10s, read_header_timeout: 5s, write_timeout: 30s, idle_timeout: 1m"),
    ("timeouts-number", ", read_timeout: 10"),
    ("timeouts-zero", ", read_timeout: 0"),
    ("keep-alives", ", keep_alives_enabled: false"),
    ("dialer", ", dialer: {timeout: 1s}"),
    ("cors-null", ", cors: null"),
    ("cors-text", ", cors: {allowed_origins: \"https://a.example\"}"),
    ("cors-max-age-text", ", cors: {allowed_origins: [\"*\"], max_age: \"60\"}"),
    ("transport", ", transport: tcp"),
    ("include-metadata", ", include_metadata: yes"),
    ("middlewares-empty", ", middlewares: []"),
    ("unknown-key", ", max_request_size: 4"),
];

/// `endpoint` of `protocols.http`.
const LISTEN: Rows = &[
    ("all", "\"0.0.0.0:${env:HTTP_PORT}\""),
    ("all-ipv6", "\"[::]:${env:HTTP_PORT}\""),
    ("no-host", "\":${env:HTTP_PORT}\""),
    ("localhost", "\"localhost:${env:HTTP_PORT}\""),
    ("loopback-ipv6", "\"[::1]:${env:HTTP_PORT}\""),
    ("no-port", "\"127.0.0.1\""),
    ("port-name", "\"127.0.0.1:http-alt\""),
    ("scheme", "\"http://${env:HTTP}\""),
    ("number", "\"${env:HTTP_PORT}\""),
    ("unknown-host", "\"no-such-host.invalid:${env:HTTP_PORT}\""),
    ("unix", "\"otlp.sock\", transport: unix"),
    ("unix-no-folder", "\"nowhere/otlp.sock\", transport: unix"),
    ("tcp4", "\"127.0.0.1:${env:HTTP_PORT}\", transport: tcp4"),
    ("udp", "\"127.0.0.1:${env:HTTP_PORT}\", transport: udp"),
    ("dialer", "\"127.0.0.1:${env:HTTP_PORT}\", dialer: {timeout: 5s}"),
    ("spaces", "\" ${env:HTTP} \""),
];

/// The keys of `service.telemetry`.
const TELEMETRY: Rows = &[
    ("level-none", "metrics: {level: none}"),
    ("level-upper-case", "metrics: {level: None}"),
    (
        "level-detailed",
        "metrics: {level: Detailed, readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: \"${env:METRICS_PORT}\"}}}}]}",
    ),
    (
        "readers-host-text-port",
        "metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: \"${env:METRICS_PORT}\"}}}}]}",
    ),
    (
        "readers-flags",
        "metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: \"${env:METRICS_PORT}\", without_scope_info: true, without_type_suffix: true, without_units: true, with_resource_constant_labels: {included: [service.name], excluded: []}}}}}]}",
    ),
    ("readers-empty", "metrics: {readers: []}"),
    ("address", "metrics: {address: \"127.0.0.1:${env:METRICS_PORT}\"}"),
    (
        "readers-periodic",
        "metrics: {readers: [{periodic: {interval: 60000, exporter: {otlp: {protocol: http/protobuf, endpoint: \"http://${env:STUB}\"}}}}]}",
    ),
    (
        "views",
        "metrics: {level: none, views: [{selector: {instrument_name: x}, stream: {aggregation: {drop: {}}}}]}",
    ),
    (
        "logs",
        "metrics: {level: none}, logs: {level: WARN, encoding: json, development: true, disable_caller: true, disable_stacktrace: true}",
    ),
    ("logs-warning", "metrics: {level: none}, logs: {level: warning}"),
    ("logs-unknown-level", "metrics: {level: none}, logs: {level: loud}"),
    (
        "logs-sampling",
        "metrics: {level: none}, logs: {sampling: {enabled: true, tick: 10s, initial: 10, thereafter: 100}}",
    ),
    ("logs-paths", "metrics: {level: none}, logs: {output_paths: [logs.txt], error_output_paths: [stderr]}"),
    ("logs-initial-fields", "metrics: {level: none}, logs: {initial_fields: {a: b}}"),
    (
        "logs-processors",
        "metrics: {level: none}, logs: {processors: [{batch: {exporter: {otlp: {protocol: http/protobuf, endpoint: \"http://${env:STUB}\"}}}}]}",
    ),
    ("resource", "metrics: {level: none}, resource: {service.name: shop, service.instance.id: null}"),
    (
        "resource-attributes",
        "metrics: {level: none}, resource: {attributes: [{name: service.name, value: shop}]}",
    ),
    (
        "resource-detectors",
        "metrics: {level: none}, resource: {detectors: {attributes: {included: [\"*\"]}}}",
    ),
    (
        "resource-detection",
        "metrics: {level: none}, resource: {detection/development: {detectors: [{host: {}}]}}",
    ),
    ("resource-schema-url", "metrics: {level: none}, resource: {schema_url: \"https://example.com\"}"),
    (
        "resource-attribute-types",
        "metrics: {level: none}, resource: {attributes: [{name: a, value: 5}, {name: b, value: true}]}",
    ),
    (
        "resource-both-forms",
        "metrics: {level: none}, resource: {service.name: a, attributes: [{name: b, value: c}]}",
    ),
    ("logs-no-resource", "metrics: {level: none}, logs: {disable_zap_resource: true}"),
    ("logs-paths-null", "metrics: {level: none}, logs: {output_paths: null, sampling: null}"),
    ("traces", "metrics: {level: none}, traces: {level: none}"),
    (
        "traces-processors",
        "metrics: {level: none}, traces: {processors: [{batch: {exporter: {otlp: {protocol: http/protobuf, endpoint: \"http://${env:STUB}\"}}}}]}",
    ),
    ("traces-propagators", "metrics: {level: none}, traces: {propagators: [tracecontext, b3]}"),
    ("unknown-key", "metrics: {level: none}, metric: 1"),
];

/// The keys of `batch`.
const BATCH: Rows = &[
    ("null", ""),
    ("empty", "{}"),
    ("all", "{timeout: 100ms, send_batch_size: 10, send_batch_max_size: 20}"),
    ("timeout-zero", "{timeout: 0}"),
    ("timeout-zero-s", "{timeout: 0s}"),
    ("timeout-number", "{timeout: 100000000}"),
    ("timeout-text-number", "{timeout: \"5\"}"),
    ("timeout-parts", "{timeout: 0h0m0.1s}"),
    ("timeout-micro", "{timeout: 100µs}"),
    ("timeout-negative", "{timeout: -1s}"),
    ("size-exponent", "{send_batch_size: 1e3, timeout: 10ms}"),
    ("size-fraction", "{send_batch_size: 5.0, timeout: 10ms}"),
    ("size-text", "{send_batch_size: \"5\", timeout: 10ms}"),
    ("size-underscore", "{send_batch_size: 1_000, timeout: 10ms}"),
    ("size-hex", "{send_batch_size: 0x10, timeout: 10ms}"),
    ("size-octal", "{send_batch_size: 010, timeout: 10ms}"),
    ("size-null", "{send_batch_size: null, timeout: 10ms}"),
    ("size-negative", "{send_batch_size: -1, timeout: 10ms}"),
    ("size-bool", "{send_batch_size: true, timeout: 10ms}"),
    ("max-below-size", "{send_batch_size: 10, send_batch_max_size: 5}"),
    ("metadata-keys", "{metadata_keys: [X-Tenant], timeout: 10ms}"),
    ("metadata-keys-text", "{metadata_keys: x-tenant, timeout: 10ms}"),
    ("metadata-keys-twice", "{metadata_keys: [a, A], timeout: 10ms}"),
    ("unknown-key", "{send_batch: 1}"),
];

const MEMORY_LIMITER: Rows = &[
    ("mib", "{check_interval: 1s, limit_mib: 4000, spike_limit_mib: 800}"),
    ("percentage", "{check_interval: 1s, limit_percentage: 80, spike_limit_percentage: 20}"),
    ("no-limit", "{check_interval: 1s}"),
    ("no-interval", "{limit_mib: 4000}"),
    ("empty", "{}"),
    ("spike-above-limit", "{check_interval: 1s, limit_mib: 100, spike_limit_mib: 200}"),
    (
        "gc-intervals",
        "{check_interval: 1s, limit_mib: 4000, min_gc_interval_when_soft_limited: 10s, min_gc_interval_when_hard_limited: 0s}",
    ),
    (
        "gc-backoff",
        "{check_interval: 1s, limit_mib: 4000, max_gc_interval_when_soft_limited: 1m, max_gc_interval_when_hard_limited: 10s}",
    ),
];

const DEBUG: Rows = &[
    ("null", ""),
    ("basic", "{verbosity: basic}"),
    ("detailed", "{verbosity: detailed}"),
    ("upper-case", "{verbosity: Detailed}"),
    ("normal", "{verbosity: normal}"),
    ("unknown", "{verbosity: loud}"),
    ("sampling", "{verbosity: detailed, sampling_initial: 1, sampling_thereafter: 1}"),
    ("internal-logger", "{verbosity: detailed, use_internal_logger: false}"),
    ("output-paths", "{verbosity: detailed, use_internal_logger: false, output_paths: [stdout]}"),
    ("queue", "{sending_queue: {enabled: true}}"),
    ("output-paths-alone", "{verbosity: detailed, output_paths: [stdout]}"),
    ("output-paths-file", "{verbosity: detailed, use_internal_logger: false, output_paths: [out.json]}"),
    ("nulls", "{verbosity: detailed, output_paths: null, sending_queue: null}"),
];

const FILE: Rows = &[
    ("path", "{path: out.json}"),
    ("no-path", "{}"),
    ("format", "{path: out.json, format: json}"),
    ("proto", "{path: out.json, format: proto}"),
    ("compression", "{path: out.json, compression: zstd}"),
    ("append", "{path: out.json, append: true}"),
    (
        "rotation",
        "{path: out.json, rotation: {max_megabytes: 10, max_days: 3, max_backups: 3, localtime: true}}",
    ),
    ("rotation-zero", "{path: out.json, rotation: {max_megabytes: 0}}"),
    ("rotation-null", "{path: out.json, rotation:}"),
    ("flush-interval", "{path: out.json, flush_interval: 1s}"),
    ("create-directory", "{path: sub/out.json, create_directory: true, directory_permissions: \"0755\"}"),
    ("no-directory", "{path: sub/out.json}"),
    ("rotation-no-directory", "{path: sub/out.json, rotation: {max_megabytes: 1}}"),
    ("permissions-alone", "{path: out.json, directory_permissions: \"0755\"}"),
    ("permissions-bad", "{path: sub/out.json, create_directory: true, directory_permissions: \"0999\"}"),
    ("compression-params", "{path: out.json, compression: zstd, compression_params: {level: 6}}"),
    ("flush-interval-zero", "{path: out.json, flush_interval: 0}"),
    ("group-by-no-star", "{path: out.json, group_by: {enabled: true}}"),
    ("encoding", "{path: out.json, encoding: otlp_json}"),
    (
        "group-by",
        "{path: \"*.json\", group_by: {enabled: true, resource_attribute: service.name, max_open_files: 5}}",
    ),
];

const EXTENSIONS: Rows = &[
    ("health-check", "health_check: {endpoint: \"${env:HEALTH}\"}"),
    ("health-check-tls", "health_check: {endpoint: \"${env:HEALTH}\", tls: null}"),
    ("zpages", "zpages: {endpoint: \"${env:HEALTH}\"}"),
    ("zpages-null", "zpages: {endpoint: \"${env:HEALTH}\", expvar: {enabled: true}}"),
    ("pprof", "pprof: {endpoint: \"${env:HEALTH}\"}"),
    ("bearer-file", "bearertokenauth: {filename: token.txt}"),
    ("bearer-nothing", "bearertokenauth: {}"),
    ("unknown", "nobody: {}"),
];
