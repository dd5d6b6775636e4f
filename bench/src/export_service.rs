//! The server of OTLP/gRPC's `TraceService/Export` on stock tonic, for the sink and the relay.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Context as _;
use bytes::Bytes;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::{Grpc, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tower::Service;

use crate::raw_codec::RawCodec;

/// The path of the gRPC method that receives traces.
pub(crate) const EXPORT_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// OTLP's recommended limit; larger than any batch of 8,192 spans.
pub(crate) const MESSAGE_LIMIT_BYTES: usize = 64 << 20;

/// The HTTP/2 windows are wide enough that flow control never makes a sender wait for a message to be read.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 8 << 20;
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One encoded `ExportTraceServiceRequest`.
pub(crate) struct Arrived {
    pub(crate) request: Bytes,
    /// True if the request was compressed on the wire.
    pub(crate) compressed: bool,
}

/// Takes one request. Many tasks call this at once. The sender gets its answer when the call returns.
pub(crate) trait Accept: Clone + Send + Sync + 'static {
    fn accept(&self, arrived: Arrived) -> impl Future<Output = Result<(), Status>> + Send;
}

/// Serves `accept` on `address` until the runtime ends, and returns the address on which it listens.
pub(crate) fn serve(address: SocketAddr, accept: impl Accept) -> anyhow::Result<SocketAddr> {
    let incoming = TcpIncoming::bind(address)
        .with_context(|| format!("cannot listen on {address}"))?
        .with_nodelay(Some(true));
    let bound = incoming.local_addr()?;
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .serve_with_incoming(ExportService(accept), incoming);
    tokio::spawn(async move {
        if let Err(error) = server.await {
            eprintln!("gRPC server: {error}");
        }
    });
    Ok(bound)
}

#[derive(Clone)]
struct ExportService<A>(A);

impl<A: Accept> Service<http::Request<Body>> for ExportService<A> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let unary = Export(self.0.clone());
        Box::pin(async move {
            let mut grpc = Grpc::new(RawCodec)
                .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
                .accept_compressed(CompressionEncoding::Gzip);
            Ok(grpc.unary(unary, request).await)
        })
    }
}

struct Export<A>(A);

impl<A: Accept> UnaryService<Bytes> for Export<A> {
    /// An empty `ExportTraceServiceResponse`, which means full success.
    type Response = Vec<Bytes>;
    type Future = BoxFuture<Result<Response<Vec<Bytes>>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let accept = self.0.clone();
        Box::pin(async move {
            let compressed = request.metadata().contains_key("grpc-encoding");
            accept.accept(Arrived { request: request.into_inner(), compressed }).await?;
            Ok(Response::new(Vec::new()))
        })
    }
}
