//! The load generator: sends one fixed request again and again, each connection in a closed loop.

mod grpc;
mod http;

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::payload::Payload;
use crate::process;

pub(crate) use grpc::GrpcSender;

const LATENCY_MIN_US: u64 = 1;
const LATENCY_MAX_US: u64 = 60_000_000;
const LATENCY_DIGITS: u8 = 3;

/// How long a sender waits after a failed request.
const FAILURE_PAUSE: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

#[derive(Args)]
pub(crate) struct BlastArgs {
    #[arg(long)]
    protocol: Protocol,
    #[arg(long)]
    target: SocketAddr,
    /// Spans in each request
    #[arg(long)]
    spans: u32,
    #[arg(long)]
    connections: usize,
    /// Requests in flight on each gRPC connection; an HTTP/1.1 connection has one
    #[arg(long)]
    in_flight: usize,
}

/// The generator's answer to a line of milliseconds, given when every request that it sent in that time is
/// answered.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct BlastOutcome {
    /// Spans of accepted requests.
    pub(crate) sent_spans: u64,
    pub(crate) failed_requests: u64,
    pub(crate) first_failure: Option<String>,
    pub(crate) elapsed_us: u64,
    pub(crate) latency_p50_us: u64,
    pub(crate) latency_p99_us: u64,
}

/// Sends one request at a time on one connection.
trait Sender: Send + Sized + 'static {
    fn send(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Connects, says `ready`, and then sends for as many milliseconds as each line on stdin says.
pub(crate) fn run(args: BlastArgs) -> anyhow::Result<()> {
    let payload = Payload::new(args.spans);
    let runtime = process::runtime()?;
    match args.protocol {
        Protocol::Grpc => {
            let senders = runtime.block_on(grpc::connect(&args, &payload))?;
            obey(&runtime, senders, &payload)
        }
        Protocol::Http => {
            let senders = runtime.block_on(http::connect(&args, &payload))?;
            obey(&runtime, senders, &payload)
        }
    }
}

fn obey<S: Sender>(
    runtime: &tokio::runtime::Runtime,
    mut senders: Vec<S>,
    payload: &Payload,
) -> anyhow::Result<()> {
    process::say(&"ready")?;
    process::answer_lines(|line| {
        let duration = Duration::from_millis(line.parse().context("expected milliseconds")?);
        runtime.block_on(send_for(duration, &mut senders, payload.spans))
    })
}

async fn send_for<S: Sender>(
    duration: Duration,
    senders: &mut Vec<S>,
    spans: u32,
) -> anyhow::Result<BlastOutcome> {
    let start = Instant::now();
    let mut loops = JoinSet::new();
    for sender in senders.drain(..) {
        loops.spawn(send_until(start + duration, sender));
    }
    let mut latency_us = latency_histogram()?;
    let mut outcome = BlastOutcome::default();
    while let Some(ended) = loops.join_next().await {
        let (sender, tally) = ended??;
        outcome.sent_spans += tally.latency_us.len() * u64::from(spans);
        outcome.failed_requests += tally.failed;
        outcome.first_failure = outcome.first_failure.or(tally.first_failure);
        latency_us.add(tally.latency_us)?;
        senders.push(sender);
    }
    outcome.elapsed_us = micros(start.elapsed());
    outcome.latency_p50_us = latency_us.value_at_quantile(0.50);
    outcome.latency_p99_us = latency_us.value_at_quantile(0.99);
    Ok(outcome)
}

/// The results of one sender: the latency of each accepted request, and the failures.
struct Tally {
    latency_us: Histogram<u64>,
    failed: u64,
    first_failure: Option<String>,
}

async fn send_until<S: Sender>(deadline: Instant, mut sender: S) -> anyhow::Result<(S, Tally)> {
    let mut tally = Tally { latency_us: latency_histogram()?, failed: 0, first_failure: None };
    loop {
        let start = Instant::now();
        if start >= deadline {
            return Ok((sender, tally));
        }
        match sender.send().await {
            Ok(()) => tally.latency_us.saturating_record(micros(start.elapsed())),
            Err(error) => {
                tally.failed += 1;
                tally.first_failure.get_or_insert_with(|| error.to_string());
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
}

/// Returns an error if the answer rejects spans. Some peers send an empty partial success for a full success.
fn all_accepted(response: Bytes) -> anyhow::Result<()> {
    let rejected = ExportTraceServiceResponse::decode(response)?.partial_success.unwrap_or_default();
    anyhow::ensure!(
        rejected.rejected_spans == 0,
        "{} spans rejected: {}",
        rejected.rejected_spans,
        rejected.error_message
    );
    Ok(())
}

fn latency_histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(LATENCY_MIN_US, LATENCY_MAX_US, LATENCY_DIGITS)?)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
