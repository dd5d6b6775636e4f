//! The exporters `otlp_http` and `otlp_grpc` by each answer of a destination: what the sender is told, and how
//! often the destination is asked.

use std::time::Duration;

use anyhow::Result;
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::join;
use tokio::time::sleep;

use crate::{
    configs,
    encode::{bytes_field, varint_field},
    grpc::Call,
    http1::Request,
    observation::{Case, Observation},
    pair::{Input, Pair, observe},
    payload::{self, SPAN},
    side::{Binaries, Side},
    stub::{Answer, MOVED},
};

type Answers = Vec<(String, Answer)>;

const DIRECT_GRPC: &str = "otlp_grpc:
    endpoint: \"${env:STUB}\"
    tls: {insecure: true}
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}";

const RETRYING: &str = "    sending_queue: {enabled: false}
    retry_on_failure: {enabled: true, initial_interval: 50ms, max_interval: 50ms, max_elapsed_time: 400ms, randomization_factor: 0}";

pub(crate) async fn http(binaries: &Binaries) -> Result<Vec<Case>> {
    let retrying = format!("otlp_http:\n    endpoint: \"http://${{env:STUB}}\"\n{RETRYING}");
    let mut cases = by_each_answer(binaries, configs::DIRECT, &retrying, &http_answers()).await?;
    for (name, keys) in COOKIE_KEYS {
        let pair =
            Pair::start(binaries, &configs::relay_with("", "", &format!("{}\n    {keys}", configs::DIRECT)))
                .await?;
        let (collector, spanloom) = join!(cookies(&pair.collector), cookies(&pair.spanloom));
        pair.stop("").await;
        cases.push(Case { name: format!("cookies-{name}"), collector, spanloom });
    }
    Ok(cases)
}

const COOKIE_KEYS: &[(&str, &str)] = &[
    ("unset", ""),
    ("null", "cookies:"),
    ("off", "cookies: {enabled: false}"),
    ("on", "cookies: {enabled: true}"),
    ("empty", "cookies: {}"),
    ("and-header", "cookies: {}\n    headers: {cookie: own=1}"),
];

/// Lets the destination set cookies with a success and with a refusal, and returns what it is sent afterwards.
async fn cookies(side: &Side) -> Observation {
    let sets = |status: u16, cookies: &[&str]| Answer::Http {
        status,
        headers: cookies.iter().map(|cookie| ("set-cookie", (*cookie).to_owned())).collect(),
        body: Vec::new(),
    };
    let post = Input::Http(Request::post("/v1/traces", "application/json", payload::span(SPAN)));
    let first = [
        "a=b",
        "c=d; Path=/",
        "logs=1; Path=/v1/logs",
        "g=h; Secure",
        "gone=1; Max-Age=0",
        "old=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
        "m=\"x y\"",
        "n=",
        "o=p; HttpOnly; SameSite=Strict",
        "other=1; Domain=elsewhere.test",
        "no cookie",
        "a=longer; Path=/v1/traces",
    ];
    for answer in [sets(200, &first), sets(503, &["c=changed; Path=/", "z=1", "n=; Max-Age=-1"])] {
        side.stub.answer(answer);
        observe(side, &post, &[]).await;
    }
    side.stub.answer(Answer::Accept);
    observe(side, &post, &["cookie"]).await
}

pub(crate) async fn grpc(binaries: &Binaries) -> Result<Vec<Case>> {
    let retrying =
        format!("otlp_grpc:\n    endpoint: \"${{env:STUB}}\"\n    tls: {{insecure: true}}\n{RETRYING}");
    by_each_answer(binaries, DIRECT_GRPC, &retrying, &grpc_answers()).await
}

async fn by_each_answer(
    binaries: &Binaries,
    direct: &str,
    retrying: &str,
    answers: &Answers,
) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let pair = Pair::start(binaries, &configs::relay_with("", "", direct)).await?;
    let post = Input::Http(Request::post("/v1/traces", "application/json", payload::span(SPAN)));
    let call = Input::Grpc(Call::new(&payload::grpc_path("Traces"), &payload::one_span()));
    for (name, answer) in answers {
        for (door, input) in [("http", &post), ("grpc", &call)] {
            let (collector, spanloom) =
                join!(told(&pair.collector, answer, input), told(&pair.spanloom, answer, input));
            cases.push(Case { name: format!("{name}-to-{door}"), collector, spanloom });
        }
    }
    cases.push(pair.stop("exit").await);
    let pair = Pair::start(binaries, &configs::relay_with("", "", retrying)).await?;
    for (name, answer) in answers {
        let (collector, spanloom) =
            join!(tries(&pair.collector, answer, &post), tries(&pair.spanloom, answer, &post));
        cases.push(Case { name: format!("{name}-retried"), collector, spanloom });
    }
    pair.stop("").await;
    Ok(cases)
}

/// Returns what the sender is told, and what the destination was sent.
async fn told(side: &Side, answer: &Answer, input: &Input) -> Observation {
    side.stub.answer(answer.clone());
    observe(side, input, &["content-type", "content-encoding", "grpc-encoding"]).await
}

/// Returns whether the destination was asked again. How often depends on the machine.
async fn tries(side: &Side, answer: &Answer, input: &Input) -> Observation {
    side.stub.answer(answer.clone());
    let mut seen = observe(side, input, &[]).await;
    sleep(Duration::from_millis(50)).await;
    let arrived = seen.0.remove("arrived").unwrap_or_default();
    let again = if arrived.contains(" | ") { "again and again" } else { "once" };
    Observation::default().with("status", seen.0.remove("status").unwrap_or_default()).with("asked", again)
}

fn http_answers() -> Answers {
    let answer = |status: u16, headers: &[(&'static str, &str)], body: Vec<u8>| Answer::Http {
        status,
        headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        body,
    };
    let statuses = [
        200, 201, 202, 204, 206, 300, 301, 304, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 415, 418,
        422, 425, 429, 431, 499, 500, 501, 502, 503, 504, 505, 507, 511, 529, 599,
    ];
    let mut answers: Answers = statuses.map(|s| (format!("status-{s}"), answer(s, &[], Vec::new()))).to_vec();
    let redirects = [301, 302, 303, 307, 308];
    answers.extend(redirects.map(|status| {
        (format!("redirect-{status}"), Answer::Redirect { status, to: Some(MOVED.to_owned()) })
    }));
    for delay in ["0", "1", "-1", "x", "", "Wed, 21 Oct 2015 07:28:00 GMT"] {
        let name = format!("retry-after-{}", delay.replace([' ', ',', ':'], "-"));
        answers.push((name, answer(503, &[("retry-after", delay)], Vec::new())));
    }
    answers.push(("retry-after-on-429".to_owned(), answer(429, &[("retry-after", "1")], Vec::new())));
    answers.push(("retry-after-on-400".to_owned(), answer(400, &[("retry-after", "1")], Vec::new())));
    let protobuf = &[("content-type", "application/x-protobuf")];
    let status = [varint_field(1, 3), bytes_field(2, b"the reason")].concat();
    answers.push(("status-message".to_owned(), answer(400, protobuf, status)));
    let partial = bytes_field(1, &[varint_field(1, 1), bytes_field(2, b"one was bad")].concat());
    answers.push(("partial".to_owned(), answer(200, protobuf, partial)));
    answers.push(("warning".to_owned(), answer(200, protobuf, bytes_field(1, &bytes_field(2, b"careful")))));
    answers.push(("success-not-protobuf".to_owned(), answer(200, protobuf, b"\xff\xff".to_vec())));
    answers
        .push(("success-html".to_owned(), answer(200, &[("content-type", "text/html")], b"<html>".to_vec())));
    answers.push((
        "success-json".to_owned(),
        answer(200, &[("content-type", "application/json")], b"{}".to_vec()),
    ));
    answers
}

fn grpc_answers() -> Answers {
    let plain = |code: u32, details: Option<String>| Answer::Grpc { code, details, message: Vec::new() };
    let mut answers: Answers = (0..=17).map(|code| (format!("code-{code}"), plain(code, None))).collect();
    for code in [2, 3, 8, 14] {
        for (name, seconds) in [("0s", 0), ("1s", 1)] {
            answers
                .push((format!("code-{code}-retry-in-{name}"), plain(code, Some(retry_info(code, seconds)))));
        }
    }
    answers.push(("code-14-bad-details".to_owned(), plain(14, Some("%%".to_owned()))));
    let partial = bytes_field(1, &[varint_field(1, 1), bytes_field(2, b"one was bad")].concat());
    answers.push(("partial".to_owned(), Answer::Grpc { code: 0, details: None, message: partial }));
    answers.push((
        "malformed-message".to_owned(),
        Answer::Grpc { code: 0, details: None, message: b"\xff\xff".to_vec() },
    ));
    for status in [200, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504] {
        let answer = Answer::Http {
            status,
            headers: vec![("content-type", "text/html".to_owned())],
            body: b"<html>".to_vec(),
        };
        answers.push((format!("no-grpc-{status}"), answer));
    }
    answers
}

/// Returns a status with a `RetryInfo`, as it stands in a header.
fn retry_info(code: u32, seconds: u64) -> String {
    // As everybody writes it: a default value is left out.
    let seconds = if seconds > 0 { varint_field(1, seconds) } else { Vec::new() };
    let delay = bytes_field(1, &seconds);
    let any = [bytes_field(1, b"type.googleapis.com/google.rpc.RetryInfo"), bytes_field(2, &delay)].concat();
    let status =
        [varint_field(1, u64::from(code)), bytes_field(2, b"the stub is told to"), bytes_field(3, &any)]
            .concat();
    BASE64_STANDARD.encode(status)
}
