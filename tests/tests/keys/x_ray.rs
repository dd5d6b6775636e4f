//! Checks what the keys of `awsxray` change in the requests. The test's X-Ray records what it receives, with
//! one path for each exporter.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, http::Uri};
use serde_json::{Value, json};
use spanloom_tests::{Spanloom, config, otlp::client::post};
use tokio::net::TcpListener;

use super::cases::CREDENTIALS;

/// Scenario: exporters that differ in one key each get one span, whose trace id has no recent time.
/// Guarantees: each key does what the README says, and the exporter without an answer gives up.
#[tokio::test]
async fn the_keys_of_awsxray_do_what_they_say() {
    let x_ray = XRay::start().await;
    let keys = [
        ("plain", json!({})),
        ("indexed", json!({"indexed_attributes": ["customer.tier"]})),
        ("all", json!({"index_all_attributes": true})),
        ("dots", json!({"indexed_attributes": ["customer.tier"], "allow_dot": false})),
        ("groups", json!({"aws_log_groups": ["orders"]})),
        ("dated", json!({"skip_timestamp_validation": false})),
        (
            "telling",
            json!({"resource_arn": "arn:aws:ec2:a", "telemetry":
                {"enabled": true, "include_metadata": true, "hostname": "box", "instance_id": "i-1"}}),
        ),
        ("silent", json!({"request_timeout_seconds": 1})),
    ];
    let exporter = |(name, keys): &(&str, Value)| {
        let mut exporter = json!({"region": "us-east-1", "endpoint": format!("http://{}/{name}", x_ray.address),
            "retry_on_failure": {"enabled": false}});
        exporter.as_object_mut().expect("a map").extend(keys.as_object().expect("a map").clone());
        format!("awsxray/{name}: {exporter}\n")
    };
    let exporters: String = keys.iter().map(exporter).collect();
    let traces_only =
        config::relay(&exporters).replace("    metrics: ", "    #").replace("    logs: ", "    #");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("otel.yaml");
    std::fs::write(&path, traces_only).expect("a config");
    let spanloom = Spanloom::start_file_with(&path, &[], &CREDENTIALS).await;
    let span = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "01".repeat(16), "spanId": "02".repeat(8), "name": "order", "kind": 2,
        "attributes": [{"key": "customer.tier", "value": {"stringValue": "gold"}}],
    }]}]}]});
    let answer = post(spanloom.http, "/v1/traces", "application/json", span.to_string().into()).await;
    assert_eq!(answer.status(), 200);
    let ledger = spanloom.finish().await;

    let document = |name: &str| x_ray.told(&format!("/{name}/TraceSegments")).map(|told| document(&told));
    let annotations = |name: &str| document(name).expect("a segment")["annotations"].clone();
    assert_eq!(annotations("plain"), Value::Null);
    assert_eq!(document("plain").expect("a segment")["metadata"]["default"]["customer.tier"], "gold");
    assert_eq!(annotations("indexed"), json!({"customer.tier": "gold"}));
    assert_eq!(annotations("all")["customer.tier"], "gold");
    assert_eq!(annotations("dots"), json!({"customer_tier": "gold"}));
    let groups = &document("groups").expect("a segment")["aws"]["cloudwatch_logs"];
    assert_eq!(groups, &json!([{"log_group": "orders"}]));
    assert_eq!(document("dated"), None);
    assert_eq!(x_ray.told("/plain/TelemetryRecords"), None);
    let told = x_ray.told("/telling/TelemetryRecords").expect("a record");
    assert_eq!(told["TelemetryRecords"][0]["SegmentsSentCount"], 1);
    let whose = ["Hostname", "EC2InstanceId", "ResourceARN"]
        .map(|key| told[key].as_str().unwrap_or_default().to_owned());
    assert_eq!(whose, ["box", "i-1", "arn:aws:ec2:a"]);
    for (name, _) in &keys {
        let account = &ledger[&("traces".to_owned(), format!("awsxray/{name}"))];
        let delivered = u64::from(!["dated", "silent"].contains(name));
        assert_eq!((account.received, account.delivered), (1, delivered), "{name}: {account:?}");
    }
}

/// Returns the only segment of a request.
fn document(told: &Value) -> Value {
    serde_json::from_str(told["TraceSegmentDocuments"][0].as_str().expect("a document")).expect("JSON")
}

/// A server that accepts every request, except requests below `/silent`, which get no answer.
struct XRay {
    address: SocketAddr,
    /// The last body, by path.
    told: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl XRay {
    async fn start() -> XRay {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let told = Arc::<Mutex<BTreeMap<String, Value>>>::default();
        let taken = told.clone();
        let take = move |uri: Uri, body: String| async move {
            if uri.path().starts_with("/silent") {
                std::future::pending::<()>().await;
            }
            let body = serde_json::from_str(&body).expect("JSON");
            taken.lock().expect("no panic").insert(uri.path().to_owned(), body);
            "{}"
        };
        let routes = Router::new().fallback(take);
        tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
        XRay { address, told }
    }

    fn told(&self, path: &str) -> Option<Value> {
        self.told.lock().expect("no panic").get(path).cloned()
    }
}
