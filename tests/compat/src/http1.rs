//! HTTP/1.1 by hand: a request is sent byte for byte as a table writes it.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// A request. [`Request::bytes`] writes `Host` and `Content-Length`, unless the request has them.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Request {
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn post(target: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Request {
        let mut request = Request::new("POST", target).header("Content-Type", content_type);
        request.body = body.into();
        request
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let has = |name: &str| self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !has("host") {
            head.push_str("Host: localhost\r\n");
        }
        if !has("content-length")
            && !has("transfer-encoding")
            && (!self.body.is_empty() || self.method == "POST")
        {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// Sends bytes on a connection of their own and reads one answer.
///
/// `to_head` says that an answer has no body, whatever its headers say.
pub(crate) async fn exchange(to: SocketAddr, request: &[u8], to_head: bool) -> Result<Answer> {
    let stream = TcpStream::connect(to).await.context("no connection")?;
    exchange_on(stream, request, to_head).await
}

/// Does the same as [`exchange`] on a connection that is open.
pub(crate) async fn exchange_on(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
    to_head: bool,
) -> Result<Answer> {
    let exchange = async {
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(request).await;
        let _ = stream.flush().await;
        read_answer(&mut stream, to_head).await
    };
    timeout(ANSWER_TIMEOUT, exchange).await.context("no answer in time")?
}

async fn read_answer(stream: &mut (impl AsyncRead + Unpin), to_head: bool) -> Result<Answer> {
    let mut read = Vec::new();
    loop {
        let Some(end) = find(&read, b"\r\n\r\n") else {
            more(stream, &mut read).await?;
            continue;
        };
        let rest = read.split_off(end + 4);
        let (status, headers) = parse_head(&read)?;
        read = rest;
        // 100 Continue and its like come before the answer.
        if (100..200).contains(&status) {
            continue;
        }
        let body = if to_head || matches!(status, 204 | 304) {
            Vec::new()
        } else {
            read_body(stream, &headers, read).await?
        };
        return Ok(Answer { status, headers, body });
    }
}

fn parse_head(head: &[u8]) -> Result<(u16, HeaderMap)> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        headers.append(HeaderName::try_from(name)?, HeaderValue::from_str(value.trim())?);
    }
    Ok((status.with_context(|| format!("the answer begins with `{}`", first.escape_debug()))?, headers))
}

async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    headers: &HeaderMap,
    mut read: Vec<u8>,
) -> Result<Vec<u8>> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text("transfer-encoding").eq_ignore_ascii_case("chunked") {
        return read_chunks(stream, read).await;
    }
    if let Ok(length) = text("content-length").parse::<usize>() {
        while read.len() < length {
            more(stream, &mut read).await?;
        }
        read.truncate(length);
        return Ok(read);
    }
    while more(stream, &mut read).await.is_ok() {}
    Ok(read)
}

async fn read_chunks(stream: &mut (impl AsyncRead + Unpin), mut read: Vec<u8>) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Some(end) = find(&read, b"\r\n") else {
            more(stream, &mut read).await?;
            continue;
        };
        let size = String::from_utf8_lossy(read.get(..end).unwrap_or_default()).into_owned();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
        while read.len() < end + 2 + size + 2 {
            more(stream, &mut read).await?;
        }
        if size == 0 {
            return Ok(body);
        }
        body.extend(read.get(end + 2..end + 2 + size).unwrap_or_default());
        read.drain(..end + 2 + size + 2);
    }
}

async fn more(stream: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> Result<()> {
    match stream.read_buf(read).await.context("the connection broke")? {
        0 if read.is_empty() => bail!("the connection was closed without an answer"),
        0 => bail!("the connection was closed in the middle of an answer"),
        _ => Ok(()),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
