//! Connections that hold much and send little.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Semaphore, task::JoinSet, time::timeout};

/// The first bytes of an HTTP/2 client.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const SETTINGS: u8 = 4;
pub const HEADERS: u8 = 1;
pub const RESET: u8 = 3;
pub const END_HEADERS: u8 = 4;

/// Makes a frame of HTTP/2.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Opens connections that each send a frame of a MiB without its last byte, and keeps them open.
pub async fn with_partial_frames(to: SocketAddr, connections: usize) -> Vec<TcpStream> {
    // The frame has an unknown kind.
    let frame = frame(0xF0, 0, 0, &vec![0; (1 << 20) - 1]);
    let partial = [PREFACE, &self::frame(SETTINGS, 0, 0, &[]), frame.split_last().expect("it is long").1];
    that_stop(to, connections, partial.concat()).await
}

/// Opens connections that each send 400 KB of an HTTP/1 head without its end, and keeps them open.
pub async fn with_partial_heads(to: SocketAddr, connections: usize) -> Vec<TcpStream> {
    let line = format!("x-{}: {}\r\n", "n".repeat(100), "v".repeat(3900));
    let head = format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\n{}", line.repeat(100));
    that_stop(to, connections, head.into_bytes()).await
}

async fn that_stop(to: SocketAddr, connections: usize, partial: Vec<u8>) -> Vec<TcpStream> {
    let (partial, at_a_time) = (Arc::new(partial), Arc::new(Semaphore::new(100)));
    let mut opening = JoinSet::new();
    for _ in 0..connections {
        let (partial, at_a_time) = (partial.clone(), at_a_time.clone());
        opening.spawn(async move {
            let _permit = at_a_time.acquire().await.expect("open");
            let mut connection = TcpStream::connect(to).await.expect("a connection");
            // If the receiver stops reading, this waits until the receiver closes the connection, or for two
            // seconds.
            let _ = timeout(Duration::from_secs(2), connection.write_all(&partial)).await;
            connection
        });
    }
    opening.join_all().await
}
