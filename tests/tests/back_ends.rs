//! An instrumented application on one side, X-Ray and Prometheus on the other, and a Collector's config
//! between them.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use spanloom_tests::{
    Spanloom,
    back_ends::{Moto, Prometheus, Shop, promtool_check},
    otlp::client::{http_client, post},
    spanloom::free_address,
};
use tokio::time::{Instant, sleep};

/// Example credentials from AWS's documentation.
const CREDENTIALS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
];

/// Scenario: a Flask application serves one order and fails another, under the Collector's config.
/// Guarantees: moto has every segment and every request between services; Prometheus has the metrics.
#[tokio::test]
async fn a_collectors_config_takes_a_flask_application_to_x_ray_and_prometheus() {
    let (Some(moto), exposition) = (Moto::start().await, free_address()) else { return };
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/collector/otelcol.yaml");
    // The ports may be taken here, and X-Ray is elsewhere; the rest of the config is unmodified.
    let endpoint = format!("exporters::awsxray::endpoint=http://{}", moto.address);
    let scraped = format!("exporters::prometheus::endpoint={exposition}");
    let spanloom =
        Spanloom::start_file_with(&config, &["--set", &endpoint, "--set", &scraped], &CREDENTIALS).await;
    let Some(shop) = Shop::start(spanloom.grpc, spanloom.http).await else {
        spanloom.finish().await;
        return;
    };
    let prometheus = Prometheus::start(exposition).await;

    assert_eq!(shop.order("book").await, 200);
    assert_eq!(shop.order("broken").await, 502);

    // For each order: three segments and two subsegments of requests. The failed order has one subsegment
    // more.
    let documents = wait_for_documents(&moto, 11).await;
    for (trace, documents) in by_trace(&documents) {
        check_trace(&trace, &documents);
    }
    if let Some(prometheus) = &prometheus {
        for outcome in ["ok", "failed"] {
            let orders = format!(r#"shop_orders_total{{job="shop/front",outcome="{outcome}"}}"#);
            assert_eq!(prometheus.wait_for(&orders).await, 1.0);
        }
        let sum = r#"shop_weight_grams_sum{job="shop/post",item="book"}"#;
        assert_eq!(prometheus.wait_for(sum).await, 2.5);
        let target = r#"target_info{job="shop/cart",instance="cart-1"}"#;
        assert_eq!(prometheus.wait_for(target).await, 1.0);
    }
    if let Some(said) = promtool_check(&scrape(exposition).await).await {
        assert_eq!(said, "", "promtool has something to say");
    }
    shop.stop().await;
    let ledger = spanloom.finish().await;
    let account = &ledger[&("traces".to_owned(), "awsxray".to_owned())];
    assert_eq!((account.received, account.delivered), (11, 11), "{account:?}");
}

/// Scenario: `spanloom run` without a config receives 500 generated spans.
/// Guarantees: its exposition counts every span, and has durations and the service graph.
#[tokio::test]
async fn the_default_config_shows_who_calls_whom_and_how_long_it_takes() {
    let exposition = free_address();
    let sets = [
        format!("exporters::prometheus::endpoint={exposition}"),
        "connectors::span_metrics::metrics_flush_interval=200ms".to_owned(),
        "connectors::service_graph::metrics_flush_interval=200ms".to_owned(),
    ];
    let args: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let spanloom = Spanloom::start_default_with(&args).await;
    let endpoint = format!("http://{}", spanloom.grpc);
    let sent =
        spanloom_tests::command::spanloom(&["generate", "traces", "--endpoint", &endpoint, "--total", "500"])
            .await;
    assert_eq!(sent.code, 0, "{}{}", sent.stdout, sent.stderr);
    let calls = r#"traces_span_metrics_calls_total{"#;
    let duration = r#"traces_span_metrics_duration_milliseconds_bucket{"#;
    let graph = r#"traces_service_graph_request_total{client="frontend""#;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let scrape = scrape(exposition).await;
        let counted: f64 = scrape.lines().filter(|line| line.starts_with(calls)).filter_map(value).sum();
        if counted == 500.0 && scrape.contains(duration) && scrape.contains(graph) {
            break;
        }
        assert!(Instant::now() < deadline, "{counted} of 500 spans are counted:\n{scrape}");
        sleep(Duration::from_millis(100)).await;
    }
    spanloom.finish().await;
}

/// Scenario: two processes of one service, which differ only in `process.pid`, send in turns.
/// Guarantees: both are counted in one series of each metric, and the series never falls.
#[tokio::test]
async fn two_processes_of_one_service_are_counted_in_one_series() {
    let exposition = free_address();
    let sets = [
        format!("exporters::prometheus::endpoint={exposition}"),
        "connectors::span_metrics::metrics_flush_interval=50ms".to_owned(),
        "connectors::service_graph::metrics_flush_interval=50ms".to_owned(),
    ];
    let args: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let spanloom = Spanloom::start_default_with(&args).await;
    let series = [
        ("traces_span_metrics_calls_total{", r#"job="shop""#),
        ("traces_span_metrics_duration_milliseconds_count{", r#"job="shop""#),
        ("traces_service_graph_request_total{", r#"client="front""#),
    ];
    let mut last = [0.0; 3];
    for order in 1..=12 {
        let answer = post(spanloom.http, "/v1/traces", "application/json", an_order(order, order % 2)).await;
        assert_eq!(answer.status(), 200);
        let deadline = Instant::now() + Duration::from_secs(30);
        while last != [f64::from(order); 3] {
            let scrape = scrape(exposition).await;
            for ((start, label), last) in series.iter().zip(&mut last) {
                let is_of = |line: &&str| line.starts_with(start) && line.contains(label);
                let values: Vec<f64> = scrape.lines().filter(is_of).filter_map(value).collect();
                assert!(values.len() <= 1, "{start} is {values:?} after {order} orders:\n{scrape}");
                let now = values.first().copied().unwrap_or_default();
                assert!(now >= *last, "{start} fell from {last} to {now} after {order} orders");
                *last = now;
            }
            assert!(Instant::now() < deadline, "{last:?} of {order} orders are counted:\n{scrape}");
        }
    }
    spanloom.finish().await;
}

/// Returns a request in which `front` calls `shop`; `process` is the process id of the `shop` that answers.
fn an_order(number: u32, process: u32) -> Bytes {
    let resource = |service: &str, pid: u32| {
        json!({"attributes": [
            {"key": "service.name", "value": {"stringValue": service}},
            {"key": "process.pid", "value": {"intValue": pid.to_string()}},
        ]})
    };
    let span = |id: u32, parent: Option<u32>, kind: u32| {
        let hex = |id: u32| format!("{id:016x}");
        json!({
            "traceId": format!("{number:032x}"), "spanId": hex(id), "parentSpanId": parent.map_or(String::new(), hex),
            "name": "GET /", "kind": kind, "startTimeUnixNano": "1", "endTimeUnixNano": "2",
        })
    };
    let of = |resource: Value, span: Value| json!({"resource": resource, "scopeSpans": [{"spans": [span]}]});
    let client = of(resource("front", 1), span(1, Some(9), 3));
    let server = of(resource("shop", process), span(2, Some(1), 2));
    json!({"resourceSpans": [client, server]}).to_string().into()
}

async fn scrape(exposition: SocketAddr) -> String {
    let scrape = http_client().get(format!("http://{exposition}/metrics")).send().await.expect("a scrape");
    scrape.text().await.expect("text")
}

/// Returns the value on a line of an exposition.
fn value(line: &str) -> Option<f64> {
    line.rsplit(' ').next()?.parse().ok()
}

async fn wait_for_documents(moto: &Moto, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let documents = moto.documents().await;
        if documents.len() >= count {
            return documents;
        }
        assert!(Instant::now() < deadline, "{count} documents are due, there are {documents:#?}");
        sleep(Duration::from_millis(200)).await;
    }
}

fn by_trace(documents: &[Value]) -> BTreeMap<String, Vec<&Value>> {
    let mut traces: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for document in documents {
        traces.entry(text(document, "trace_id").to_owned()).or_default().push(document);
    }
    traces
}

/// Checks the documents of a trace `front` → `cart` → `post`.
///
/// Each request between two services is a subsegment of the caller and the parent of the called service's
/// segment.
fn check_trace(trace: &str, documents: &[&Value]) {
    assert!(trace.starts_with("1-") && trace.len() == 35, "{trace}");
    let segment = |name: &str| {
        let found = documents.iter().find(|document| document["name"] == name && document["type"].is_null());
        *found.unwrap_or_else(|| panic!("no segment {name} in {documents:#?}"))
    };
    let has_failed = documents.iter().any(|document| document["name"] == "weigh");
    assert!(segment("front")["parent_id"].is_null());
    for (caller, called) in [("front", "cart"), ("cart", "post")] {
        let (caller, called) = (segment(caller), segment(called));
        let request = documents.iter().find(|document| document["id"] == called["parent_id"]);
        let request = request.unwrap_or_else(|| panic!("no parent of {called:#}"));
        assert_eq!((&request["type"], &request["namespace"]), (&"subsegment".into(), &"remote".into()));
        assert_eq!(request["parent_id"], caller["id"]);
        assert_eq!(request["http"]["request"]["method"], "GET");
    }
    for name in ["front", "cart", "post"] {
        let status = if !has_failed {
            200
        } else if name == "post" {
            500
        } else {
            502
        };
        assert_eq!(segment(name)["http"]["response"]["status"], status, "{:#}", segment(name));
        assert_eq!(segment(name)["fault"].as_bool().unwrap_or_default(), has_failed);
    }
    if has_failed {
        let weigh = documents.iter().find(|document| document["name"] == "weigh").expect("it failed there");
        let exception = &weigh["cause"]["exceptions"][0];
        assert_eq!(
            (&exception["type"], &exception["message"]),
            (&"ValueError".into(), &"it has no weight".into())
        );
        assert_eq!(exception["stack"][0]["label"], "handle", "{exception:#}");
    }
}

fn text<'a>(document: &'a Value, key: &str) -> &'a str {
    document[key].as_str().unwrap_or_else(|| panic!("no {key} in {document:#}"))
}
