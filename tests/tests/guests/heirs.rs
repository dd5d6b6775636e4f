//! Plugins whose instances are replaced. State and batches go from one instance to the next, and HTTP clients
//! do not notice.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use spanloom_tests::{
    Sink, Spanloom,
    guests::component,
    otlp::{
        Signal,
        client::{GrpcClient, http_client},
        payload,
    },
};

struct Heir {
    spanloom: Spanloom,
    sink: Sink,
    endpoint: SocketAddr,
}

impl Heir {
    /// Starts a process whose plugin instance is replaced after every third call.
    async fn start() -> Option<Heir> {
        let component = component("heir")?;
        let sink = Sink::start().await;
        // The port was free a moment ago.
        let endpoint = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let endpoint = endpoint.expect("a free port");
        let config = format!(
            "plugins:\n  heir: {{path: \"{}\", limits: {{max_calls: 3}}}}\n\
             receivers:\n  otlp: {{protocols: {{grpc: {{endpoint: \"${{env:GRPC}}\"}}}}}}\n\
             processors:\n  heir: {{endpoint: \"{endpoint}\"}}\n\
             exporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n\
             service:\n  pipelines:\n    traces: {{receivers: [otlp], processors: [heir], exporters: [otlp_grpc]}}\n",
            component.display(),
            sink.address,
        );
        Some(Heir { spanloom: Spanloom::start(&config).await, sink, endpoint })
    }

    async fn send(&self, batches: usize) {
        let client = GrpcClient::connect(self.spanloom.grpc).await;
        for number in 0..batches {
            client.send(Signal::Traces, payload::traces(number, 1)).await.expect("taken");
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = http_client().get(format!("http://{}{path}", self.endpoint)).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// Sends the last span, ends the process, checks that every span arrived once, and returns the metrics.
    async fn finish(self, spans: usize) -> String {
        let client = GrpcClient::connect(self.spanloom.grpc).await;
        client.send(Signal::Traces, payload::named_traces(&["last"])).await.expect("taken");
        let spans = spans + 1;
        self.sink.wait_for_items(Signal::Traces, spans).await;
        let metrics = self.spanloom.metrics().await;
        let ledger = self.spanloom.finish().await;
        let account = &ledger[&("traces".to_owned(), "otlp_grpc".to_owned())];
        assert_eq!((account.received, account.delivered), (spans as u64, spans as u64), "{account:?}");
        metrics
    }
}

/// Scenario: twenty batches pass while instances are replaced several times.
/// Guarantees: the last instance knows the full count, and every span arrives once.
#[tokio::test]
async fn state_and_held_batches_go_from_one_instance_to_the_next() {
    let Some(heir) = Heir::start().await else { return };
    heir.send(20).await;
    assert_eq!(heir.get("/count").await, (200, "20".to_owned()));
    let metrics = heir.finish(20).await;
    let recycled = metrics.lines().find(|line| line.starts_with("spanloom_plugin_recycled{"));
    let times = recycled.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    assert!(times.is_some_and(|times| times >= 3), "{recycled:?}");
}

/// Scenario: a plugin that holds a batch traps while it answers an HTTP request.
/// Guarantees: the client gets 500, and the next instance processes the held batch again.
#[tokio::test]
async fn a_plugin_that_traps_while_it_answers_loses_no_batch() {
    let Some(heir) = Heir::start().await else { return };
    heir.send(1).await;
    assert_eq!(heir.get("/trap").await.0, 500);
    assert_eq!(heir.get("/count").await, (200, "1".to_owned()));
    heir.finish(1).await;
}

/// Scenario: a plugin gives an answer that is not valid HTTP.
/// Guarantees: the client gets 502.
#[tokio::test]
async fn an_answer_that_is_no_http_is_said_to_be_the_plugins_fault() {
    let Some(heir) = Heir::start().await else { return };
    assert_eq!(heir.get("/no-http").await.0, 502);
    heir.finish(0).await;
}

/// Scenario: a client sends POST to a plugin's endpoint.
/// Guarantees: the client gets 405.
#[tokio::test]
async fn only_get_and_head_are_handed_to_a_plugin() {
    let Some(heir) = Heir::start().await else { return };
    let answer = http_client().post(format!("http://{}/count", heir.endpoint)).send().await;
    assert_eq!(answer.expect("an answer").status().as_u16(), 405);
    heir.finish(0).await;
}
