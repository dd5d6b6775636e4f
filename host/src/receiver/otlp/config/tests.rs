use std::time::Duration;

use super::*;
use crate::{
    component::Factory,
    config::Node,
    pipeline::ingest::Acknowledge,
    receiver::{
        http::READ_TIMEOUT,
        otlp::{OtlpFactory, http::OtlpHttp},
    },
    server::{ServerSettings, request_body::Encoding},
};

fn read(yaml: &str) -> OtlpConfig {
    let config: OtlpConfig = Node::parse("config.yaml", yaml).unwrap().read().unwrap();
    config.validate().unwrap();
    config
}

/// What is refused, as a user is told of it, and where.
fn check_refused(yaml: &str, key: &str, message: &str) {
    let node = Node::parse("config.yaml", yaml).unwrap();
    let error = OtlpFactory.check(&node).unwrap_err().within(&node).to_string();
    assert!(error.contains(key) && error.contains(message), "{yaml}: {error}");
}

/// The example that every Collector's documentation begins with.
#[test]
fn a_protocol_without_a_value_is_that_protocol_with_its_defaults() {
    let OtlpConfig { protocols: ProtocolsConfig { grpc, http }, requests } =
        read("protocols:\n  grpc:\n  http:\n");
    assert_eq!(requests.acknowledge, Acknowledge::Accepted);
    let (grpc, http) = (grpc.unwrap(), http.unwrap());
    assert_eq!((grpc.endpoint.as_deref(), grpc.limit_bytes()), (None, 64 << 20));
    let endpoint = http.server.endpoint.as_deref().unwrap_or(OtlpHttp::DEFAULT_ENDPOINT);
    assert_eq!((endpoint, http.server.limit_bytes()), ("localhost:4318", 64 << 20));
    assert_eq!(http.server.encodings(), Encoding::ALL);
    assert_eq!(
        http.paths(),
        Paths { traces: "/v1/traces".into(), metrics: "/v1/metrics".into(), logs: "/v1/logs".into() }
    );
}

#[test]
fn a_protocol_that_is_not_named_is_off() {
    let config = read("protocols: { grpc: { endpoint: 0.0.0.0:4317 } }");
    assert!(config.protocols.http.is_none());
}

#[test]
fn zero_is_the_default_as_in_the_collector() {
    let config = read(
        "protocols:\n  grpc: { max_recv_msg_size_mib: 0, max_concurrent_streams: 0, read_timeout: 0s }\n  \
         http: { max_request_body_size: 0, read_timeout: 0s, idle_timeout: 0s }\n",
    );
    let (grpc, http) = (config.protocols.grpc.unwrap(), config.protocols.http.unwrap().server);
    assert_eq!((grpc.limit_bytes(), grpc.read_timeout()), (64 << 20, READ_TIMEOUT));
    assert_eq!(
        grpc.server_settings().max_concurrent_streams,
        ServerSettings::default().max_concurrent_streams
    );
    assert_eq!((http.limit_bytes(), http.read_timeout()), (64 << 20, READ_TIMEOUT));
    assert_eq!(http.server_settings().keepalive.max_connection_idle, None);
}

#[test]
fn keepalive_parameters_reach_the_server() {
    let config = read(
        "protocols:\n  grpc:\n    keepalive:\n      server_parameters: { max_connection_age: 5m, time: 30s }\n      \
         enforcement_policy: { min_time: 10s, permit_without_stream: true }\n",
    );
    let keepalive = config.protocols.grpc.unwrap().server_settings().keepalive;
    assert_eq!(keepalive.max_connection_age, Some(Duration::from_secs(300)));
    assert_eq!(keepalive.time, Duration::from_secs(30));
    assert_eq!(keepalive.timeout, Duration::from_secs(20));
}

#[test]
fn what_is_wrong_is_named_with_its_key() {
    check_refused("protocols: {}", "protocols", "name grpc, http or both");
    check_refused("protocols: { grpc: { endpoint: localhost } }", "endpoint", "is not host:port");
    check_refused("protocols: { http: { endpoint: 'localhost:http' } }", "endpoint", "is not host:port");
    check_refused("protocols: { grpc: { transport: unix } }", "endpoint", "path");
    check_refused(
        "protocols: { http: { compression_algorithms: [br] } }",
        "compression_algorithms",
        "\"br\"",
    );
    check_refused("protocols: { http: { logs_url_path: /v1/traces } }", "url_path", "the same path");
    check_refused(
        "protocols: { http: { cors: { allowed_headers: ['a b'] } } }",
        "allowed_headers",
        "\"a b\"",
    );
    check_refused("protocols: { grpc: { tls: {} } }", "tls", "cert_file");
    check_refused("protocols: { grpc: { transport: udp } }", "transport", "tcp6 or unix");
    check_refused("protocols: { http: { transport: unix } }", "endpoint", "path");
    check_refused("protocols: { grpc: }\nmax_in_flight_mib: 63", "max_in_flight_mib", "64 MiB");
    check_refused("protocols: { grpc: { endpiont: x } }", "endpiont", "endpoint");
    check_refused("protocols: { http: { response_headers: { 'a b': c } } }", "response_headers", "a b: ");
}

/// A user mends a config once, not once for each mistake.
#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let yaml = "protocols:\n  grpc: { endpoint: a, transport: udp, max_concurrent_streams: many, tls: {} }\n  \
                http: { endpoint: b, compression_algorithms: [br] }\nmax_in_flight_mib: 1\nkolour: red\n";
    let node = Node::parse("config.yaml", yaml).unwrap();
    let error = OtlpFactory.check(&node).unwrap_err();
    let places: Vec<String> = error.findings().iter().map(|finding| finding.path.to_string()).collect();
    assert_eq!(
        places,
        [
            "",
            "protocols › grpc › max_concurrent_streams",
            "protocols › grpc › endpoint",
            "protocols › grpc › transport",
            "protocols › grpc › tls",
            "protocols › grpc › tls",
            "protocols › http › endpoint",
            "protocols › http › compression_algorithms",
            "max_in_flight_mib",
        ]
    );
}

/// Nothing of the Collector's servers keeps one from starting.
#[test]
fn keys_that_change_nothing_are_warned_of() {
    let yaml = "protocols:\n  grpc:\n    read_buffer_size: 1\n    keepalive: { enforcement_policy: { min_time: 1s } }\n    \
                tls: { cert_file: a, key_file: b, min_version: '1.0', tpm: { enabled: true }, \
                cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA], reload_interval: 1h }\n  \
                http: { write_timeout: 1s, response_headers: [{ name: x, value: y }], keep_alives_enabled: false }\n";
    let node = Node::parse("config.yaml", yaml).unwrap();
    OtlpFactory.check(&node).unwrap();
    let mut messages: Vec<String> =
        OtlpFactory.doubts(&node).into_iter().map(|finding| finding.message).collect();
    messages.sort();
    assert_eq!(
        messages,
        [
            "`TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA` is left out: Spanloom does not have it",
            "`enforcement_policy` has no effect in Spanloom",
            "`min_version` is taken for 1.2: Spanloom has no older TLS",
            "`read_buffer_size` has no effect in Spanloom",
            "`tpm` has no effect in Spanloom",
            "`write_timeout` has no effect in Spanloom",
        ]
    );
}
