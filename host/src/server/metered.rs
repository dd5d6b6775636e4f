//! The stream of a connection, from which no more is read than there is room for.
//!
//! A frame of HTTP/2 may have a MiB, because large frames cost far less CPU, and so may a head of HTTP/1.1.
//! Ten thousand connections could hold ten GiB in this way before any of them has authenticated. So a frame
//! or head larger than [`FREE_BYTES`] needs room that all connections share, and is not read further without
//! that room. Connections that hold room while others wait, and receive little, are closed
//! (`connections.rs`).
//!
//! A small request of HTTP/1.1, head and body, comes in one read while much room is free: the read takes room
//! for so long as it is not known to be a large head.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take},
    sync::OwnedSemaphorePermit,
};
use tokio_util::sync::PollSemaphore;

use super::{
    Connections, HTTP1_BUFFER_BYTES, Peer,
    connections::{Frame, WaitsForRoom},
    unfinished::Unfinished,
};

/// The bytes that are read from a connection at a time, and so the bytes that it may hold without room.
const FREE_BYTES: usize = 16 << 10;
/// The bytes that are read further, while much room is free, where a request of HTTP/1.1 begins.
const AHEAD_BYTES: usize = HTTP1_BUFFER_BYTES - FREE_BYTES;

pub(super) struct Metered<S> {
    stream: Take<S>,
    peer: Arc<Peer>,
    connections: Arc<Connections>,
    unfinished: Unfinished,
    /// The most bytes of a head over HTTP/1.1.
    max_head_bytes: usize,
    /// The number of requests that had begun at the last read.
    requests: u32,
    room: Room,
}

enum Room {
    /// No room is needed.
    None,
    /// For what was read ahead, until it is known whether it is a head.
    Ahead(OwnedSemaphorePermit),
    Waiting {
        semaphore: PollSemaphore,
        _waits: WaitsForRoom,
        /// The room for what was read ahead. It counts as a frame, which must not wait for ever.
        _ahead: Option<(Frame, OwnedSemaphorePermit)>,
    },
    Given {
        frame: Frame,
        _permit: OwnedSemaphorePermit,
    },
}

impl<S: AsyncRead> Metered<S> {
    pub(super) fn new(
        stream: S,
        peer: Arc<Peer>,
        connections: Arc<Connections>,
        max_head_bytes: usize,
    ) -> Metered<S> {
        Metered {
            stream: stream.take(0),
            peer,
            connections,
            unfinished: Unfinished::default(),
            max_head_bytes,
            requests: 0,
            room: Room::None,
        }
    }

    /// Returns whether the next bytes are a body of HTTP/1.1. A body is read on demand and counts towards its
    /// request's budget.
    fn is_body(&mut self) -> bool {
        let begun = self.peer.begun();
        if std::mem::replace(&mut self.requests, begun) != begun {
            self.unfinished.note_request();
            self.room = Room::None;
        }
        self.unfinished.is_http1() && self.peer.open() > 0
    }

    /// Returns the room that is needed to read on.
    fn needed_bytes(&self) -> usize {
        if self.unfinished.is_http1() {
            return if self.unfinished.bytes() < FREE_BYTES { 0 } else { self.max_head_bytes };
        }
        match self.unfinished.frame_bytes() {
            ..=FREE_BYTES => 0,
            large => large,
        }
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let needed_bytes = self.needed_bytes();
        if needed_bytes == 0 {
            self.room = Room::None;
            return Poll::Ready(());
        }
        if matches!(self.room, Room::None | Room::Ahead(_)) {
            let ahead = match std::mem::replace(&mut self.room, Room::None) {
                Room::Ahead(permit) => Some((Frame::begin(&self.peer), permit)),
                _ => None,
            };
            let (semaphore, _waits) = self.connections.room();
            self.room = Room::Waiting { semaphore, _waits, _ahead: ahead };
        }
        if let Room::Waiting { semaphore, .. } = &mut self.room {
            let bytes = u32::try_from(needed_bytes).unwrap_or(u32::MAX);
            let Poll::Ready(permit) = semaphore.poll_acquire_many(context, bytes) else {
                self.connections.is_short_of_room();
                return Poll::Pending;
            };
            // The semaphore is never closed.
            let Some(_permit) = permit else { return Poll::Pending };
            // What was read ahead is a part of the head, and no frame of its own.
            self.room = Room::None;
            self.room = Room::Given { frame: Frame::begin(&self.peer), _permit };
        }
        Poll::Ready(())
    }

    /// Takes room to read further than a small head, if much is free. Returns how much further.
    fn look_ahead(&mut self) -> usize {
        if !self.unfinished.is_http1() || !matches!(self.room, Room::None) {
            return 0;
        }
        let Some(permit) = self.connections.spare_room(AHEAD_BYTES) else { return 0 };
        self.room = Room::Ahead(permit);
        AHEAD_BYTES
    }

    /// Records bytes that arrived. They belong to the frame that has room, or to the next frame, which has
    /// none yet.
    fn note(&mut self, come: &[u8]) {
        let number = self.unfinished.frame();
        self.unfinished.note(come);
        match &self.room {
            Room::Given { frame, .. } if self.unfinished.frame() == number && self.needed_bytes() > 0 => {
                frame.has(self.unfinished.bytes());
            }
            Room::Ahead(_) if self.needed_bytes() > 0 => {}
            // The room is free for others at once, even if the next read takes long.
            _ => self.room = Room::None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_body = self.is_body();
        let limit = if is_body {
            HTTP1_BUFFER_BYTES
        } else {
            ready!(self.poll_room(context));
            self.unfinished.left_bytes() + FREE_BYTES + self.look_ahead()
        };
        self.stream.set_limit(limit as u64);
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let come = buffer.filled().get(before..).unwrap_or_default();
        if !come.is_empty() {
            self.peer.hears(come.len());
        }
        if !is_body {
            self.note(come);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const HEAD_BYTES: usize = 1 << 20;

    fn free(connections: &Arc<Connections>) -> usize {
        connections.room().0.available_permits()
    }

    /// Scenario: a connection sends requests with a body, with much room free, and with little.
    /// Guarantees: with much room free, head and body come in one read, and the room is free again as soon as the
    /// request has begun. With little, no more is read than a small head may have.
    #[tokio::test]
    async fn a_small_request_comes_in_one_read_while_much_room_is_free() {
        let (connections, peer) = (Connections::new(1), Arc::<Peer>::default());
        let (mut client, stream) = tokio::io::duplex(HEAD_BYTES);
        let mut metered = Metered::new(stream, peer.clone(), connections.clone(), HEAD_BYTES);
        let request = [&b"POST / HTTP/1.1\r\n\r\n"[..], &[7; 60_000]].concat();
        let mut buffer = vec![0; HTTP1_BUFFER_BYTES];
        let all = free(&connections);

        // Whether the connection speaks HTTP/1.1 is not known before its first bytes.
        client.write_all(&request).await.unwrap();
        assert_eq!(metered.read(&mut buffer).await.unwrap(), FREE_BYTES);
        let open = peer.begin();
        assert_eq!(metered.read(&mut buffer).await.unwrap(), request.len() - FREE_BYTES);
        drop(open);

        client.write_all(&request).await.unwrap();
        assert_eq!(metered.read(&mut buffer).await.unwrap(), request.len());
        assert_eq!(free(&connections), all - AHEAD_BYTES);
        let open = peer.begin();
        assert!(metered.read(&mut buffer).now_or_never().is_none());
        assert_eq!(free(&connections), all);
        drop(open);

        // A wait for the next request takes no room.
        assert!(metered.read(&mut buffer).now_or_never().is_none());
        assert_eq!(free(&connections), all);

        let _taken = connections.spare_room(all / 2 - AHEAD_BYTES / 2).unwrap();
        client.write_all(&request).await.unwrap();
        assert_eq!(metered.read(&mut buffer).await.unwrap(), FREE_BYTES);
    }

    /// Scenario: what was read ahead is the beginning of a large head.
    /// Guarantees: the next read waits for room for the whole head.
    #[tokio::test]
    async fn a_large_head_that_was_read_ahead_needs_room_for_all_of_it() {
        let (connections, peer) = (Connections::new(1), Arc::<Peer>::default());
        let (mut client, stream) = tokio::io::duplex(HEAD_BYTES);
        let mut metered = Metered::new(stream, peer.clone(), connections.clone(), HEAD_BYTES);
        let mut buffer = vec![0; HTTP1_BUFFER_BYTES];
        let all = free(&connections);
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        assert_eq!(metered.read(&mut buffer).await.unwrap(), 16);
        client.write_all(&[b'x'; 2 * FREE_BYTES]).await.unwrap();
        assert_eq!(metered.read(&mut buffer).await.unwrap(), 2 * FREE_BYTES);
        assert_eq!(free(&connections), all - AHEAD_BYTES);
        client.write_all(&[b'x'; 10]).await.unwrap();
        assert_eq!(metered.read(&mut buffer).await.unwrap(), 10);
        assert_eq!(free(&connections), all - HEAD_BYTES);
    }
}
