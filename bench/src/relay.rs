//! The reference relay: does the least that a collector on stock tonic can do.
//!
//! The relay counts the spans of each request and concatenates requests to batches. Two encoded requests in a
//! row are a valid request (protobuf), so the relay decodes and encodes nothing.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::export_service::{self, Accept, Arrived, EXPORT_PATH};
use crate::raw_codec::RawCodec;
use crate::{process, shape};

const BATCH_SPANS: u64 = 8_192;
const BATCH_TIMEOUT: Duration = Duration::from_millis(200);
/// The limit of requests that are accepted and not yet in a batch.
const QUEUE_REQUESTS: usize = 16;
/// The limit of batches that are being sent.
const EXPORTS_IN_FLIGHT: usize = 4;

#[derive(Args)]
pub(crate) struct RelayArgs {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    target: SocketAddr,
}

/// Relays until stdin ends.
pub(crate) fn run(args: RelayArgs) -> anyhow::Result<()> {
    let runtime = process::runtime()?;
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{}", args.target))?.tcp_nodelay(true);
        let channel = endpoint.connect().await.context("cannot reach the sink")?;
        let (queue, queued) = mpsc::channel(QUEUE_REQUESTS);
        export_service::serve(args.listen, Relay { queue })?;
        tokio::spawn(forward(queued, channel));
        anyhow::Ok(())
    })?;
    process::say(&"ready")?;
    process::answer_lines(|_| Ok(()))
}

#[derive(Clone)]
struct Relay {
    queue: mpsc::Sender<Counted>,
}

struct Counted {
    spans: u64,
    request: Bytes,
}

impl Accept for Relay {
    async fn accept(&self, Arrived { request, .. }: Arrived) -> Result<(), Status> {
        let spans = shape::count_spans(&request);
        let spans = spans.ok_or_else(|| Status::invalid_argument("not an export request"))?;
        let queued = self.queue.send(Counted { spans, request }).await;
        queued.map_err(|_| Status::unavailable("the relay is closing"))
    }
}

async fn forward(mut queued: mpsc::Receiver<Counted>, channel: Channel) {
    let mut exports = JoinSet::new();
    while let Some(first) = queued.recv().await {
        let batch = gather(first, &mut queued).await;
        if exports.len() == EXPORTS_IN_FLIGHT {
            drop(exports.join_next().await);
        }
        exports.spawn(export(channel.clone(), batch));
    }
}

/// Gathers a batch: `first` and the requests that follow it, until the batch has enough spans or time is up.
async fn gather(first: Counted, queued: &mut mpsc::Receiver<Counted>) -> Vec<Bytes> {
    let deadline = Instant::now() + BATCH_TIMEOUT;
    let mut spans = first.spans;
    let mut batch = vec![first.request];
    while spans < BATCH_SPANS
        && let Ok(Some(next)) = timeout_at(deadline, queued.recv()).await
    {
        spans += next.spans;
        batch.push(next.request);
    }
    batch
}

async fn export(channel: Channel, batch: Vec<Bytes>) {
    let mut grpc = Grpc::new(channel);
    let sent = match grpc.ready().await {
        Ok(()) => grpc.unary(Request::new(batch), PathAndQuery::from_static(EXPORT_PATH), RawCodec).await,
        Err(error) => Err(Status::unavailable(error.to_string())),
    };
    // The sink does not receive these spans, so the run reports them as lost.
    if let Err(status) = sent {
        eprintln!("relay: a batch is lost: {status}");
    }
}
