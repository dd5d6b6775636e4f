use std::time::Duration;

use anyhow::Context;
use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use tonic::{
    Request, Status,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{MetadataKey, MetadataMap},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use wire::Signal;

use super::{Accepted, read, root_cause, shown};
use crate::cli::generate::{
    args::{Compression, GenerateArgs},
    payload::Payload,
};

#[derive(Clone)]
pub(in crate::cli::generate) struct GrpcClient {
    grpc: tonic::client::Grpc<Channel>,
    path: PathAndQuery,
    headers: MetadataMap,
    timeout: Duration,
}

/// A codec that passes bytes unchanged, since a payload is already encoded.
#[derive(Default)]
struct Raw;

impl GrpcClient {
    pub(super) fn new(args: &GenerateArgs, endpoint: String) -> anyhow::Result<GrpcClient> {
        let channel = channel(args, endpoint)?;
        let grpc = tonic::client::Grpc::new(channel);
        let grpc = match args.compression {
            Compression::None => grpc,
            Compression::Gzip => grpc.send_compressed(CompressionEncoding::Gzip),
        };
        let mut headers = MetadataMap::new();
        for (key, value) in &args.headers {
            let name = MetadataKey::from_bytes(key.to_ascii_lowercase().as_bytes());
            let name = name.with_context(|| format!("--header {key}: not a header's name"))?;
            let value = value.parse().with_context(|| format!("--header {key}: not a header's value"))?;
            headers.insert(name, value);
        }
        let path = PathAndQuery::from_static(match args.signal.into() {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        });
        Ok(GrpcClient {
            grpc: grpc.accept_compressed(CompressionEncoding::Gzip),
            path,
            headers,
            timeout: args.timeout,
        })
    }

    pub(super) async fn send(&self, payload: &Payload) -> Result<Accepted, String> {
        let mut grpc = self.grpc.clone();
        let mut request = Request::new(payload.body.clone());
        *request.metadata_mut() = self.headers.clone();
        let call = async {
            grpc.ready().await.map_err(|error| Status::unavailable(root_cause(&error)))?;
            grpc.unary(request, self.path.clone(), Raw).await
        };
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(response)) => Accepted::decode(response.get_ref()),
            Ok(Err(status)) => Err(reason(&status)),
            Err(_) => Err(format!("no answer within {:?}", self.timeout)),
        }
    }
}

fn channel(args: &GenerateArgs, endpoint: String) -> anyhow::Result<Channel> {
    let is_tls = endpoint.starts_with("https://");
    let channel =
        Endpoint::from_shared(endpoint.clone()).with_context(|| format!("--endpoint {endpoint}"))?;
    let channel = channel.connect_timeout(args.timeout).tcp_nodelay(true);
    if !is_tls {
        return Ok(channel.connect_lazy());
    }
    let mut tls = ClientTlsConfig::new();
    tls = match &args.ca_file {
        Some(path) => tls.ca_certificate(Certificate::from_pem(read(path)?)),
        None => tls.with_native_roots(),
    };
    if let (Some(certificate), Some(key)) = (&args.cert_file, &args.key_file) {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(channel.tls_config(tls).context("the TLS settings cannot be used")?.connect_lazy())
}

fn reason(status: &Status) -> String {
    let message = match std::error::Error::source(status) {
        Some(source) => root_cause(source),
        None => shown(status.message()),
    };
    format!("{:?}: {message}", status.code())
}

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, body: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(body);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, body: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(body.copy_to_bytes(body.remaining())))
    }
}
