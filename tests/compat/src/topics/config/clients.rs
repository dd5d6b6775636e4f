//! Keys of the exporters `otlp_http` and `otlp_grpc`: how they connect, what they send, queue and retry.

use super::{Row, http_exporter, table};
use crate::configs;

pub(super) fn rows() -> Vec<Row> {
    let endpoint = "endpoint: \"http://${env:STUB}\"";
    let direct = "sending_queue: {enabled: false}\nretry_on_failure: {enabled: false}";
    [
        table("otlp-http", OTLP_HTTP, |keys| http_exporter(&format!("{endpoint}\n{direct}\n{keys}"))),
        table("otlp-http-endpoint", HTTP_ENDPOINTS, |keys| http_exporter(&format!("{direct}\n{keys}"))),
        table("otlp-grpc", OTLP_GRPC, |keys| {
            grpc_exporter(&format!("endpoint: \"${{env:STUB}}\"\ntls: {{insecure: true}}\n{direct}\n{keys}"))
        }),
        table("otlp-grpc-endpoint", GRPC_ENDPOINTS, |keys| grpc_exporter(&format!("{direct}\n{keys}"))),
        table("queue", QUEUE, |keys| http_exporter(&format!("{endpoint}\nsending_queue: {keys}"))),
        table("prometheus", PROMETHEUS, |keys| {
            let keys = keys.replace('\n', "\n    ");
            let exporter = format!("prometheus:\n    endpoint: \"${{env:SCRAPE}}\"\n    {keys}");
            configs::of_signals(&["metrics"], &exporter)
        }),
        table("retry", RETRY, |keys| {
            http_exporter(&format!("{endpoint}\nsending_queue: {{enabled: false}}\nretry_on_failure: {keys}"))
        }),
        table("alias", ALIASES, |exporter| {
            configs::relay_with("", "", &format!("{exporter}\n    sending_queue: {{enabled: false}}"))
        }),
    ]
    .concat()
}

fn grpc_exporter(keys: &str) -> String {
    configs::relay_with("", "", &format!("otlp_grpc:\n    {}", keys.replace('\n', "\n    ")))
}

type Rows = &'static [(&'static str, &'static str)];

const OTLP_HTTP: Rows = &[
    ("default", ""),
    ("compression-gzip", "compression: gzip"),
    ("compression-zstd", "compression: zstd"),
    ("compression-zlib", "compression: zlib"),
    ("compression-deflate", "compression: deflate"),
    ("compression-snappy", "compression: snappy"),
    ("compression-x-snappy-framed", "compression: x-snappy-framed"),
    ("compression-lz4", "compression: lz4"),
    ("compression-none", "compression: none"),
    ("compression-empty", "compression: \"\""),
    ("compression-null", "compression:"),
    ("compression-upper-case", "compression: GZIP"),
    ("compression-unknown", "compression: brotli"),
    ("compression-level", "compression: gzip\ncompression_params: {level: 9}"),
    ("compression-level-bad", "compression: gzip\ncompression_params: {level: 99}"),
    ("compression-level-zstd", "compression: zstd\ncompression_params: {level: 11}"),
    ("compression-level-gzip-1", "compression: gzip\ncompression_params: {level: 1}"),
    ("compression-level-gzip-0", "compression: gzip\ncompression_params: {level: 0}"),
    ("compression-level-gzip-default", "compression: gzip\ncompression_params: {level: -1}"),
    ("compression-level-gzip-huffman", "compression: gzip\ncompression_params: {level: -2}"),
    ("compression-level-zlib", "compression: zlib\ncompression_params: {level: 6}"),
    ("compression-level-deflate", "compression: deflate\ncompression_params: {level: 6}"),
    ("compression-level-zstd-1", "compression: zstd\ncompression_params: {level: 1}"),
    ("compression-level-zstd-22", "compression: zstd\ncompression_params: {level: 22}"),
    ("compression-level-snappy", "compression: snappy\ncompression_params: {level: 1}"),
    ("compression-level-lz4", "compression: lz4\ncompression_params: {level: 1}"),
    ("compression-level-none", "compression: none\ncompression_params: {level: 1}"),
    ("compression-level-alone", "compression_params: {level: 1}"),
    ("compression-level-null", "compression: gzip\ncompression_params:"),
    ("compression-level-text", "compression: gzip\ncompression_params: {level: fast}"),
    ("encoding-json", "encoding: json"),
    ("encoding-proto", "encoding: proto"),
    ("encoding-unknown", "encoding: xml"),
    ("headers", "headers: {x-from: a}"),
    ("headers-list", "headers: [{name: x-from, value: a}]"),
    ("headers-list-null", "headers: [{name: x-from, value: }]"),
    ("headers-list-twice", "headers: [{name: x-from, value: a}, {name: x-from, value: b}]"),
    ("headers-number", "headers: {x-from: 5}"),
    ("headers-null", "headers:"),
    ("headers-host", "headers: {Host: other.example}"),
    ("timeout", "timeout: 10s"),
    ("timeout-number", "timeout: 1000000000"),
    ("timeout-negative", "timeout: -1s"),
    ("timeout-zero", "timeout: 0"),
    ("timeout-null", "timeout:"),
    (
        "nothings",
        "traces_endpoint: \"\"\nproxy_url: \"\"\nauth: null\ncookies: null\nmiddlewares: []\ntls: {ca_file: \"\", cert_file: \"\", key_file: \"\", min_version: \"\", server_name_override: \"\"}",
    ),
    (
        "connections",
        "max_idle_conns: 10\nmax_idle_conns_per_host: 5\nmax_conns_per_host: 10\nidle_conn_timeout: 30s\ndisable_keep_alives: true",
    ),
    ("http2", "http2_read_idle_timeout: 10s\nhttp2_ping_timeout: 5s\nforce_attempt_http2: false"),
    ("buffers", "read_buffer_size: 1\nwrite_buffer_size: 524288"),
    ("cookies", "cookies: {enabled: true}"),
    ("cookies-empty", "cookies: {}"),
    ("cookies-off", "cookies: {enabled: false}"),
    ("cookies-switch", "cookies: true"),
    ("middlewares", "middlewares: []"),
    ("proxy-url", "proxy_url: \"\""),
    ("tls-insecure", "tls: {insecure: true}"),
    (
        "tls-settings",
        "tls: {insecure_skip_verify: true, min_version: \"1.2\", max_version: \"1.3\", server_name_override: x, include_system_ca_certs_pool: true, reload_interval: 1h, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], curve_preferences: [X25519]}",
    ),
    ("tls-bad-version", "tls: {min_version: \"9\"}"),
    ("tls-no-such-file", "tls: {ca_file: nowhere.pem}"),
    ("tls-insecure-no-such-file", "tls: {insecure: true, ca_file: nowhere.pem}"),
    ("tls-insecure-no-such-cert", "tls: {insecure: true, cert_file: nowhere.pem, key_file: nowhere.pem}"),
    ("proxy-url-nobody", "proxy_url: \"http://127.0.0.1:9\"\ntimeout: 2s"),
    ("max-conns", "max_conns_per_host: 1"),
    ("auth-unknown", "auth: {authenticator: nobody}"),
    ("profiles-endpoint", "profiles_endpoint: \"http://${env:STUB}/p\""),
    ("unknown-key", "compresion: gzip"),
];

const HTTP_ENDPOINTS: Rows = &[
    ("path", "endpoint: \"http://${env:STUB}/base\""),
    ("path-slash", "endpoint: \"http://${env:STUB}/base/\""),
    ("query", "endpoint: \"http://${env:STUB}/base?x=1\""),
    ("no-scheme", "endpoint: \"${env:STUB}\""),
    ("localhost", "endpoint: \"http://localhost:${env:STUB_PORT}\""),
    ("upper-case", "endpoint: \"HTTP://${env:STUB}\""),
    ("user", "endpoint: \"http://user:pw@${env:STUB}\""),
    (
        "traces-endpoint",
        "traces_endpoint: \"http://${env:STUB}/t\"\nmetrics_endpoint: \"http://${env:STUB}/m\"\nlogs_endpoint: \"http://${env:STUB}/l\"",
    ),
    ("traces-endpoint-alone", "traces_endpoint: \"http://${env:STUB}/t\""),
    ("both", "endpoint: \"http://${env:STUB}\"\ntraces_endpoint: \"http://${env:STUB}/t\""),
    ("missing", "timeout: 1s"),
    ("unknown-host", "endpoint: \"http://no-such-host.invalid:4318\"\ntimeout: 2s"),
];

const OTLP_GRPC: Rows = &[
    ("default", ""),
    ("compression-gzip", "compression: gzip"),
    ("compression-zstd", "compression: zstd"),
    ("compression-snappy", "compression: snappy"),
    ("compression-none", "compression: none"),
    ("compression-unknown", "compression: lz4"),
    ("headers", "headers: {x-from: a}"),
    ("headers-upper-case", "headers: {X-From: a}"),
    ("headers-list", "headers: [{name: x-from, value: a}]"),
    ("authority", "authority: other.example"),
    ("user-agent", "user_agent: x"),
    ("balancer", "balancer_name: round_robin"),
    ("balancer-first", "balancer_name: pick_first"),
    ("balancer-unknown", "balancer_name: nobody"),
    ("balancer-empty", "balancer_name: \"\""),
    ("keepalive-zero", "keepalive: {time: 0s, timeout: 0s}"),
    ("keepalive-empty", "keepalive: {}"),
    ("keepalive", "keepalive: {time: 10s, timeout: 5s, permit_without_stream: true}"),
    ("buffers", "read_buffer_size: 1\nwrite_buffer_size: 524288"),
    ("wait-for-ready", "wait_for_ready: true"),
    ("middlewares", "middlewares: []"),
    ("timeout-zero", "timeout: 0s"),
];

const GRPC_ENDPOINTS: Rows = &[
    ("http", "endpoint: \"http://${env:STUB}\""),
    ("http-insecure", "endpoint: \"http://${env:STUB}\"\ntls: {insecure: true}"),
    ("http-upper-case", "endpoint: \"HTTP://${env:STUB}\"\ntls: {insecure: true}"),
    ("http-slash", "endpoint: \"http://${env:STUB}/\"\ntls: {insecure: true}"),
    ("dns", "endpoint: \"dns:///localhost:${env:STUB_PORT}\"\ntls: {insecure: true}"),
    ("dns-authority", "endpoint: \"dns://127.0.0.1/localhost:${env:STUB_PORT}\"\ntls: {insecure: true}"),
    ("passthrough", "endpoint: \"passthrough:///${env:STUB}\"\ntls: {insecure: true}"),
    ("localhost", "endpoint: \"localhost:${env:STUB_PORT}\"\ntls: {insecure: true}"),
    ("ipv4-scheme", "endpoint: \"ipv4:${env:STUB}\"\ntls: {insecure: true}"),
    ("unix", "endpoint: \"unix:///nowhere.sock\"\ntls: {insecure: true}"),
    ("missing", "tls: {insecure: true}"),
    ("no-port", "endpoint: \"127.0.0.1\"\ntls: {insecure: true}"),
    ("path", "endpoint: \"${env:STUB}/x\"\ntls: {insecure: true}"),
    ("plain-with-tls", "endpoint: \"${env:STUB}\""),
    ("tls-no-such-file", "endpoint: \"${env:STUB}\"\ntls: {insecure: true, ca_file: nowhere.pem}"),
];

const QUEUE: Rows = &[
    ("null", ""),
    ("empty", "{}"),
    ("disabled", "{enabled: false}"),
    (
        "all",
        "{enabled: true, num_consumers: 2, queue_size: 10, sizer: requests, block_on_overflow: true, wait_for_result: true}",
    ),
    ("wait-for-result", "{wait_for_result: true}"),
    ("sizer-items", "{sizer: items, queue_size: 1000}"),
    ("sizer-bytes", "{sizer: bytes, queue_size: 1000000}"),
    ("sizer-unknown", "{sizer: spans}"),
    ("size-zero", "{queue_size: 0}"),
    ("size-exponent", "{queue_size: 1e3}"),
    ("consumers-zero", "{num_consumers: 0}"),
    ("batch", "{batch: {flush_timeout: 50ms, min_size: 10, max_size: 100}}"),
    ("batch-empty", "{batch: {}}"),
    ("batch-null", "{batch:}"),
    (
        "batch-sizer",
        "{sizer: bytes, queue_size: 100000, batch: {sizer: items, flush_timeout: 50ms, min_size: 1}}",
    ),
    ("batch-max-below-min", "{batch: {min_size: 10, max_size: 5}}"),
    ("batch-above-queue", "{queue_size: 5, sizer: items, batch: {min_size: 10}}"),
    ("batch-partition", "{batch: {flush_timeout: 50ms, partition: {metadata_keys: [x-tenant]}}}"),
    ("batch-partition-text", "{batch: {flush_timeout: 50ms, partition: {metadata_keys: x-tenant}}}"),
    ("batch-partition-null", "{batch: {flush_timeout: 50ms, partition: }}"),
    ("batch-partition-twice", "{batch: {partition: {metadata_keys: [a, A]}}}"),
    (
        "batch-partition-odd-names",
        "{batch: {flush_timeout: 50ms, partition: {metadata_keys: [\":authority\", \"a b\", \"\"]}}}",
    ),
    ("batch-partition-secret", "{batch: {flush_timeout: 50ms, partition: {metadata_keys: [authorization]}}}"),
    ("batch-partition-unknown-key", "{batch: {partition: {cache_size: 5}}}"),
    ("batch-partition-disabled", "{enabled: false, batch: {partition: {metadata_keys: [a, a]}}}"),
    ("blocking", "{blocking: true}"),
    ("storage-missing", "{storage: file_storage}"),
    ("storage-null", "{storage:}"),
];

/// The exporter `prometheus`, as the Collector prints it, and what its sections do not take together.
const PROMETHEUS: Rows = &[
    ("printed", PRINTED_PROMETHEUS),
    ("labels-off", "resource_constant_labels: {enabled: false, exclude_service_attributes: false}"),
    ("labels-enabled", "resource_constant_labels: {enabled: true}"),
    ("labels-but-service", "resource_constant_labels: {exclude_service_attributes: true}"),
    ("labels-enabled-included", "resource_constant_labels: {enabled: true, included: [host.*]}"),
    ("conversion-enabled-included", "resource_to_telemetry_conversion: {enabled: true, included: [host.*]}"),
    (
        "labels-and-conversion",
        "resource_constant_labels: {included: [host.*]}\nresource_to_telemetry_conversion: {enabled: true}",
    ),
    ("strategy-empty", "translation_strategy: \"\""),
    ("strategy-unknown", "translation_strategy: nobody"),
];

const PRINTED_PROMETHEUS: &str = "add_metric_suffixes: true
const_labels: {}
cors: null
enable_open_metrics: false
idle_timeout: 1m0s
keep_alives_enabled: true
metric_expiration: 5m0s
namespace: \"\"
read_header_timeout: 1m0s
resource_constant_labels: {enabled: false, exclude_service_attributes: false, excluded: [], included: []}
resource_to_telemetry_conversion: {enabled: false, exclude_service_attributes: false, excluded: [], included: []}
send_timestamps: false
sending_queue: null
tls: null
translation_strategy: \"\"
transport: tcp
without_scope_info: false
write_timeout: 30s";

const RETRY: Rows = &[
    ("null", ""),
    ("empty", "{}"),
    ("disabled", "{enabled: false}"),
    (
        "all",
        "{enabled: true, initial_interval: 1s, randomization_factor: 0.5, multiplier: 1.5, max_interval: 5s, max_elapsed_time: 1m}",
    ),
    ("initial-zero", "{initial_interval: 0}"),
    ("initial-zero-s", "{initial_interval: 0s}"),
    ("max-interval-zero", "{max_interval: 0s}"),
    ("elapsed-zero", "{max_elapsed_time: 0}"),
    ("multiplier-zero", "{multiplier: 0}"),
    ("multiplier-one", "{multiplier: 1}"),
    ("factor-zero", "{randomization_factor: 0}"),
    ("factor-two", "{randomization_factor: 2}"),
    ("initial-above-max", "{initial_interval: 10s, max_interval: 1s}"),
    ("max-above-elapsed", "{max_interval: 10s, max_elapsed_time: 1s}"),
    ("negative", "{initial_interval: -1s}"),
];

/// Exporters by their older names.
const ALIASES: Rows = &[
    ("otlphttp", "otlphttp:\n    endpoint: \"http://${env:STUB}\""),
    ("otlphttp-named", "otlphttp/a:\n    endpoint: \"http://${env:STUB}\""),
    ("otlp", "otlp:\n    endpoint: \"${env:STUB}\"\n    tls: {insecure: true}"),
    ("otlp-http-name", "otlp_http/a.b-c:\n    endpoint: \"http://${env:STUB}\""),
];
