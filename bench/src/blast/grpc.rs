//! A sender of OTLP/gRPC on stock tonic. A request's bytes are sent as they are.

use std::net::SocketAddr;

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

pub(crate) struct GrpcSender {
    grpc: Grpc<Channel>,
    request: Bytes,
}

/// Opens `args.connections` connections, each shared by `args.in_flight` senders.
pub(super) async fn connect(args: &BlastArgs, payload: &Payload) -> anyhow::Result<Vec<GrpcSender>> {
    let mut senders = GrpcSender::connect(args.target, args.connections, args.in_flight).await?;
    senders.iter_mut().for_each(|sender| sender.request = payload.bytes.clone());
    Ok(senders)
}

impl GrpcSender {
    /// Opens connections, each shared by `in_flight` senders. Their fixed request is empty.
    pub(crate) async fn connect(
        target: SocketAddr,
        connections: usize,
        in_flight: usize,
    ) -> anyhow::Result<Vec<GrpcSender>> {
        let endpoint = Endpoint::from_shared(format!("http://{target}"))?
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        let mut senders = Vec::with_capacity(connections * in_flight);
        for _ in 0..connections {
            let channel = endpoint.connect().await?;
            for _ in 0..in_flight {
                senders.push(GrpcSender { grpc: Grpc::new(channel.clone()), request: Bytes::new() });
            }
        }
        Ok(senders)
    }

    /// Sends another request than the fixed one.
    pub(crate) async fn send_bytes(&mut self, request: Bytes) -> anyhow::Result<()> {
        self.grpc.ready().await?;
        let path = PathAndQuery::from_static(EXPORT_PATH);
        let answered = self.grpc.unary(Request::new(vec![request]), path, RawCodec).await;
        let response = answered.map_err(|status| anyhow!("{:?}: {}", status.code(), status.message()))?;
        all_accepted(response.into_inner())
    }
}

impl Sender for GrpcSender {
    async fn send(&mut self) -> anyhow::Result<()> {
        self.send_bytes(self.request.clone()).await
    }
}
