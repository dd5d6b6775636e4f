//! Tests the receiver: its replies to datagrams, and its config.

#![expect(clippy::expect_used, reason = "tests fail by panicking")]

use spanloom_plugin::prelude::*;
use spanloom_xray_receiver::XRayReceiver;

fn receiver() -> testing::Receiver<XRayReceiver> {
    testing::Receiver::new("{}").expect("a config")
}

fn datagram(name: &str) -> ReceivedRequest {
    let segment = format!(
        "{{\"name\": \"{name}\", \"id\": \"70de5b6f19ff9a0b\", \"start_time\": 1, \"end_time\": 2, \
         \"trace_id\": \"1-581cf771-a006649127e371903a2de979\"}}"
    );
    body(format!("{{\"format\":\"json\",\"version\":1}}\n{segment}"))
}

fn body(text: impl Into<Vec<u8>>) -> ReceivedRequest {
    ReceivedRequest { body: text.into(), ..ReceivedRequest::default() }
}

/// Scenario: good and bad datagrams come together, a bad one first. Guarantees: each has its reply, a bad one with its
/// reason; the spans of the good ones are one batch.
#[test]
fn datagrams_become_one_batch_and_each_has_a_reply() {
    let requests =
        vec![body("x"), datagram("a"), body("{\"format\":\"json\",\"version\":1}\n[]"), datagram("b")];
    let replies = receiver().receive_all(requests).expect("replies");
    let reasons: Vec<Option<&str>> = replies
        .iter()
        .map(|reply| match reply {
            Reply::Rejected { reason, .. } => Some(reason.as_str()),
            Reply::Taken { .. } => None,
        })
        .collect();
    assert_eq!(reasons, [Some("no header"), None, Some("no JSON object"), None]);
    let batches: Vec<usize> = replies
        .iter()
        .map(|reply| match reply {
            Reply::Taken { batches, .. } => batches.len(),
            Reply::Rejected { .. } => 0,
        })
        .collect();
    assert_eq!(batches, [0, 1, 0, 0]);
    let Reply::Taken { batches, .. } = &replies[1] else { return };
    let Batch::Spans(spans) = &batches[0] else { return };
    let request = testing::to_json(spans);
    let names: Vec<_> = request["resourceSpans"]
        .as_array()
        .expect("resources")
        .iter()
        .map(|resource| resource["scopeSpans"][0]["spans"][0]["name"].as_str())
        .collect();
    assert_eq!(names, [Some("a"), Some("b")]);
}

/// Scenario: nothing but bad datagrams. Guarantees: there is no batch.
#[test]
fn rejected_datagrams_make_no_batch() {
    let replies = receiver().receive_all(vec![body(""), body("{}\n{}")]).expect("replies");
    assert!(replies.iter().all(|reply| matches!(reply, Reply::Rejected { .. })));
}

/// Scenario: a config with a key. Guarantees: it is refused, since the receiver has none of its own.
#[test]
fn the_receiver_has_no_keys() {
    assert!(testing::Receiver::<XRayReceiver>::new("{\"proxy_server\": {}}").is_err());
}
