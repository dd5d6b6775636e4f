//! A client that sends bytes as they are given.

use std::net::SocketAddr;

use bytes::Bytes;
use http::uri::PathAndQuery;
use tonic::{
    Request, Response, Status,
    client::Grpc,
    transport::{Channel, Endpoint},
};

use super::Signal;
use crate::sink::RawCodec;

/// Sends one request over gRPC on a connection of its own, and returns the bytes of the response message.
pub async fn grpc(to: SocketAddr, signal: Signal, body: Bytes) -> Result<Bytes, Status> {
    GrpcClient::connect(to).await.send(signal, body).await
}

/// Sends one request over HTTP as protobuf.
pub async fn http(to: SocketAddr, signal: Signal, body: Bytes) -> reqwest::Response {
    post(to, signal.http_path(), "application/x-protobuf", body).await
}

pub async fn post(to: SocketAddr, path: &str, content_type: &str, body: Bytes) -> reqwest::Response {
    let request = http_client().post(format!("http://{to}{path}")).header("content-type", content_type);
    request.body(body).send().await.expect("an answer over HTTP")
}

pub fn http_client() -> reqwest::Client {
    http_client_builder().build().expect("an HTTP client")
}

/// Makes a builder for a client that keeps no idle connection.
///
/// Each test has a runtime of its own, and connections die with their runtime.
pub fn http_client_builder() -> reqwest::ClientBuilder {
    // Each process needs this once, even for a client that speaks no TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0)
}

/// One HTTP/2 connection, shared by its clones.
#[derive(Clone)]
pub struct GrpcClient(Channel);

impl GrpcClient {
    pub async fn connect(to: SocketAddr) -> GrpcClient {
        let endpoint = Endpoint::from_shared(format!("http://{to}")).expect("an address");
        GrpcClient(endpoint.connect().await.expect("a connection"))
    }

    pub async fn send(&self, signal: Signal, body: Bytes) -> Result<Bytes, Status> {
        self.call(signal.grpc_path(), body).await
    }

    pub async fn call(&self, path: &'static str, body: Bytes) -> Result<Bytes, Status> {
        let mut client = Grpc::new(self.0.clone());
        client.ready().await.map_err(|error| Status::unknown(format!("not connected: {error}")))?;
        let path = PathAndQuery::from_static(path);
        client.unary(Request::new(body), path, RawCodec).await.map(Response::into_inner)
    }
}
