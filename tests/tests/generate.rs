//! `spanloom generate`: what it says was accepted is what the destination has.

use spanloom_tests::{Answer, Sink, Spanloom, command, config, otlp::Signal, spanloom::free_address};

const TOTAL: usize = 500;

/// All three signals, through Spanloom to the sink.
async fn check(protocol: &str) {
    let sink = Sink::start().await;
    let spanloom =
        Spanloom::start(&config::relay(&format!("otlp_grpc: {{endpoint: \"http://{}\"}}", sink.address)))
            .await;
    let to = if protocol == "grpc" { spanloom.grpc } else { spanloom.http };
    for (name, signal) in [("traces", Signal::Traces), ("metrics", Signal::Metrics), ("logs", Signal::Logs)] {
        let ended = generate(name, protocol, &format!("http://{to}")).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let accepted = number_after("accepted", &ended.stdout);
        assert_eq!(accepted, TOTAL, "{}", ended.stdout);
        sink.wait_for_items(signal, accepted).await;
        assert_eq!(sink.items(signal), accepted, "{name}");
    }
    spanloom.finish().await;
}

async fn generate(signal: &str, protocol: &str, endpoint: &str) -> command::Ended {
    let total = TOTAL.to_string();
    let args =
        ["--endpoint", endpoint, "--protocol", protocol, "--total", &total, "--rate", "0", "--batch", "40"];
    command::spanloom(&[&["generate", signal], &args[..]].concat()).await
}

/// `accepted  1,234 in 0.1 s`
fn number_after(word: &str, summary: &str) -> usize {
    let line = summary.lines().find_map(|line| line.strip_prefix(word));
    let number = line
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or_else(|| panic!("no {word} in:\n{summary}"));
    number.replace(',', "").parse().unwrap()
}

#[tokio::test]
async fn what_is_generated_over_grpc_arrives() {
    check("grpc").await;
}

#[tokio::test]
async fn what_is_generated_over_http_arrives() {
    check("http").await;
}

#[tokio::test]
async fn what_is_generated_as_json_arrives() {
    check("http-json").await;
}

/// A destination that takes only a part: the summary says so, and the exit code too.
#[tokio::test]
async fn what_is_rejected_is_said_and_fails_the_command() {
    let sink = Sink::start().await;
    sink.answer_next([Answer::Partial { rejected: 3 }]);
    let ended = generate("traces", "grpc", &format!("http://{}", sink.address)).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(number_after("accepted", &ended.stdout), TOTAL - 3);
    assert_eq!(number_after("rejected", &ended.stdout), 3);
}

#[tokio::test]
async fn it_says_where_nobody_listens() {
    let nobody = free_address();
    let ended = generate("traces", "grpc", &format!("http://{nobody}")).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains(&nobody.to_string()), "{}", ended.stderr);
}
