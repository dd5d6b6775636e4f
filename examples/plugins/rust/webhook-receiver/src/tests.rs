use spanloom_plugin::serde_json::{Value as Json, json};
use spanloom_plugin::wire;

use super::*;

/// Returns the reply to a body.
fn reply(body: &str) -> Reply {
    let mut webhook = testing::Receiver::<Webhook>::new(r#"{"service": "shop"}"#).expect("a config");
    webhook.receive(body).expect("a reply")
}

/// Returns the telemetry of a body, as OTLP/JSON.
fn records(body: &str) -> Json {
    let Reply::Taken { mut batches, answer, .. } = reply(body) else { panic!("rejected") };
    assert_eq!(answer, Answer::status(202));
    let otlp = batches.remove(0).into_logs().expect("logs").otlp();
    let batch = wire::Batch::decode(wire::Signal::Logs, otlp.into()).expect("OTLP");
    serde_json::from_slice(&wire::json::to_json(&batch)).expect("JSON")
}

#[test]
fn each_event_becomes_a_record() {
    let records = records(r#"[{"message": "paid", "amount": 7, "card": true}, {"cart": ["a"]}]"#);
    let resource = &records["resourceLogs"][0];
    let service = &resource["resource"]["attributes"][0];
    assert_eq!(*service, json!({"key": "service.name", "value": {"stringValue": "shop"}}));
    let logs = resource["scopeLogs"][0]["logRecords"].as_array().expect("records");
    assert_eq!(logs.len(), 2);
    assert_eq!(logs[0]["body"], json!({"stringValue": "paid"}));
    let attributes = logs[0]["attributes"].as_array().expect("attributes");
    assert!(attributes.contains(&json!({"key": "amount", "value": {"intValue": "7"}})));
    assert!(attributes.contains(&json!({"key": "card", "value": {"boolValue": true}})));
    assert_eq!(logs[1]["attributes"][0]["value"], json!({"stringValue": "[\"a\"]"}));
}

#[test]
fn what_is_no_event_is_rejected() {
    for body in ["", "7", "[7]", "{"] {
        let Reply::Rejected { answer, reason } = reply(body) else { panic!("taken: {body}") };
        assert_eq!((answer.status, reason.starts_with("not an object")), (400, true));
    }
}
