//! Binds and reads sockets.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use bytes::{BufMut as _, BytesMut};
use rustix::net::SocketType;
use tokio::{
    net::UdpSocket,
    runtime,
    task::{spawn_blocking, yield_now},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{Datagram, DatagramPort, Dropped, buffer::KernelDrops, config::Family, queue::Filling};
use crate::{
    running::{SharedSocket, Sockets},
    server,
};

/// Datagrams are read into blocks of this size, which they share.
const BLOCK_BYTES: usize = 1 << 20;
/// A datagram of any size fits into the rest of a block above this.
const LARGEST_BYTES: usize = 64 << 10;
/// The most datagrams that are read before the queue is told, so that workers do not wait for long.
const READ_LIMIT: usize = 256;
/// What the kernel's buffer holds for a datagram beside its bytes, at the least.
const ENTRY_BYTES: usize = 512;
/// How often the kernel is asked what it dropped.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// After an error of the whole socket, reading pauses.
const PAUSE: Duration = Duration::from_millis(100);

/// Binds every address of the endpoint that this machine has, all with the same port. A socket that `sockets` offers is
/// taken over instead.
pub(super) async fn bind(
    port: &DatagramPort<'_>,
    sockets: &Sockets,
) -> anyhow::Result<Vec<(UdpSocket, Arc<SharedSocket>)>> {
    let DatagramPort { receiver, keys, config, default_endpoint, .. } = port;
    let place = || if keys.is_empty() { (*receiver).to_owned() } else { format!("{receiver}: {keys}") };
    let endpoint = config.endpoint.as_deref().unwrap_or(default_endpoint);
    let transport = match config.family() {
        Some(Family::V4) => server::Transport::Tcp4,
        Some(Family::V6) => server::Transport::Tcp6,
        Some(Family::Any) | None => server::Transport::Tcp,
    };
    let new = |address| async move { UdpSocket::bind(address).await?.into_std() };
    let bind = |address| async move {
        let (socket, shared) = sockets.bind(SocketType::DGRAM, address, new).await?;
        Ok((UdpSocket::from_std(socket)?, shared))
    };
    server::bind_each(endpoint, transport, bind, |(socket, _)| socket.local_addr()).await.with_context(place)
}

/// Reads one socket.
pub(super) struct Reader {
    pub(super) max_datagram: usize,
    /// The size of the kernel's buffer. So much is still read after `stop`, if it is there.
    pub(super) buffer_bytes: usize,
    pub(super) queue: Filling,
    pub(super) queue_full: Dropped,
    pub(super) too_large: Dropped,
    pub(super) stop: CancellationToken,
}

impl Reader {
    /// Starts to read the socket, until `stop`. Returns the rest of the work: the future counts what the kernel drops,
    /// and ends after the last datagram.
    ///
    /// The socket is read on a thread of its own: the threads of the process's runtime may all be busy in plugins
    /// while a burst comes.
    ///
    /// # Errors
    /// The thread has no runtime.
    pub(super) fn start(
        self,
        socket: UdpSocket,
        mut drops: KernelDrops,
    ) -> io::Result<impl Future<Output = ()> + Send + use<>> {
        let socket = socket.into_std()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let mut reading = spawn_blocking(move || runtime.block_on(self.read(socket)));
        Ok(async move {
            loop {
                let ended = timeout(LOOK_INTERVAL, &mut reading).await;
                drops.look().await;
                // The socket is open until the last look.
                let Ok(ended) = ended else { continue };
                if let Err(error) = ended.map_err(io::Error::from).and_then(|read| read) {
                    tracing::error!(%error, "cannot read datagrams");
                }
                break;
            }
        })
    }

    /// Reads until `stop`, and then what the kernel's buffer held by then.
    async fn read(self, socket: std::net::UdpSocket) -> io::Result<std::net::UdpSocket> {
        let socket = UdpSocket::from_std(socket)?;
        let mut block = BytesMut::new();
        loop {
            match self.stop.run_until_cancelled(socket.readable()).await {
                None => break,
                Some(Ok(())) => {}
                Some(Err(error)) => pause(&error).await,
            }
            if let Err(error) = self.read_some(&socket, &mut block) {
                pause(&error).await;
            }
            // The socket may never be empty.
            yield_now().await;
        }
        let mut left_bytes = self.buffer_bytes;
        while let Ok(bytes @ 1..) = self.read_some(&socket, &mut block) {
            left_bytes = left_bytes.saturating_sub(bytes);
            if left_bytes == 0 {
                break;
            }
        }
        socket.into_std()
    }

    /// Reads datagrams into the queue. Returns how much of the kernel's buffer they held, about: 0 if there are
    /// none.
    ///
    /// # Errors
    /// An earlier answer of ours was not deliverable, or the kernel is short of memory.
    fn read_some(&self, socket: &UdpSocket, block: &mut BytesMut) -> io::Result<usize> {
        let (mut read, mut bytes, mut end) = (Vec::new(), 0, Ok(()));
        while read.len() < READ_LIMIT {
            match next(socket, block) {
                Ok((datagram, from)) => {
                    bytes += ENTRY_BYTES + datagram.len();
                    read.push(Datagram { from: from.ip().to_canonical(), bytes: datagram });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    end = Err(error);
                    break;
                }
            }
        }
        let all = read.len();
        read.retain(|datagram| datagram.bytes.len() <= self.max_datagram);
        self.too_large.add(all - read.len());
        self.queue_full.add(self.queue.push(read));
        end.map(|()| bytes)
    }
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
