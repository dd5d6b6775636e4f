//! `spanloom xray-daemon` between the AWS X-Ray SDKs and moto's X-Ray.

use std::path::Path;

use serde_json::{Value, json};
use spanloom_tests::{
    back_ends::Moto,
    command::{Ended, spanloom as command},
    otlp::client::http_client,
    xray::{Daemon, Sdk},
};
use tempfile::TempDir;

/// Checks what an application's request became in X-Ray: `exception` is what its SDK calls the failure.
async fn check_segments_of(sdk: Sdk, name: &str, exception: &str) {
    let Some(moto) = Moto::start().await else { return };
    let daemon = Daemon::start(&moto).await;
    let Some(traces) = daemon.trace(sdk, &[]).await else { return };
    let [trace_id] = traces.try_into().expect("one trace");
    let documents = daemon.wait_for_documents(&moto, 3).await;
    let named = |name: &str| {
        let mut found = documents.iter().filter(|document| document["name"] == name);
        found.next().unwrap_or_else(|| panic!("no {name}: {documents:#?}"))
    };
    let (segment, call, pay) = (named("shop"), named("dynamodb"), named("pay"));
    assert!(documents.iter().all(|document| document["trace_id"] == trace_id.as_str()), "{documents:#?}");

    let http = json!({
        "request": {"method": "POST", "url": "http://shop.example/orders", "client_ip": "203.0.113.7"},
        "response": {"status": 500},
    });
    assert_eq!((segment.get("type"), &segment["http"]), (None, &http));
    assert_eq!((&segment["fault"], &segment["user"]), (&json!(true), &json!("u-7")));
    assert_eq!(segment["annotations"], json!({"items": 3, "tier": "gold"}));
    // The SDK for Java leaves out what is null.
    let book = if matches!(sdk, Sdk::Java) { json!({}) } else { json!({"title": null}) };
    assert_eq!(segment["metadata"]["shop"], json!({"cart": {"books": [1, 2, book]}}));
    let said = segment["aws"]["xray"]["sdk"].as_str().unwrap_or_default();
    assert!(said.starts_with(name), "{segment:#}");

    let expected = [&json!("subsegment"), &segment["id"], &json!("aws"), &json!("carts")];
    assert_eq!([&call["type"], &call["parent_id"], &call["namespace"], &call["aws"]["table_name"]], expected);
    let failure = &pay["cause"]["exceptions"][0];
    assert_eq!((&failure["type"], &failure["message"]), (&json!(exception), &json!("no card")));
    assert!(failure["stack"][0]["label"].is_string(), "{failure:#}");

    // What the SDKs ask of X-Ray goes through the daemon, which signs it.
    let question = json!({"StartTime": 0, "EndTime": 4_000_000_000_u32}).to_string();
    let request = http_client().post(format!("http://{}/TraceSummaries", daemon.tcp)).body(question);
    let answer = request.send().await.expect("an answer").text().await.expect("text");
    assert!(answer.contains(&trace_id), "{answer}");

    let log = daemon.end().await;
    assert!(log.contains("received 3, delivered 3"), "{log}");
}

/// Scenario: an application with the X-Ray SDK for Python serves a request that fails.
/// Guarantees: X-Ray has the segment and its subsegments with all that the SDK said of them, in the SDK's trace.
#[tokio::test]
async fn segments_of_the_sdk_for_python_arrive_whole() {
    check_segments_of(Sdk::Python, "X-Ray for Python", "ValueError").await;
}

/// Scenario: the same with the SDK for Node.
/// Guarantees: the same.
#[tokio::test]
async fn segments_of_the_sdk_for_node_arrive_whole() {
    check_segments_of(Sdk::Node, "X-Ray for Node.js", "RangeError").await;
}

/// Scenario: the same with the SDK for Go.
/// Guarantees: the same.
#[tokio::test]
async fn segments_of_the_sdk_for_go_arrive_whole() {
    check_segments_of(Sdk::Go, "X-Ray for Go", "errors.errorString").await;
}

/// Scenario: the same with the SDK for Java.
/// Guarantees: the same.
#[tokio::test]
async fn segments_of_the_sdk_for_java_arrive_whole() {
    check_segments_of(Sdk::Java, "X-Ray for Java", "java.lang.IllegalStateException").await;
}

/// Scenario: the SDK sends bursts of a hundred segments, as fast as it can.
/// Guarantees: each segment arrives, once.
#[tokio::test]
async fn bursts_of_segments_arrive() {
    // The system keeps so many datagrams for a process that does not get to run for a while.
    const BURST: usize = 100;
    let Some(moto) = Moto::start().await else { return };
    let daemon = Daemon::start(&moto).await;
    let (mut sent, mut arrived) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        sent.extend(daemon.trace(Sdk::Python, &[&BURST.to_string()]).await.expect("moto brings the SDK"));
        arrived = daemon.wait_for_documents(&moto, sent.len()).await;
    }
    let ids = arrived.iter().map(|document| document["trace_id"].as_str().expect("an id").to_owned());
    let mut arrived: Vec<String> = ids.collect();
    sent.sort();
    arrived.sort();
    assert_eq!((sent.len(), &arrived), (5 * BURST, &sent));
    let log = daemon.end().await;
    assert!(log.contains("received 500, delivered 500"), "{log}");
}

/// Scenario: the help, the version, a config that is only printed, and files and flags that are wrong.
/// Guarantees: each is answered as the daemon's users expect, with the daemon's exit codes.
#[tokio::test]
async fn the_command_says_what_it_does_and_what_is_wrong() {
    let Ended { code, stdout, .. } = command(&["xray-daemon", "-help"]).await;
    assert_eq!(code, 0);
    for flag in
        ["-a, --resource-arn", "-o, --local-mode", "-m, --buffer-memory", "-v, --version", "--print-config"]
    {
        assert!(stdout.contains(flag), "{stdout}");
    }
    assert_eq!(command(&["xray-daemon", "-v"]).await.code, 0);
    let folder = TempDir::new().expect("a folder");
    let cfg = folder.path().join("cfg.yaml");
    let cfg = cfg.to_str().expect("UTF-8");
    std::fs::write(cfg, "Version: 2\nRegion: eu-west-1\n").expect("written");
    let printed = command(&["xray-daemon", "-c", cfg, "-m", "8", "-print-config"]).await;
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
    let spanloom = folder.path().join("spanloom.yaml");
    std::fs::write(&spanloom, &printed.stdout).expect("written");
    let spanloom = spanloom.to_str().expect("UTF-8");
    let validated = command(&["validate", "-c", spanloom]).await;
    assert_eq!((validated.code, validated.stderr.as_str()), (0, ""), "{}", printed.stdout);

    std::fs::write(cfg, "Version: 2\nProcessor: {Routine: 1}\n").expect("written");
    let wrong = command(&["xray-daemon", "-c", cfg]).await;
    assert!(wrong.code == 1 && wrong.stderr.contains("Processor"), "{wrong:?}");
    for flags in [["-b", "nonsense"], ["-t", "127.0.0.1"], ["-n", "us east"], ["--admin", "here"]] {
        let wrong = command(&["xray-daemon", flags[0], flags[1]]).await;
        let said = wrong.stderr.contains(flags[1]) && !wrong.stderr.contains("receivers");
        assert!(wrong.code == 1 && said, "{wrong:?}");
    }
    assert_eq!(command(&["xray-daemon", "-regions=x"]).await.code, 2);
}

/// Scenario: the commands of the examples are run for their configs.
/// Guarantees: the daemon takes the flags of each.
#[tokio::test]
async fn the_examples_start_it_with_flags_that_it_has() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/aws");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("an example");
    let task: Value = serde_json::from_str(&read("task-definition.json")).expect("JSON");
    let of_task = task["containerDefinitions"][1]["command"].as_array().expect("a command").clone();
    let of_task: Vec<String> = of_task.iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect();
    let of_line = |text: &str, start: &str| -> Vec<String> {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(start)).expect("a command");
        line.trim_end_matches(']').replace([',', '"'], " ").split_whitespace().map(str::to_owned).collect()
    };
    let of_unit = of_line(&read("xray-daemon.service"), "ExecStart=/usr/bin/spanloom ");
    let of_pod = of_line(&read("daemonset.yaml"), "args: [");
    for args in [of_task, of_unit, of_pod] {
        let args: Vec<&str> = args.iter().map(String::as_str).chain(["--print-config"]).collect();
        let ended = command(&args).await;
        assert!(ended.code == 0 && args[0] == "xray-daemon", "{args:?}: {}", ended.stderr);
    }
}
