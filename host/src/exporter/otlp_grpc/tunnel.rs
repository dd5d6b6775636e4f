//! Asks a proxy for a connection (RFC 9110, 9.3.6, `CONNECT`).
//!
//! hyper-util has a tunnel too, which drops what arrives in one piece with the proxy's answer. A gRPC server
//! without TLS speaks first, so that these bytes may be the beginning of HTTP/2.

use std::io;

use http::HeaderValue;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};

/// The size limit of the head of a proxy's answer.
const HEAD_LIMIT_BYTES: u64 = 16 << 10;

/// Asks the proxy at the other end of the socket for a connection to `destination`, which is `host:port`.
/// What the returned stream reads comes from the destination.
///
/// # Errors
/// The proxy refuses, or does not speak HTTP.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: S,
    destination: &str,
    auth: Option<&HeaderValue>,
) -> io::Result<BufReader<S>> {
    let mut request = format!("CONNECT {destination} HTTP/1.1\r\nHost: {destination}\r\n").into_bytes();
    if let Some(auth) = auth {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(auth.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    socket.write_all(&request).await?;
    socket.flush().await?;
    let mut stream = BufReader::new(socket);
    let mut head = (&mut stream).take(HEAD_LIMIT_BYTES);
    let status = line(&mut head).await?;
    while !line(&mut head).await?.is_empty() {}
    match code(&status) {
        Some(200..=299) => Ok(stream),
        Some(407) => Err(io::Error::other("the proxy asks for other credentials (407)")),
        Some(code) => Err(io::Error::other(format!("the proxy refused with {code}"))),
        None => Err(io::Error::other("the proxy does not answer in HTTP")),
    }
}

async fn line(head: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    head.read_until(b'\n', &mut line).await?;
    if !line.ends_with(b"\n") {
        return Err(io::Error::other("the proxy's answer broke off, or is too long"));
    }
    line.truncate(line.trim_ascii_end().len());
    Ok(line)
}

fn code(status: &[u8]) -> Option<u16> {
    let mut words = std::str::from_utf8(status).ok()?.split_ascii_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn opened(answer: &[u8], auth: Option<&str>) -> (io::Result<Vec<u8>>, String) {
        let (client, mut proxy) = tokio::io::duplex(64 << 10);
        proxy.write_all(answer).await.unwrap();
        let auth = auth.map(|auth| auth.parse().unwrap());
        let opened = open(client, "tempo:4317", auth.as_ref()).await;
        let mut asked = vec![0; 4 << 10];
        let len = proxy.read(&mut asked).await.unwrap();
        asked.truncate(len);
        drop(proxy);
        let rest = match opened {
            Ok(mut stream) => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.map(|_| rest)
            }
            Err(error) => Err(error),
        };
        (rest, String::from_utf8(asked).unwrap())
    }

    /// Scenario: the proxy agrees, and the destination's first bytes come in the same piece.
    /// Guarantees: they are read from the stream, and the proxy was told the destination and the credentials.
    #[tokio::test]
    async fn what_the_destination_says_first_is_kept() {
        let answer = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n\x00\x00\x00frame";
        let (rest, asked) = opened(answer, Some("Basic abc")).await;
        assert_eq!(rest.unwrap(), b"\x00\x00\x00frame");
        let expected =
            "CONNECT tempo:4317 HTTP/1.1\r\nHost: tempo:4317\r\nProxy-Authorization: Basic abc\r\n\r\n";
        assert_eq!(asked, expected);
    }

    /// Scenario: the proxy refuses, asks for credentials, breaks off, goes on for ever, or speaks something else.
    /// Guarantees: each is an error that says so.
    #[tokio::test]
    async fn a_refusal_is_told() {
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(4 << 10));
        for (answer, words) in [
            ("HTTP/1.1 403 Forbidden\r\n\r\n", "refused with 403"),
            ("HTTP/1.0 407 Proxy Authentication Required\r\n\r\n", "credentials"),
            ("SSH-2.0-x\r\n\r\n", "HTTP"),
            (endless.as_str(), "too long"),
        ] {
            let error = opened(answer.as_bytes(), None).await.0.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let (client, mut proxy) = tokio::io::duplex(1 << 10);
        proxy.write_all(b"HTTP/1.1 200").await.unwrap();
        drop(proxy);
        assert!(open(client, "a:1", None).await.is_err());
    }
}
