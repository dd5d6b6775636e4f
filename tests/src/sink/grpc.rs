//! The gRPC side of the sink: the three services, with a codec that leaves the bytes as they are.

use std::sync::Arc;

use axum::{Router, body::Body, extract::State as Shared, routing::post};
use bytes::{Buf, BufMut, Bytes};
use tonic::codegen::BoxFuture;
use tonic::{
    Code, Request, Response, Status,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::{Grpc, UnaryService},
};

use super::{Answer, State, Transport};
use crate::otlp::{self, Signal};

const MESSAGE_LIMIT_BYTES: usize = 256 << 20;

pub(super) fn routes() -> Router<Arc<State>> {
    Signal::ALL.into_iter().fold(Router::new(), |routes, signal| {
        let handler = move |Shared(state): Shared<Arc<State>>, request: ::http::Request<Body>| async move {
            let mut grpc = Grpc::new(RawCodec)
                .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd);
            grpc.unary(Export { signal, state }, request).await
        };
        routes.route(signal.grpc_path(), post(handler))
    })
}

struct Export {
    signal: Signal,
    state: Arc<State>,
}

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (signal, state) = (self.signal, self.state.clone());
        Box::pin(async move {
            let (metadata, _, body) = request.into_parts();
            match state.take(Transport::Grpc, signal, metadata.into_headers(), body).await {
                Answer::Accept | Answer::After(_) => Ok(Response::new(Bytes::new())),
                Answer::Partial { rejected } => Ok(Response::new(otlp::partial_success(rejected))),
                Answer::Refuse => Err(Status::invalid_argument("the sink refuses")),
                Answer::Unavailable { retry_after } => Err(match retry_after {
                    None => Status::unavailable("the sink is told to fail"),
                    Some(delay) => Status::with_details(
                        Code::Unavailable,
                        "the sink is told to fail",
                        otlp::status_with_retry_info(Code::Unavailable as i32, delay),
                    ),
                }),
            }
        })
    }
}

/// A codec whose messages are the bytes of their frame.
#[derive(Clone, Copy, Default)]
pub(crate) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = RawCodec;
    type Decoder = RawCodec;

    fn encoder(&mut self) -> RawCodec {
        RawCodec
    }

    fn decoder(&mut self) -> RawCodec {
        RawCodec
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, frame: &mut EncodeBuf<'_>) -> Result<(), Status> {
        frame.put(message);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, frame: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(frame.copy_to_bytes(frame.remaining())))
    }
}
