//! gRPC by hand: one HTTP/2 request with the frames that a table writes.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, time::timeout};

use crate::compression;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// The body of the request: frames, if the call is a right one.
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The headers, then the trailers.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// Returns a call as a client makes it.
    pub(crate) fn new(path: &str, message: &[u8]) -> Call {
        Call {
            method: "POST",
            path: path.to_owned(),
            headers: vec![
                ("content-type".to_owned(), "application/grpc".to_owned()),
                ("te".to_owned(), "trailers".to_owned()),
            ],
            body: frame(0, message),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Call {
        self.headers.retain(|(given, _)| given != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Call {
        self.headers.retain(|(given, _)| given != name);
        self
    }

    /// Compresses the message, and says so.
    pub(crate) fn compressed(path: &str, coding: &str, message: &[u8]) -> Result<Call> {
        let mut call = Call::new(path, &[]).header("grpc-encoding", coding);
        call.body = frame(
            1,
            &compression::deflate(if coding == "snappy" { "x-snappy-framed" } else { coding }, message)?,
        );
        Ok(call)
    }
}

/// Returns a message with the prefix that gRPC gives it.
pub(crate) fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or_default();
    [&[flag][..], &length.to_be_bytes()[..], message].concat()
}

/// Makes one call on a connection of its own.
pub(crate) async fn exchange(to: SocketAddr, call: &Call) -> Result<Answer> {
    timeout(ANSWER_TIMEOUT, try_exchange(to, call)).await.context("no answer in time")?
}

async fn try_exchange(to: SocketAddr, call: &Call) -> Result<Answer> {
    let stream = TcpStream::connect(to).await.context("no connection")?;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.context("no HTTP/2")?;
    let connection = tokio::spawn(connection);
    let request = Request::builder().method(call.method).uri(format!("http://localhost{}", call.path));
    let with =
        |request: http::request::Builder, (name, value): &(String, String)| request.header(name, value);
    let request = call.headers.iter().fold(request, with).body(Full::new(Bytes::from(call.body.clone())))?;
    let answer = sender.send_request(request).await.context("no answer")?;
    let status = answer.status().as_u16();
    let mut headers = answer.headers().clone();
    let body = answer.into_body().collect().await.context("a broken answer")?;
    if let Some(trailers) = body.trailers() {
        headers.extend(trailers.clone());
    }
    connection.abort();
    Ok(Answer { status, headers, body: body.to_bytes().to_vec() })
}
