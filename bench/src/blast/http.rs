//! A sender of OTLP/HTTP (`POST /v1/traces`, protobuf) on HTTP/1.1, with one connection for each sender.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{BlastArgs, Sender, all_accepted};
use crate::payload::Payload;

pub(super) struct HttpSender {
    connection: SendRequest<Full<Bytes>>,
    host: String,
    request: Bytes,
}

/// Opens `args.connections` connections.
pub(super) async fn connect(args: &BlastArgs, payload: &Payload) -> anyhow::Result<Vec<HttpSender>> {
    let mut senders = Vec::with_capacity(args.connections);
    for _ in 0..args.connections {
        let stream = TcpStream::connect(args.target).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        // If the connection breaks, the next request fails.
        tokio::spawn(driver);
        senders.push(HttpSender {
            connection,
            host: args.target.to_string(),
            request: payload.bytes.clone(),
        });
    }
    Ok(senders)
}

impl Sender for HttpSender {
    async fn send(&mut self) -> anyhow::Result<()> {
        let request = Request::post("/v1/traces")
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(self.request.clone()))?;
        self.connection.ready().await?;
        let response = self.connection.send_request(request).await?;
        let status = response.status();
        // The body must be read before the connection can carry the next request.
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::ensure!(status == http::StatusCode::OK, "{status}: {}", String::from_utf8_lossy(&body));
        all_accepted(body)
    }
}
