use std::time::Duration;

use spanloom_plugin::serde_json::{self, json};

use super::*;

const CONFIG: &str = r#"{"url": "https://hooks.example/spans"}"#;

fn export(status: u16, headers: &[(&str, &str)]) -> Result<(), ExportError> {
    let mut webhook = testing::Exporter::<Webhook>::new(CONFIG).expect("a config");
    testing::answer(status, headers, b"");
    webhook.export(
        testing::spans("shop").span("pay").attribute("amount", 7).span("ship").child_of(1).error("lost"),
    )
}

#[test]
fn a_span_becomes_a_line() {
    assert_eq!(export(200, &[]), Ok(()));
    let [request] = testing::requests().try_into().expect("one request");
    assert_eq!((request.method(), request.url()), ("POST", "https://hooks.example/spans"));
    let lines = request.body_text().lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let expected = [
        json!({
            "trace_id": "00000000000000000000000000000001", "span_id": "0000000000000001", "name": "pay",
            "start_unix_nano": 1_760_000_000_000_000_000_u64, "duration_nano": 1_000_000,
            "resource": {"service.name": "shop"}, "attributes": {"amount": 7},
        }),
        json!({
            "trace_id": "00000000000000000000000000000001", "span_id": "0000000000000002",
            "parent_span_id": "0000000000000001", "name": "ship",
            "start_unix_nano": 1_760_000_000_000_000_000_u64, "duration_nano": 1_000_000, "error": "lost",
            "resource": {"service.name": "shop"}, "attributes": {},
        }),
    ];
    assert_eq!(lines.collect::<Vec<serde_json::Value>>(), expected);
}

#[test]
fn what_may_pass_comes_again_when_the_server_says() {
    let later = Failure::retryable("status 429").after(Duration::from_secs(3));
    assert_eq!(export(429, &[("Retry-After", "3")]), Err(later.into()));
    assert_eq!(export(502, &[]), Err(Failure::retryable("status 502").into()));
    assert_eq!(export(404, &[]), Err(Failure::permanent("status 404").into()));
}

#[test]
fn what_failed_is_not_sent_with_the_next_batch() {
    let mut webhook = testing::Exporter::<Webhook>::new(CONFIG).expect("a config");
    webhook.export(testing::spans("shop").span("a")).expect_err("no server");
    testing::answer(200, &[], b"");
    assert_eq!(webhook.export(testing::spans("shop").span("b")), Ok(()));
    let sent: Vec<usize> =
        testing::requests().iter().map(|request| request.body_text().lines().count()).collect();
    assert_eq!(sent, [1, 1]);
}
