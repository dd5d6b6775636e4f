//! The sink: takes OTLP over gRPC and HTTP, counts the spans and keeps nothing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use clap::Args;
use flate2::read::GzDecoder;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tonic::Status;

use crate::export_service::{self, Accept, Arrived, MESSAGE_LIMIT_BYTES};
use crate::process::{self, LOOPBACK};
use crate::shape;

#[derive(Args)]
pub(crate) struct SinkArgs {
    /// Requests of BYTES bytes hold SPANS spans: BYTES=SPANS
    #[arg(long)]
    known: Vec<KnownLength>,
}

/// The length and the span count of a request that the generator sends.
///
/// The sink counts such a request by its length without looking inside. So the bare wire pays for receiving
/// only.
#[derive(Clone, Copy)]
struct KnownLength {
    bytes: usize,
    spans: u64,
}

/// The sink's first line, written when it listens.
#[derive(Serialize, Deserialize)]
pub(crate) struct SinkAddresses {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
}

/// The sink's answer to every line: the totals since it started.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct SinkCounts {
    pub(crate) spans: u64,
    pub(crate) requests: u64,
    /// Requests that are not OTLP.
    pub(crate) malformed: u64,
    pub(crate) compressed: u64,
}

impl SinkCounts {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            spans: self.spans - before.spans,
            requests: self.requests - before.requests,
            malformed: self.malformed - before.malformed,
            compressed: self.compressed - before.compressed,
        }
    }
}

/// Listens on two free ports, says which, and answers each line on stdin with the counts, until stdin ends.
pub(crate) fn run(args: SinkArgs) -> anyhow::Result<()> {
    let sink = Sink {
        known: Arc::new(args.known.iter().map(|known| (known.bytes, known.spans)).collect()),
        counters: Arc::default(),
    };
    let runtime = process::runtime()?;
    let (grpc, http) = runtime.block_on(async {
        let any_port = SocketAddr::from((LOOPBACK, 0));
        let grpc = export_service::serve(any_port, sink.clone())?;
        let listener = TcpListener::bind(any_port).await?;
        let http = listener.local_addr()?;
        tokio::spawn(serve_http(listener, sink.clone()));
        anyhow::Ok((grpc, http))
    })?;
    process::say(&SinkAddresses { grpc, http })?;
    process::answer_lines(|_| Ok(sink.counters.read()))
}

#[derive(Clone)]
struct Sink {
    known: Arc<HashMap<usize, u64>>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    spans: AtomicU64,
    requests: AtomicU64,
    malformed: AtomicU64,
    compressed: AtomicU64,
}

impl Sink {
    fn count(&self, request: &[u8], compressed: bool) -> bool {
        let spans = self.known.get(&request.len()).copied().or_else(|| shape::count_spans(request));
        let counters = &self.counters;
        match spans {
            Some(spans) => counters.spans.fetch_add(spans, Ordering::Relaxed),
            None => counters.malformed.fetch_add(1, Ordering::Relaxed),
        };
        counters.requests.fetch_add(1, Ordering::Relaxed);
        counters.compressed.fetch_add(compressed.into(), Ordering::Relaxed);
        spans.is_some()
    }
}

impl Accept for Sink {
    async fn accept(&self, arrived: Arrived) -> Result<(), Status> {
        if self.count(&arrived.request, arrived.compressed) {
            Ok(())
        } else {
            Err(Status::invalid_argument("not an export request"))
        }
    }
}

impl Counters {
    fn read(&self) -> SinkCounts {
        SinkCounts {
            spans: self.spans.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            malformed: self.malformed.load(Ordering::Relaxed),
            compressed: self.compressed.load(Ordering::Relaxed),
        }
    }
}

async fn serve_http(listener: TcpListener, sink: Sink) {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => drop(tokio::spawn(serve_connection(connection, sink.clone()))),
            Err(error) => return eprintln!("HTTP server: {error}"),
        }
    }
}

async fn serve_connection(connection: TcpStream, sink: Sink) {
    // Without this, answers wait for the sender's delayed ACK.
    drop(connection.set_nodelay(true));
    let service = service_fn(|request: Request<Incoming>| {
        let sink = sink.clone();
        async move {
            let taken = take(&sink, request).await.unwrap_or(false);
            let mut response = Response::new(Empty::<Bytes>::new());
            *response.status_mut() = if taken { http::StatusCode::OK } else { http::StatusCode::BAD_REQUEST };
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/x-protobuf"));
            Ok::<_, Infallible>(response)
        }
    });
    // A peer may close its connection between phases; that is no error.
    drop(http1::Builder::new().serve_connection(TokioIo::new(connection), service).await);
}

/// Counts a request and returns whether it is OTLP.
async fn take(sink: &Sink, request: Request<Incoming>) -> anyhow::Result<bool> {
    let gzip = request.headers().get(header::CONTENT_ENCODING).is_some_and(|value| value == "gzip");
    let body = read_body(request.into_body()).await?;
    if !gzip {
        return Ok(sink.count(&body, false));
    }
    let mut plain = Vec::new();
    GzDecoder::new(&*body).take(MESSAGE_LIMIT_BYTES as u64).read_to_end(&mut plain)?;
    Ok(sink.count(&plain, true))
}

/// Reads the whole body into one buffer, as a receiver does that has to read the request.
async fn read_body(mut body: Incoming) -> anyhow::Result<BytesMut> {
    let announced = usize::try_from(body.size_hint().lower())?;
    let mut whole = BytesMut::with_capacity(announced.min(MESSAGE_LIMIT_BYTES));
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            anyhow::ensure!(whole.len() + data.len() <= MESSAGE_LIMIT_BYTES, "the body is too large");
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole)
}

impl FromStr for KnownLength {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (bytes, spans) = text.split_once('=').context("expected BYTES=SPANS")?;
        Ok(Self { bytes: bytes.parse()?, spans: spans.parse()? })
    }
}
