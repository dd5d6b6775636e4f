//! `spanloom generate`: the destination has every item that the command reports as accepted.

use spanloom_tests::{Answer, Chain, Sink, command, otlp::Signal, spanloom::free_address};

const TOTAL: usize = 500;

/// Generates each signal, which one Spanloom prints and delivers to a second one over both protocols.
async fn check(protocol: &str) {
    let chain = Chain::start().await;
    for (name, signal) in [("traces", Signal::Traces), ("metrics", Signal::Metrics), ("logs", Signal::Logs)] {
        let ended = generate(name, protocol, &chain.endpoint(protocol)).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let accepted = number_after("accepted", &ended.stdout);
        assert_eq!(accepted, TOTAL, "{}", ended.stdout);
        chain.sink.wait_for_items(signal, 2 * accepted).await;
        chain.first.wait_for_output(&mark(name)).await;
    }
    let sink = chain.finish().await;
    assert_eq!(Signal::ALL.map(|signal| sink.items(signal)), [2 * TOTAL; 3]);
}

async fn generate(signal: &str, protocol: &str, endpoint: &str) -> command::Ended {
    let (total, mark) = (TOTAL.to_string(), format!("run={}", mark(signal)));
    let to = ["generate", signal, "--endpoint", endpoint, "--protocol", protocol, "--attribute", &mark];
    command::spanloom(&[&to[..], &["--total", &total, "--rate", "0", "--batch", "40"]].concat()).await
}

/// Returns a value that appears nowhere else.
fn mark(signal: &str) -> String {
    format!("generated {signal}")
}

/// Reads the number on a line such as `accepted  1,234 in 0.1 s` or `rejected  3: no`.
fn number_after(word: &str, summary: &str) -> usize {
    let line = summary.lines().find_map(|line| line.strip_prefix(word));
    let number = line
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or_else(|| panic!("no {word} in:\n{summary}"));
    number.replace([',', ':'], "").parse().unwrap()
}

/// Scenario: each signal is generated over gRPC.
/// Guarantees: every accepted item arrives.
#[tokio::test]
async fn what_is_generated_over_grpc_arrives() {
    check("grpc").await;
}

/// Scenario: each signal is generated over HTTP as protobuf.
/// Guarantees: every accepted item arrives.
#[tokio::test]
async fn what_is_generated_over_http_arrives() {
    check("http").await;
}

/// Scenario: each signal is generated over HTTP as JSON.
/// Guarantees: every accepted item arrives.
#[tokio::test]
async fn what_is_generated_as_json_arrives() {
    check("http-json").await;
}

/// Scenario: the destination rejects three spans.
/// Guarantees: the summary counts the three as rejected, and the exit code is 1.
#[tokio::test]
async fn what_is_rejected_is_said_and_fails_the_command() {
    let sink = Sink::start().await;
    sink.answer_next([Answer::Partial { rejected: 3 }]);
    let ended = generate("traces", "grpc", &format!("http://{}", sink.address)).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(number_after("accepted", &ended.stdout), TOTAL - 3);
    assert_eq!(number_after("rejected", &ended.stdout), 3);
}

/// Scenario: nobody listens at the endpoint.
/// Guarantees: the exit code is 1, and the error names the address.
#[tokio::test]
async fn it_says_where_nobody_listens() {
    let nobody = free_address();
    let ended = generate("traces", "grpc", &format!("http://{nobody}")).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains(&nobody.to_string()), "{}", ended.stderr);
}
