//! A value for each key: any value of the type that the key takes, or a particular one if the key needs that.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::tree::{Key, Type, at};

/// Example credentials from AWS's documentation.
pub(crate) const CREDENTIALS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
];

/// Keys that are known but refused, by component type (`*` is any; with its section, if another section has the type too)
/// and the end of the path.
pub(crate) const REFUSED: [(&str, &str); 6] = [
    ("*", "sending_queue.storage"),
    ("exporters/awsxray", "proxy_address"),
    ("exporters/awsxray", "shared_credentials_file"),
    ("file", "encoding"),
    ("prometheus", "auth"),
    ("prometheus", "tls"),
];

/// A component whose config sets one key.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) of: Type,
    /// The component's id, such as `otlp_grpc/tls.ca_file-0`: type, path of the key, and number of the value.
    pub(crate) id: String,
    pub(crate) config: Value,
    /// True if the key is known but refused.
    pub(crate) is_refused: bool,
}

/// The files that keys name.
pub(crate) struct Files {
    folder: TempDir,
    cert_pem: String,
    key_pem: String,
}

impl Files {
    pub(crate) fn new() -> Files {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let files = Files {
            folder: tempfile::tempdir().expect("a folder"),
            cert_pem: made.cert.pem(),
            key_pem: made.signing_key.serialize_pem(),
        };
        let texts = [
            ("cert.pem", &files.cert_pem),
            ("key.pem", &files.key_pem),
            ("token", &"t".to_owned()),
            ("users", &"u:p".to_owned()),
        ];
        for (name, text) in texts {
            fs::write(files.folder().join(name), text).expect("a file");
        }
        files
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self, name: &str) -> String {
        self.folder().join(name).to_str().expect("UTF-8").to_owned()
    }
}

/// Returns one component for each key of the type, and one for each choice of a key that has choices.
pub(crate) fn of(of: &Type, keys: &[Key], files: &Files) -> Vec<Case> {
    let mut cases = Vec::new();
    for key in keys {
        let parts = match particular(of, &key.path, files) {
            Some(part) => vec![part],
            None => values(&key.takes).into_iter().map(|value| at(&key.path, value)).collect(),
        };
        for (number, part) in parts.into_iter().enumerate() {
            let id = format!("{}/{}-{number}", of.name, key.path.replace("[]", ""));
            let mut config = base(of, &id, files);
            merge(&mut config, part);
            name_policies(&mut config);
            let names = ["*", &of.name, &format!("{}/{}", of.section, of.name)];
            let is_refused = REFUSED.iter().any(|(name, end)| names.contains(name) && is_end(&key.path, end));
            cases.push(Case { of: of.clone(), id, config, is_refused });
        }
    }
    cases
}

/// Returns the keys without which the type does not start. Each component gets an address where nobody
/// listens yet.
fn base(of: &Type, id: &str, files: &Files) -> Value {
    match (of.section.as_str(), of.name.as_str()) {
        ("receivers", "otlp") => {
            json!({"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}, "http": {"endpoint": "127.0.0.1:0"}}})
        }
        ("exporters", "otlp_grpc") => json!({"endpoint": "127.0.0.1:14317"}),
        ("exporters", "otlp_http") => json!({"endpoint": "http://127.0.0.1:14318"}),
        ("exporters", "file") => json!({"path": files.path(&id.replace('/', "-"))}),
        ("receivers", "awsxray") => {
            json!({"endpoint": "127.0.0.1:0", "proxy_server": {"endpoint": "127.0.0.1:0", "region": "us-east-1"}})
        }
        ("exporters", "awsxray") => json!({"endpoint": "http://127.0.0.1:15000", "region": "us-east-1"}),
        (_, "xray_sampler") => json!({"endpoint": "http://127.0.0.1:15000", "region": "us-east-1",
            "rules": {"version": 2, "default": {"fixed_target": 1, "rate": 0.05}}}),
        ("exporters", "prometheus") | ("extensions", "health_check") => json!({"endpoint": "127.0.0.1:0"}),
        ("extensions", "awsproxy") => json!({"endpoint": "127.0.0.1:0", "region": "us-east-1"}),
        (_, "memory_limiter") => limits(),
        (_, "tail_sampling") if id.starts_with("tail_sampling/policies") => json!({}),
        (_, "tail_sampling") => json!({"sampler": "keep_errors"}),
        _ => json!({}),
    }
}

/// Gives each policy the name and the type that it needs beside its section.
fn name_policies(config: &mut Value) {
    let policies = config.get_mut("policies").and_then(Value::as_array_mut);
    for policy in policies.into_iter().flatten().filter_map(Value::as_object_mut) {
        let section = policy.keys().find(|key| !["name", "type"].contains(&key.as_str())).cloned();
        policy.entry("type").or_insert_with(|| json!(section.as_deref().unwrap_or("always_sample")));
        policy.entry("name").or_insert_with(|| json!("x"));
    }
}

/// Returns the config of a `memory_limiter` that refuses nothing.
pub(crate) fn limits() -> Value {
    json!({"check_interval": "1s", "limit_mib": 1 << 20})
}

/// Returns the config of a key that needs a particular value or goes with other keys.
fn particular(of: &Type, path: &str, files: &Files) -> Option<Value> {
    let (above, key) = path.rsplit_once('.').unwrap_or(("", path));
    let this = |value: Value| Some(at(path, value));
    // Sets keys beside this one.
    let beside = |keys: Value| Some(if above.is_empty() { keys } else { at(above, keys) });
    let (cert, cert_key) = (files.path("cert.pem"), files.path("key.pem"));
    let is_server = matches!(of.name.as_str(), "otlp" | "health_check");
    let is_proxy = of.name == "awsproxy" || above == "proxy_server";
    match (of.name.as_str(), key) {
        ("otlp" | "health_check", "endpoint") => this(json!("127.0.0.1:0")),
        ("otlp", "max_in_flight_mib") => this(json!(64)),
        ("otlp", "transport") => this(json!("tcp")),
        ("otlp", "compression_algorithms") => this(json!(["gzip", ""])),
        ("groupbytrace", "discard_orphans" | "store_on_disk") => this(json!(false)),
        (_, "authenticator") => this(json!("bearertokenauth")),
        ("tail_sampling", "sampler") => this(json!("keep_errors")),
        ("tail_sampling", "policies") => this(json!([{"name": "x", "type": "always_sample"}])),
        ("tail_sampling", "activation_level") => beside(json!({"deactivation_level": 2, key: 2})),
        ("otlp", "middlewares") => this(json!([{"id": "memory_limiter"}])),
        (_, "cert_file" | "key_file") => beside(json!({"cert_file": cert, "key_file": cert_key})),
        (_, "cert_pem" | "key_pem") => beside(json!({"cert_pem": files.cert_pem, "key_pem": files.key_pem})),
        (_, "ca_pem") if !is_server => this(json!(files.cert_pem)),
        (_, "ca_file" | "certificate_file_path") if !is_server => this(json!(cert)),
        (_, "request_params") => beside(json!({"authenticator": "bearertokenauth", "request_params": ["x"]})),
        (_, key) if above.ends_with("tls") => {
            let value = match key {
                "client_ca_file" => json!(cert),
                "min_version" | "max_version" => json!("1.3"),
                "cipher_suites" => json!(["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]),
                "curve_preferences" => json!(["P256"]),
                "reload_interval" => json!("1m"),
                "server_name_override" => json!("localhost"),
                "client_ca_file_reload" | "include_insecure_cipher_suites" => json!(true),
                _ if is_server => json!("x"),
                _ => return None,
            };
            let mut keys = json!({ key: value });
            if is_server {
                merge(&mut keys, json!({"cert_file": cert, "key_file": cert_key}));
            }
            beside(keys)
        }
        ("otlp_grpc", "balancer_name") => this(json!("pick_first")),
        ("otlp_grpc", "endpoint") => this(json!("127.0.0.1:14317")),
        (
            "otlp_http",
            "endpoint" | "traces_endpoint" | "metrics_endpoint" | "logs_endpoint" | "proxy_url",
        ) => this(json!("http://127.0.0.1:14318")),
        ("otlp_grpc" | "otlp_http", "compression") => this(json!("zstd")),
        (_, "randomization_factor") => this(json!(0.25)),
        ("health_check", "path") => this(json!("/x")),
        (_, "max_elapsed_time") => this(json!("1m")),
        ("otlp_http", "past" | "future") => this(json!("1h")),
        (_, "max_size") if above.ends_with("batch") => beside(json!({"min_size": 2, "max_size": 2})),
        (_, "sizer") if above.ends_with("batch") => this(json!("bytes")),
        ("file", "path") => this(json!(files.path("path"))),
        ("file", "directory_permissions") => beside(json!({"create_directory": true, key: "0755"})),
        ("file", "enabled") if above == "group_by" => {
            Some(json!({"path": files.path("by-*"), "group_by": {"enabled": true}}))
        }
        ("debug", "output_paths") => beside(json!({"use_internal_logger": false, key: ["stderr"]})),
        ("batch", "send_batch_max_size") => beside(json!({"send_batch_size": 2, "send_batch_max_size": 2})),
        ("awsxray", "endpoint") if of.section == "receivers" => this(json!("127.0.0.1:0")),
        ("awsxray", "transport") if above.is_empty() => this(json!("udp4")),
        ("awsxray" | "awsproxy", "transport") => this(json!("tcp4")),
        ("awsxray" | "awsproxy", "role_arn") if is_proxy => this(json!("arn:aws:iam::123456789012:role/x")),
        ("awsxray" | "awsproxy", "proxy_address" | "aws_endpoint") if is_proxy => {
            this(json!("http://127.0.0.1:15001"))
        }
        ("awsxray" | "xray_sampler" | "awsproxy", "region") => this(json!("eu-west-1")),
        ("awsproxy", "endpoint") => this(json!("127.0.0.1:0")),
        ("sigv4auth", key) if above == "assume_role" => {
            let value = if key == "session_duration" { "1h" } else { "1s" };
            let role = json!({key: value, "arn": "arn:aws:iam::123456789012:role/x"});
            beside(role)
        }
        ("awsxray" | "xray_sampler", "endpoint") => this(json!("http://127.0.0.1:15001")),
        ("awsxray" | "xray_sampler", "role_arn" | "external_id") => {
            beside(json!({"role_arn": "arn:aws:iam::123456789012:role/x", "external_id": "x"}))
        }
        ("xray_sampler", "rate") if above == "rules.default" => this(json!(0.25)),
        ("xray_sampler", key) if above == "rules.rules[]" => {
            let value = if key == "fixed_target" { json!(2) } else { json!("x") };
            let mut rule = json!({ "fixed_target": 1, key: value });
            merge(&mut rule, json!({"rate": 0.25}));
            beside(rule)
        }
        ("prometheus", "enabled" | "exclude_service_attributes") if above == "resource_constant_labels" => {
            this(json!(false))
        }
        ("prometheus", "endpoint") => this(json!("127.0.0.1:0")),
        ("span_metrics", "exclude_dimensions") => this(json!(["span.name"])),
        ("span_metrics", "buckets") | ("service_graph", "latency_histogram_buckets") => {
            this(json!(["2ms", "1s"]))
        }
        ("span_metrics", "default") => beside(json!({"name": "x", "default": "y"})),
        ("span_metrics", "enabled") if above == "events" => {
            beside(json!({"enabled": true, "dimensions": [{"name": "x"}]}))
        }
        ("tail_sampling_policies", "type") => this(json!("always_sample")),
        ("tail_sampling_policies", "status_codes") => this(json!(["ERROR"])),
        ("tail_sampling_policies", "span" | "spanevent") => this(json!(["true"])),
        ("tail_sampling_policies", "error_mode") => beside(json!({"span": ["true"], key: "ignore"})),
        ("tail_sampling_policies", "key") if above.ends_with("numeric_attribute") => {
            beside(json!({"min_value": 2, key: "x"}))
        }
        ("tail_sampling_policies", "invert_match") if above.ends_with("numeric_attribute") => {
            beside(json!({"min_value": 2, key: true}))
        }
        ("tail_sampling_policies", "not_sub_policy") => this(json!({"type": "always_sample"})),
        ("tail_sampling_policies", "and_sub_policy" | "drop_sub_policy" | "composite_sub_policy") => {
            this(json!([{"type": "always_sample"}]))
        }
        ("basicauth", "file") => this(json!(files.path("users"))),
        ("basicauth", "inline") => this(json!("u:p")),
        ("basicauth", "username" | "password") => beside(json!({"username": "u", "password": "p"})),
        ("basicauth", "username_file") => this(json!(files.path("token"))),
        ("basicauth", "password_file") => beside(json!({"username": "u", key: files.path("token")})),
        ("bearertokenauth", "filename") => this(json!(files.path("token"))),
        ("bearertokenauth", "header" | "scheme") => beside(json!({"token": "t", key: "x"})),
        _ => None,
    }
}

/// Returns values that fit what the binary says the key takes. If the binary lists choices, returns them all.
fn values(takes: &str) -> Vec<Value> {
    let is = |start: &str| takes.starts_with(start);
    if takes.is_empty() || is("a map") {
        return vec![json!({"x": "y"})];
    }
    if is("`true` or `false`") {
        return vec![json!(true), json!(false)];
    }
    if is("one of ") || is("`") {
        return takes.split('`').skip(1).step_by(2).map(|choice| json!(choice)).collect();
    }
    if is("a duration") || is("text or a whole number") || takes.contains("duration") {
        return vec![json!("1s")];
    }
    if is("a list of whole") {
        return vec![json!([2])];
    }
    if is("a list") {
        return vec![json!(["x"])];
    }
    if is("a whole number") || is("a number") {
        return vec![json!(if takes.contains("up to 1") { 1 } else { 2 })];
    }
    vec![json!("x")]
}

/// Returns whether a path ends in these keys, compared as whole keys.
fn is_end(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
