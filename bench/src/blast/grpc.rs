//! A sender of OTLP/gRPC on stock tonic. The request's bytes are sent as they are.

use anyhow::anyhow;
use bytes::Bytes;
use http::uri::PathAndQuery;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};

use super::{BlastArgs, Sender, all_accepted};
use crate::export_service::{CONNECTION_WINDOW_BYTES, EXPORT_PATH, STREAM_WINDOW_BYTES};
use crate::payload::Payload;
use crate::raw_codec::RawCodec;

pub(super) struct GrpcSender {
    grpc: Grpc<Channel>,
    request: Bytes,
}

/// Opens `args.connections` connections, each shared by `args.in_flight` senders.
pub(super) async fn connect(args: &BlastArgs, payload: &Payload) -> anyhow::Result<Vec<GrpcSender>> {
    let endpoint = Endpoint::from_shared(format!("http://{}", args.target))?
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let mut senders = Vec::with_capacity(args.connections * args.in_flight);
    for _ in 0..args.connections {
        let channel = endpoint.connect().await?;
        for _ in 0..args.in_flight {
            senders.push(GrpcSender { grpc: Grpc::new(channel.clone()), request: payload.bytes.clone() });
        }
    }
    Ok(senders)
}

impl Sender for GrpcSender {
    async fn send(&mut self) -> anyhow::Result<()> {
        self.grpc.ready().await?;
        let request = Request::new(vec![self.request.clone()]);
        let path = PathAndQuery::from_static(EXPORT_PATH);
        let answered = self.grpc.unary(request, path, RawCodec).await;
        let response = answered.map_err(|status| anyhow!("{:?}: {}", status.code(), status.message()))?;
        all_accepted(response.into_inner())
    }
}
