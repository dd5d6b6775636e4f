//! Binds and reads sockets.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use bytes::{BufMut as _, BytesMut};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::{Datagram, DatagramPort, Dropped, config::Family, queue::Queue};
use crate::server;

/// Datagrams are read into blocks of this size, which they share.
const BLOCK_BYTES: usize = 1 << 20;
/// A datagram of any size fits into the rest of a block above this.
const LARGEST_BYTES: usize = 64 << 10;
/// The most datagrams that are read before the queue is told, so that workers do not wait for long.
const READ_LIMIT: usize = 256;
/// After an error of the whole socket, reading pauses.
const PAUSE: Duration = Duration::from_millis(100);

/// Counts what a socket drops.
pub(super) struct DroppedBySocket {
    pub(super) queue_full: Dropped,
    pub(super) too_large: Dropped,
}

/// Binds every address of the endpoint that this machine has, all with the same port.
pub(super) async fn bind(port: &DatagramPort<'_>) -> anyhow::Result<Vec<UdpSocket>> {
    let DatagramPort { receiver, keys, config, default_endpoint, .. } = port;
    let place = || if keys.is_empty() { (*receiver).to_owned() } else { format!("{receiver}: {keys}") };
    let endpoint = config.endpoint.as_deref().unwrap_or(default_endpoint);
    let transport = match config.family() {
        Some(Family::V4) => server::Transport::Tcp4,
        Some(Family::V6) => server::Transport::Tcp6,
        Some(Family::Any) | None => server::Transport::Tcp,
    };
    server::bind_each(endpoint, transport, UdpSocket::bind, UdpSocket::local_addr).await.with_context(place)
}

/// Reads the socket until `stop`.
pub(super) async fn read(
    socket: UdpSocket,
    max_datagram: usize,
    queue: Arc<Queue>,
    dropped: DroppedBySocket,
    stop: CancellationToken,
) {
    let mut block = BytesMut::new();
    let mut read = Vec::new();
    loop {
        let readable = stop.run_until_cancelled(socket.readable()).await;
        match readable {
            None => break,
            Some(Ok(())) => {}
            Some(Err(error)) => pause(&error).await,
        }
        while read.len() < READ_LIMIT {
            match next(&socket, &mut block) {
                Ok((bytes, from)) => read.push(Datagram { from: from.ip().to_canonical(), bytes }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An earlier answer of ours was not deliverable, or the kernel is short of memory.
                Err(error) => {
                    pause(&error).await;
                    break;
                }
            }
        }
        let all = read.len();
        read.retain(|datagram| datagram.bytes.len() <= max_datagram);
        dropped.too_large.add(all - read.len());
        dropped.queue_full.add(queue.push(read.drain(..)));
        // The socket may never be empty.
        tokio::task::yield_now().await;
    }
    drop(socket);
    queue.end_reader();
}

fn next(socket: &UdpSocket, block: &mut BytesMut) -> io::Result<(bytes::Bytes, SocketAddr)> {
    if block.capacity() - block.len() < LARGEST_BYTES {
        *block = BytesMut::with_capacity(BLOCK_BYTES);
    }
    let (_, from) = socket.try_recv_buf_from(&mut (&mut *block).limit(LARGEST_BYTES))?;
    Ok((block.split().freeze(), from))
}

async fn pause(error: &io::Error) {
    tracing::debug!(%error, "cannot read datagrams; trying again in {PAUSE:?}");
    tokio::time::sleep(PAUSE).await;
}
