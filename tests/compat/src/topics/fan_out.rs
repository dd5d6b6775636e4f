//! A pipeline with two destinations that answer differently: what the sender is told, and who has the data.

use std::time::Duration;

use anyhow::Result;
use futures::join;

use crate::{
    configs::QUIET,
    grpc::Call,
    http1::Request,
    observation::{Case, Observation},
    pair::{Input, Pair, answered},
    payload::{self, SPAN},
    side::{Binaries, Side},
    stub::Answer,
};

const ARRIVAL_TIMEOUT: Duration = Duration::from_millis(500);

const QUEUES: &[(&str, &str)] = &[
    ("direct", "{enabled: false}"),
    ("waiting", "{wait_for_result: true}"),
    ("waiting-batch", "{wait_for_result: true, batch: {flush_timeout: 20ms, min_size: 1}}"),
    ("queued", "{}"),
];

/// The statuses of the two destinations. Of two that may be tried again, the sender is told the one that came
/// first, so such pairs cannot be compared.
const ANSWERS: &[(u16, u16)] =
    &[(200, 200), (200, 400), (400, 200), (200, 503), (503, 200), (400, 503), (503, 400)];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let post = Input::Http(Request::post("/v1/traces", "application/json", payload::span(SPAN)));
    let call = Input::Grpc(Call::new(&payload::grpc_path("Traces"), &payload::one_span()));
    for (queue, keys) in QUEUES {
        let pair = match Pair::start_or_case(binaries, queue, &config(keys)).await? {
            Ok(pair) => pair,
            Err(case) => {
                cases.push(case);
                continue;
            }
        };
        for (one, other) in ANSWERS {
            for (door, input) in [("http", &post), ("grpc", &call)] {
                let (collector, spanloom) = join!(
                    told(&pair.collector, *one, *other, input),
                    told(&pair.spanloom, *one, *other, input)
                );
                cases.push(Case { name: format!("{queue}-{one}-{other}-to-{door}"), collector, spanloom });
            }
        }
        cases.push(pair.stop(&format!("{queue}-exit")).await);
    }
    Ok(cases)
}

fn config(queue: &str) -> String {
    let exporter = |name: &str| {
        format!(
            "  otlp_http/{name}:
    endpoint: \"http://${{env:STUB}}/{name}\"
    sending_queue: {queue}
    retry_on_failure: {{enabled: false}}
"
        )
    };
    format!(
        "receivers:
  otlp: {{protocols: {{grpc: {{endpoint: \"${{env:GRPC}}\"}}, http: {{endpoint: \"${{env:HTTP}}\"}}}}}}
exporters:
{}{}service:
  {QUIET}
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_http/a, otlp_http/b]}}
",
        exporter("a"),
        exporter("b")
    )
}

async fn told(side: &Side, one: u16, other: u16, input: &Input) -> Observation {
    let answer = |status: u16| Answer::Http { status, headers: Vec::new(), body: Vec::new() };
    side.stub.answer_below("/a/", answer(one));
    side.stub.answer_below("/b/", answer(other));
    side.stub.take();
    let seen = answered(side, input).await;
    // What is queued comes after the answer.
    let arrivals = side.stub.take_after(2, ARRIVAL_TIMEOUT).await;
    let mut paths: Vec<String> = arrivals.into_iter().map(|arrival| arrival.path).collect();
    paths.sort();
    seen.with("asked", paths.join(", "))
}
