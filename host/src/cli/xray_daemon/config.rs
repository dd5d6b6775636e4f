//! The config of Spanloom that does what the daemon does.

use serde_json::{Map, Value, json};

use super::cfg::{CfgConfig, Level};

/// The daemon's address, for UDP and for TCP.
const ADDRESS: &str = "127.0.0.1:2000";
/// The uploads that the daemon has under way at one time.
const CONCURRENCY: u32 = 8;
/// The largest `queue_mib`.
const MAX_QUEUE_MIB: u32 = 4096;
/// The segments that the daemon sends at once, and for how long it waits for them.
const BATCH: u32 = 50;
const BATCH_TIMEOUT: &str = "1s";

/// Returns the config as JSON, which YAML includes, with the endpoint for `spanloom status`. An error shows the line that
/// it is about.
pub(super) fn of(cfg: &CfgConfig, admin: Option<&str>) -> String {
    let config = json!({
        "receivers": {"awsxray": receiver(cfg)},
        "processors": {"batch": {"timeout": BATCH_TIMEOUT, "send_batch_size": BATCH}},
        "exporters": {"awsxray": exporter(cfg)},
        "service": {
            // The daemon leaves no socket behind.
            "admin": object([("endpoint", json!(admin)), ("socket", json!("none"))]),
            "telemetry": {"logs": logs(cfg), "metrics": {"level": "none"}},
            "pipelines": {
                "traces": {"receivers": ["awsxray"], "processors": ["batch"], "exporters": ["awsxray"]},
            },
        },
    });
    // No text of the daemon's config is a reference.
    format!("{config:#}").replace('$', "$$")
}

fn receiver(cfg: &CfgConfig) -> Value {
    let queue = cfg.total_buffer_size_mb;
    object([
        ("endpoint", json!(cfg.socket.udp_address.as_deref().unwrap_or(ADDRESS))),
        ("queue_mib", if queue > 0 { json!(queue.min(MAX_QUEUE_MIB)) } else { Value::Null }),
        ("proxy_server", proxy(cfg)),
    ])
}

fn exporter(cfg: &CfgConfig) -> Value {
    let workers = if cfg.concurrency > 0 { cfg.concurrency } else { CONCURRENCY };
    object([
        ("region", json!(cfg.region)),
        ("endpoint", json!(cfg.endpoint)),
        ("role_arn", json!(cfg.role_arn)),
        ("resource_arn", json!(cfg.resource_arn)),
        ("num_workers", json!(workers)),
        ("local_mode", flag(cfg.local_mode)),
        ("no_verify_ssl", flag(cfg.no_verify_ssl)),
        // As the daemon, it tells X-Ray once a minute what became of the segments.
        ("telemetry", json!({"enabled": true, "include_metadata": true})),
    ])
}

fn proxy(cfg: &CfgConfig) -> Value {
    object([
        ("endpoint", json!(cfg.socket.tcp_address.as_deref().unwrap_or(ADDRESS))),
        ("region", json!(cfg.region)),
        ("aws_endpoint", json!(cfg.endpoint)),
        ("role_arn", json!(cfg.role_arn)),
        ("local_mode", flag(cfg.local_mode)),
        ("tls", if cfg.no_verify_ssl { json!({"insecure": true}) } else { Value::Null }),
    ])
}

fn logs(cfg: &CfgConfig) -> Value {
    let level = match cfg.logging.log_level {
        Level::Dev | Level::Debug => "debug",
        Level::Info | Level::Prod => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    json!({"level": level, "output_paths": [cfg.logging.log_path.as_deref().unwrap_or("stdout")]})
}

/// Returns true, or nothing if the key need not be written.
fn flag(value: bool) -> Value {
    if value { json!(true) } else { Value::Null }
}

/// Returns an object of the keys that have a value.
fn object<const KEYS: usize>(fields: [(&str, Value); KEYS]) -> Value {
    let set = fields.into_iter().filter(|(_, value)| !value.is_null());
    set.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>().into()
}
