//! The generator of traces: sends requests at a rate, or as fast as they are taken.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::traffic::{REQUEST_SPANS, Traffic};
use crate::{blast::GrpcSender, process};

const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 4;
const FAILURE_PAUSE: Duration = Duration::from_millis(10);

#[derive(Args)]
pub(crate) struct TraceBlastArgs {
    #[arg(long)]
    target: SocketAddr,
    /// Spans a second; 0 is as many as are taken
    #[arg(long)]
    rate: u64,
}

/// The answer to a line of milliseconds, when every request that was sent in that time is answered.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct SentTraces {
    /// Spans of accepted requests.
    pub(super) spans: u64,
    pub(super) failed_requests: u64,
    pub(super) first_failure: Option<String>,
    pub(super) elapsed_us: u64,
}

/// What the senders of a line share.
struct Line {
    traffic: Arc<Traffic>,
    /// The number of the next request, of all lines.
    next: Arc<AtomicU64>,
    /// The number of the line's first request.
    first: u64,
    begun: Instant,
    until: Instant,
    /// From one request to the next.
    interval: Duration,
}

/// Connects, says how many bytes a span has, and then sends for as many milliseconds as each line on stdin says.
pub(crate) fn run(args: &TraceBlastArgs) -> anyhow::Result<()> {
    let runtime = process::runtime()?;
    let traffic = Arc::new(Traffic::new()?);
    let mut senders = runtime.block_on(GrpcSender::connect(args.target, CONNECTIONS, IN_FLIGHT))?;
    let next = Arc::new(AtomicU64::new(1));
    process::say(&traffic.span_bytes())?;
    process::answer_lines(|line| {
        let time = Duration::from_millis(line.parse().context("expected milliseconds")?);
        let begun = Instant::now();
        let interval = match args.rate {
            0 => Duration::ZERO,
            rate => Duration::from_secs_f64(REQUEST_SPANS as f64 / rate as f64),
        };
        let first = next.load(Relaxed);
        let line = Line {
            traffic: traffic.clone(),
            next: next.clone(),
            first,
            begun,
            until: begun + time,
            interval,
        };
        runtime.block_on(send(Arc::new(line), &mut senders))
    })
}

async fn send(line: Arc<Line>, senders: &mut Vec<GrpcSender>) -> anyhow::Result<SentTraces> {
    let mut loops = JoinSet::new();
    for sender in senders.drain(..) {
        loops.spawn(send_until(line.clone(), sender));
    }
    let mut sent = SentTraces::default();
    while let Some(ended) = loops.join_next().await {
        let (sender, of_sender) = ended?;
        sent.spans += of_sender.spans;
        sent.failed_requests += of_sender.failed_requests;
        sent.first_failure = sent.first_failure.or(of_sender.first_failure);
        senders.push(sender);
    }
    // The last request of a line may be answered before the line's time is over.
    tokio::time::sleep_until(line.until.into()).await;
    sent.elapsed_us = u64::try_from(line.begun.elapsed().as_micros())?;
    Ok(sent)
}

async fn send_until(line: Arc<Line>, mut sender: GrpcSender) -> (GrpcSender, SentTraces) {
    let mut sent = SentTraces::default();
    loop {
        let number = line.next.load(Relaxed);
        let due = line.begun + line.interval * u32::try_from(number - line.first).unwrap_or(u32::MAX);
        if due.max(Instant::now()) >= line.until {
            return (sender, sent);
        }
        // Another sender may have taken the number.
        if line.next.compare_exchange(number, number + 1, Relaxed, Relaxed).is_err() {
            continue;
        }
        tokio::time::sleep_until(due.into()).await;
        let request: Bytes = line.traffic.request(number, now_unix_nano());
        match sender.send_bytes(request).await {
            Ok(()) => sent.spans += REQUEST_SPANS as u64,
            Err(error) => {
                sent.failed_requests += 1;
                sent.first_failure.get_or_insert_with(|| error.to_string());
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
}

pub(super) fn now_unix_nano() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
