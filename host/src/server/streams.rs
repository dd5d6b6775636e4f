//! Serves protocols other than HTTP over connections, with the limits of the HTTP server: how many connections
//! there are, how long a handshake takes, and which are closed when there is no room.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};
use tokio_util::{either::Either, sync::CancellationToken};

use super::{Connections, Listener, Peer, accept_each, listen::Socket, peer::OpenRequest};
use crate::{running::Running, tls::server::ServerTls};

/// The time limit of a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection's stream.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Serves the connections of a listener.
#[async_trait::async_trait]
pub trait Serve: Send + Sync + 'static {
    /// Serves a connection until it ends. When `stop` is cancelled, it ends with what has arrived. The call is
    /// dropped when the connection is closed to make room for others.
    async fn serve(&self, stream: &mut dyn Stream, peer: &Arc<Peer>, stop: &CancellationToken);
}

/// Says that the peer waits for the server, until this is dropped. So the connection is not closed as silent.
pub struct Busy(#[expect(dead_code, reason = "it is held")] OpenRequest);

impl Busy {
    pub fn begin(peer: &Arc<Peer>) -> Busy {
        Busy(peer.begin())
    }
}

/// Serves the listener until `running.stop`.
pub fn serve_streams(
    listener: impl Into<Listener>,
    tls: Option<ServerTls>,
    connections: Arc<Connections>,
    to: Arc<dyn Serve>,
    running: &Running,
) {
    let (tasks, stop) = (running.tasks.clone(), running.stop.clone());
    let accepting =
        accept_each(listener.into(), connections, running.clone(), move |stream, peer, member| {
            let (to, tls, stop) = (to.clone(), tls.clone(), stop.clone());
            tasks.spawn(async move {
                run(stream, &peer, tls, &*to, &stop).await;
                drop(member);
            });
        });
    running.tasks.spawn(running.listeners.track_future(accepting));
}

async fn run(
    stream: Socket,
    peer: &Arc<Peer>,
    tls: Option<ServerTls>,
    to: &dyn Serve,
    stop: &CancellationToken,
) {
    if let Either::Left(stream) = &stream {
        let _ = stream.set_nodelay(true);
    }
    let served = async {
        let stream = match tls {
            None => Either::Left(stream),
            Some(tls) => match timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(stream)) => Either::Right(Box::new(stream)),
                Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
                Err(_) => return tracing::debug!("TLS handshake did not end in time"),
            },
        };
        to.serve(&mut Heard { stream, peer: peer.clone() }, peer, stop).await;
    };
    tokio::select! {
        () = peer.closed() => {}
        () = served => {}
    }
}

/// A stream that notes when bytes have arrived.
struct Heard<S> {
    stream: S,
    peer: Arc<Peer>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.peer.hears(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
