//! Configs as people write them for the Collector's components that Spanloom has, and as the Collector prints
//! them with its defaults.

use futures::{StreamExt, stream};
use spanloom_tests::{Spanloom, command::spanloom};

/// How many processes start at the same time.
const AT_ONCE: usize = 4;

/// The name of a config, and its sections without those that are the same everywhere.
type Rows = &'static [(&'static str, &'static str)];

/// Returns a whole config: these sections, and those that they lack.
fn whole(sections: &str) -> String {
    let mut config = sections.to_owned();
    for (section, default) in [("receivers:", RECEIVERS), ("exporters:", EXPORTERS), ("service:", SERVICE)] {
        if !config.lines().any(|line| line.starts_with(section)) {
            config.push_str(default);
        }
    }
    config
}

const RECEIVERS: &str = "receivers: {otlp: {protocols: {grpc: {endpoint: \"${env:GRPC:-localhost:4317}\"}, http: {endpoint: \"${env:HTTP:-localhost:4318}\"}}}}\n";
const EXPORTERS: &str = "exporters: {nop: }\n";
const SERVICE: &str = "service: {pipelines: {metrics: {receivers: [otlp], exporters: [nop]}}}\n";

/// Scenario: configs of each component, as its documentation shows them, are validated.
/// Guarantees: each is accepted.
#[tokio::test]
async fn what_a_component_documents_is_accepted() {
    accepted(STARTING).await;
    accepted(WITH_FILES).await;
}

/// Scenario: configs of each component run, if they need no file or destination.
/// Guarantees: each starts and drains.
#[tokio::test]
async fn what_a_component_documents_starts() {
    start(STARTING).await;
}

/// Scenario: configs with every default written out, as the Collector prints them, are validated and run.
/// Guarantees: each is accepted and starts.
#[tokio::test]
async fn what_the_collector_prints_starts() {
    accepted(PRINTED).await;
    start(PRINTED).await;
}

/// Scenario: keys of the Collector without effect in Spanloom, and a misspelled key.
/// Guarantees: each of the former gives one warning, and the latter is refused with the nearest key.
#[tokio::test]
async fn a_key_without_effect_is_one_warning_and_a_typo_is_refused() {
    let exporter = "service: {pipelines: {metrics: {receivers: [otlp], exporters: [otlp_http]}}}
exporters:
  otlp_http:
    endpoint: http://localhost:4318
";
    let keys = [
        "    profiles_endpoint: http://localhost/profiles",
        "    middlewares: [{id: x}]",
        "    compression_params: {level: 1}",
        "    tls: {tpm: {enabled: true}}",
    ];
    for key in keys {
        let ended = validate(&whole(&format!("{exporter}{key}\n"))).await;
        assert_eq!(
            (ended.code, ended.stderr.matches("warning: ").count()),
            (0, 1),
            "{key}\n{}",
            ended.stderr
        );
        assert!(ended.stderr.contains("has no effect in Spanloom"), "{key}\n{}", ended.stderr);
    }
    let ended = validate(&whole(&format!("{exporter}    compresion: gzip\n"))).await;
    assert!(ended.code == 2 && ended.stderr.contains("did you mean `compression`?"), "{}", ended.stderr);
}

async fn validate(config: &str) -> spanloom_tests::command::Ended {
    spanloom(&["validate", "--config", &format!("yaml:{config}")]).await
}

async fn accepted(rows: Rows) {
    let validated = |(name, sections): &'static (&str, &str)| async move {
        let config = whole(sections);
        let ended = validate(&config).await;
        assert_eq!(ended.code, 0, "{name}: {}\n{config}", ended.stderr);
    };
    stream::iter(rows).map(validated).buffer_unordered(AT_ONCE).collect::<()>().await;
}

async fn start(rows: Rows) {
    let started = |(_, sections): &'static (&str, &str)| async move {
        let config = whole(sections);
        // The harness asks `health_check` whether the process is ready.
        let ids = config.lines().find_map(|line| line.strip_prefix("  extensions: [")?.strip_suffix(']'));
        let ids = ids.filter(|ids| !ids.is_empty());
        let ids = ids.map_or_else(|| "health_check".to_owned(), |ids| format!("{ids}, health_check"));
        let extensions = format!("service::extensions=[{ids}]");
        Spanloom::start_with(&config, &["--set", &extensions]).await.finish().await;
    };
    stream::iter(rows).map(started).buffer_unordered(AT_ONCE).collect::<()>().await;
}

const STARTING: Rows = &[
    (
        "otlp: protocols alone",
        "receivers:\n  otlp:\n    protocols:\n      grpc:\n        endpoint: ${env:GRPC:-localhost:4317}\n",
    ),
    (
        "otlp: a browser's origins",
        "receivers:
  otlp:
    protocols:
      http:
        endpoint: ${env:HTTP:-localhost:4318}
        include_metadata: true
        compression_algorithms: [\"\", gzip]
        response_headers: [{name: X-Origin, value: here}]
        cors:
          allowed_origins: [https://app.example.com, \"https://*.example.org\"]
          allowed_headers: [X-Tenant]
          exposed_headers: [X-Trace]
          max_age: 600
",
    ),
    (
        "otlp: a server's limits",
        "receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ${env:GRPC:-localhost:4317}
        max_recv_msg_size_mib: 16
        max_concurrent_streams: 100
        read_buffer_size: 524288
        keepalive:
          server_parameters: {max_connection_age: 10m, max_connection_age_grace: 1m, time: 30s, timeout: 5s}
          enforcement_policy: {min_time: 10s, permit_without_stream: true}
",
    ),
    (
        "otlp exporters",
        "exporters:
  otlp_grpc: {endpoint: \"backend:4317\", compression: none, tls: {insecure: true}, balancer_name: round_robin}
  otlp/2: {endpoint: \"backend:4317\", tls: {insecure: false, insecure_skip_verify: true}}
  otlp_http: {endpoint: \"https://backend:4318\", encoding: json}
  otlphttp/2: {traces_endpoint: \"http://backend/t\", logs_endpoint: \"http://backend/l\", metrics_endpoint: \"http://backend/m\"}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_grpc, otlp/2, otlp_http, otlphttp/2]}
",
    ),
    (
        "exporterhelper: queue, batch and retry",
        "exporters:
  otlp_http:
    endpoint: http://backend:4318
    timeout: 10s
    sending_queue:
      enabled: true
      num_consumers: 4
      sizer: bytes
      queue_size: 10_000_000
      block_on_overflow: true
      batch: {flush_timeout: 500ms, sizer: bytes, min_size: 100000, max_size: 1000000}
    retry_on_failure: {enabled: true, initial_interval: 1s, max_interval: 10s, max_elapsed_time: 0}
service: {pipelines: {metrics: {receivers: [otlp], exporters: [otlp_http]}}}
",
    ),
    (
        "debug",
        "exporters:\n  debug: {verbosity: detailed, sampling_initial: 3, sampling_thereafter: 100}\nservice: {pipelines: {metrics: {receivers: [otlp], exporters: [debug]}}}\n",
    ),
    (
        "debug: to standard error",
        "exporters:\n  debug: {use_internal_logger: false, output_paths: [stderr], sending_queue: {queue_size: 10}}\nservice: {pipelines: {metrics: {receivers: [otlp], exporters: [debug]}}}\n",
    ),
    (
        "batch",
        "processors:
  batch/sized: {send_batch_size: 5000, send_batch_max_size: 10000, timeout: 2s}
  batch: {metadata_keys: [tenant], metadata_cardinality_limit: 20}
service: {pipelines: {metrics: {receivers: [otlp], processors: [batch/sized, batch], exporters: [nop]}}}
",
    ),
    ("memory_limiter", "processors:\n  memory_limiter: {check_interval: 1s, limit_mib: 3000, spike_limit_mib: 500}\nservice: {pipelines: {metrics: {receivers: [otlp], processors: [memory_limiter], exporters: [nop]}}}\n"),
    (
        "memory_limiter: percentages",
        "processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 75, spike_limit_percentage: 20, max_gc_interval_when_soft_limited: 1m}
service: {pipelines: {metrics: {receivers: [otlp], processors: [memory_limiter], exporters: [nop]}}}
",
    ),
    (
        "memory_limiter: the extension",
        "extensions:
  memory_limiter: {check_interval: 1s, limit_mib: 3000}
receivers:
  otlp: {protocols: {http: {endpoint: \"${env:HTTP:-localhost:4318}\", middlewares: [{id: memory_limiter}]}}}
service:
  extensions: [memory_limiter]
  pipelines: {traces: {receivers: [otlp], exporters: [nop]}}
",
    ),
    (
        "forward",
        "connectors:
  forward:
service:
  pipelines:
    traces/in: {receivers: [otlp], exporters: [forward]}
    traces/hot: {receivers: [forward], exporters: [nop]}
    traces/cold: {receivers: [forward], exporters: [nop]}
",
    ),
    (
        "span_metrics",
        "connectors:
  spanmetrics:
    namespace: calls.of
    histogram: {unit: s, explicit: {buckets: [100us, 2ms, 50ms, 1s]}}
    dimensions: [{name: http.request.method, default: GET}, {name: http.response.status_code}]
    exclude_dimensions: [status.code]
    exemplars: {enabled: true}
    dimensions_cache_size: 500
    aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA
    metrics_flush_interval: 30s
    metrics_expiration: 10m
    events: {enabled: true, dimensions: [{name: exception.type}]}
    resource_metrics_key_attributes: [service.name, telemetry.sdk.language]
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [spanmetrics]}
    metrics: {receivers: [spanmetrics], exporters: [nop]}
",
    ),
    (
        "service_graph",
        "connectors:
  servicegraph:
    latency_histogram_buckets: [10ms, 100ms, 1s]
    dimensions: [region, cluster]
    store: {ttl: 3s, max_items: 500}
    cache_loop: 2m
    store_expiration_loop: 5s
    virtual_node_peer_attributes: [peer.service, db.name]
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [servicegraph]}
    metrics: {receivers: [servicegraph], exporters: [nop]}
",
    ),
    (
        "authenticators",
        "extensions:
  basicauth/in: {htpasswd: {inline: \"user:secret\"}}
  basicauth/out: {client_auth: {username: user, password: secret}}
  bearertokenauth: {scheme: Token, token: secret}
receivers:
  otlp: {protocols: {http: {endpoint: \"${env:HTTP:-localhost:4318}\", auth: {authenticator: basicauth/in}}}}
exporters:
  otlp_http: {endpoint: \"http://backend:4318\", auth: {authenticator: basicauth/out}}
  otlp_http/2: {endpoint: \"http://backend:4318\", auth: {authenticator: bearertokenauth}}
service:
  extensions: [basicauth/in, basicauth/out, bearertokenauth]
  pipelines: {traces: {receivers: [otlp], exporters: [otlp_http, otlp_http/2]}}
",
    ),
    (
        "service.telemetry",
        "service:
  telemetry:
    logs:
      level: WARN
      encoding: json
      output_paths: [stderr]
      error_output_paths: [stderr]
      initial_fields: {region: eu}
      sampling: {enabled: true, tick: 5s, initial: 5, thereafter: 50}
    resource:
      schema_url: https://opentelemetry.io/schemas/1.40.0
      attributes: [{name: service.name, value: gateway}, {name: replicas, value: 3, type: int}]
      detectors: {attributes: {included: [\"host.*\"]}}
  pipelines: {traces: {receivers: [otlp, otlp], exporters: [nop, nop]}}
",
    ),
];

/// Configs that name files which are not there.
const WITH_FILES: Rows = &[
    (
        "configtls",
        "receivers:
  otlp:
    protocols:
      grpc:
        endpoint: example.com:4317
        tls: {cert_file: server.crt, key_file: server.key, client_ca_file: clients.pem, min_version: \"1.2\"}
exporters:
  otlp_grpc:
    endpoint: example.com:4317
    tls: {ca_file: ca.crt, cert_file: client.crt, key_file: client.key, min_version: \"1.1\", max_version: \"1.2\"}
  otlp_grpc/tpm:
    endpoint: example.com:4317
    tls: {ca_file: ca.crt, cert_file: client.crt, key_file: tpm.key, tpm: {enabled: true, path: /dev/tpmrm0}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp_grpc, otlp_grpc/tpm]}}}
",
    ),
    (
        "file",
        "exporters:
  file/plain: {path: ./spans.json}
  file/rotated: {path: ./rotated.json, rotation: {max_megabytes: 20, max_days: 7, max_backups: 5, localtime: true}}
  file/default: {path: ./default.json, rotation: }
  file/packed: {path: ./packed, format: proto, compression: zstd, compression_params: {level: 6}, flush_interval: 5}
  file/folder: {path: ./new/spans.json, create_directory: true, directory_permissions: \"0750\"}
  file/grouped: {path: \"./by/*.json\", group_by: {enabled: true, resource_attribute: team, max_open_files: 20}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [file/plain, file/rotated, file/default, file/packed, file/folder, file/grouped]}}}
",
    ),
    (
        "health_check",
        "extensions:
  health_check: {endpoint: \"localhost:13133\", path: /up, response_body: {healthy: fine, unhealthy: down}}
  health_check/tls: {endpoint: \"localhost:13134\", tls: {ca_file: ca.crt, cert_file: cert.crt, key_file: cert.key}}
service:
  extensions: [health_check, health_check/tls]
  pipelines: {traces: {receivers: [otlp], exporters: [nop]}}
",
    ),
    (
        "prometheus",
        "exporters:
  prometheus:
    endpoint: 127.0.0.1:9464
    namespace: shop
    const_labels: {region: eu, \"another label\": a value}
    send_timestamps: true
    metric_expiration: 30m
    enable_open_metrics: true
    add_metric_suffixes: false
    translation_strategy: UnderscoreEscapingWithoutSuffixes
    response_headers: [{name: Cache-Control, value: no-store}]
    resource_to_telemetry_conversion: {enabled: true}
service: {pipelines: {metrics: {receivers: [otlp], exporters: [prometheus]}}}
",
    ),
    (
        "awsxray",
        "exporters:
  awsxray:
    region: eu-west-1
    num_workers: 4
    request_timeout_seconds: 10
    max_retries: 3
    local_mode: true
    role_arn: arn:aws:iam::123456789012:role/xray
    indexed_attributes: [http.route]
    aws_log_groups: [/shop/web]
    telemetry: {enabled: true, include_metadata: true, contributors: [awsxray/in]}
service: {pipelines: {traces: {receivers: [otlp], exporters: [awsxray]}}}
",
    ),
    (
        "authenticators with files",
        "extensions:
  basicauth/in: {htpasswd: {file: .htpasswd, inline: \"user:secret\"}}
  basicauth/out: {client_auth: {username_file: user.txt, password_file: password.txt}}
  bearertokenauth: {filename: tokens.txt, token: ignored}
service:
  extensions: [basicauth/in, basicauth/out, bearertokenauth]
  pipelines: {traces: {receivers: [otlp], exporters: [nop]}}
",
    ),
];

const PRINTED: Rows = &[
    (
        "receivers",
        "receivers:
  otlp:
    protocols:
      grpc:
        auth: null
        dialer: {timeout: 0s}
        endpoint: ${env:GRPC:-localhost:4317}
        include_metadata: false
        keepalive:
          enforcement_policy: {min_time: 0s, permit_without_stream: false}
          server_parameters: {max_connection_age: 0s, max_connection_age_grace: 0s, max_connection_idle: 0s, time: 0s, timeout: 0s}
        max_concurrent_streams: 0
        max_recv_msg_size_mib: 0
        middlewares: []
        read_buffer_size: 524288
        tls: null
        transport: tcp
        write_buffer_size: 0
      http:
        auth: null
        compression_algorithms: null
        cors: null
        endpoint: ${env:HTTP:-localhost:4318}
        idle_timeout: 1m0s
        include_metadata: false
        keep_alives_enabled: true
        logs_url_path: /v1/logs
        max_request_body_size: 0
        metrics_url_path: /v1/metrics
        middlewares: []
        read_header_timeout: 1m0s
        read_timeout: 0s
        response_headers: null
        tls: null
        traces_url_path: /v1/traces
        transport: tcp
        write_timeout: 30s
",
    ),
    (
        "exporters",
        "exporters:
  otlp_http:
    auth: null
    compression: gzip
    compression_params: {}
    cookies: null
    disable_keep_alives: false
    encoding: proto
    endpoint: http://backend:4318
    force_attempt_http2: true
    headers: [{name: x-from, value: a}]
    http2_ping_timeout: 0s
    http2_read_idle_timeout: 0s
    idle_conn_timeout: 1m30s
    logs_endpoint: \"\"
    max_conns_per_host: 0
    max_idle_conns: 100
    max_idle_conns_per_host: 0
    metrics_endpoint: \"\"
    middlewares: []
    profiles_endpoint: \"\"
    proxy_url: \"\"
    read_buffer_size: 0
    retry_on_failure: {enabled: true, initial_interval: 5s, max_elapsed_time: 5m0s, max_interval: 30s, multiplier: 1.5, randomization_factor: 0.5}
    sending_queue: {batch: null, block_on_overflow: false, num_consumers: 10, queue_size: 1000, sizer: {}, storage: null, wait_for_result: false}
    timeout: 30s
    tls: {ca_file: \"\", ca_pem: \"\", cert_file: \"\", cert_pem: \"\", cipher_suites: [], curve_preferences: [], include_system_ca_certs_pool: false, insecure: false, insecure_skip_verify: false, key_file: \"\", key_pem: \"\", max_version: \"\", min_version: \"\", reload_interval: 0s, server_name_override: \"\", tpm: {auth: \"\", enabled: false, owner_auth: \"\", path: \"\"}}
    traces_endpoint: \"\"
    write_buffer_size: 524288
  debug: {output_paths: [], sampling_initial: 2, sampling_thereafter: 1, sending_queue: null, use_internal_logger: true, verbosity: Basic}
  file: {append: false, compression: \"\", compression_params: {}, create_directory: false, directory_permissions: \"\", encoding: null, flush_interval: 1s, format: json, group_by: {enabled: false, max_open_files: 100, resource_attribute: fileexporter.path_segment}, path: /dev/null, rotation: null}
service: {pipelines: {metrics: {receivers: [otlp], exporters: [otlp_http, debug, file]}}}
",
    ),
    (
        "service",
        "service:
  extensions: []
  telemetry:
    logs: {encoding: console, error_output_paths: [stderr], level: info, output_paths: [stderr], sampling: {enabled: true, initial: 10, thereafter: 100, tick: 10s}}
    resource: {schema_url: \"https://opentelemetry.io/schemas/1.40.0\"}
  pipelines:
    metrics: {exporters: [nop], processors: [], receivers: [otlp]}
",
    ),
    (
        "connectors",
        "connectors:
  forward: {}
  spanmetrics: {add_resource_attributes: false, aggregation_cardinality_limit: 0, aggregation_temporality: AGGREGATION_TEMPORALITY_CUMULATIVE, calls_dimensions: [], dimensions: [], dimensions_cache_size: 0, enable_metrics_sampling_method: false, events: {dimensions: [], enabled: false}, exclude_dimensions: [], exemplars: {enabled: false, max_per_data_point: 5}, histogram: {dimensions: [], disable: false, explicit: null, exponential: null, unit: ms}, include_instrumentation_scope: [], metric_timestamp_cache_size: null, metrics_expiration: 0s, metrics_flush_interval: 1m0s, namespace: traces.span.metrics, resource_metrics_cache_size: 1000, resource_metrics_key_attributes: [], series_expiration: 0s}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [spanmetrics, forward]}
    traces/behind: {receivers: [forward], exporters: [nop]}
    metrics: {receivers: [spanmetrics], exporters: [nop]}
",
    ),
    (
        "processors",
        "processors:
  memory_limiter: {check_interval: 1s, limit_mib: 3000, limit_percentage: 0, max_gc_interval_when_hard_limited: 30s, max_gc_interval_when_soft_limited: 30s, min_gc_interval_when_hard_limited: 0s, min_gc_interval_when_soft_limited: 10s, spike_limit_mib: 0, spike_limit_percentage: 0}
  batch: {metadata_cardinality_limit: 1000, metadata_keys: [], send_batch_max_size: 0, send_batch_size: 8192, timeout: 200ms}
service:
  extensions: null
  pipelines:
    traces: {exporters: [nop], processors: [memory_limiter, batch], receivers: [otlp]}
",
    ),
];
