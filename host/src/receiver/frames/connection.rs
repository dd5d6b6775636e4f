//! One connection: reads messages, and writes answers.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Ended, Frames,
    config::FrameSettings,
    framing::{Found, Framing},
};
use crate::server::{
    Peer,
    request_body::{Budget, Held},
    streams::{Busy, Serve, Stream},
};

/// The most messages that are handed over together.
const MESSAGES_LIMIT: usize = 256;
/// What a connection may hold without room in the budget.
const FREE_BYTES: usize = 16 << 10;
/// The room for a message grows in steps of this.
const STEP_BYTES: usize = 64 << 10;

pub(super) struct FrameServer {
    pub(super) settings: FrameSettings,
    pub(super) framing: Framing,
    pub(super) budget: Arc<Budget>,
    pub(super) to: Arc<dyn Frames>,
    pub(super) malformed: Ended,
    pub(super) slow: Ended,
}

/// What has arrived of a connection, and was not handed over yet.
struct Arrived {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of a line.
    seen: usize,
    held: Arc<Held>,
    /// When the message that the buffer begins with must be whole.
    until: Option<Instant>,
}

#[async_trait::async_trait]
impl Serve for FrameServer {
    async fn serve(&self, stream: &mut dyn Stream, peer: &Arc<Peer>, stop: &CancellationToken) {
        let held = self.budget.hold(peer.clone());
        let mut arrived = Arrived { buffer: BytesMut::new(), seen: 0, held, until: None };
        loop {
            let messages = match self.messages(&mut arrived) {
                Ok(messages) => messages,
                Err(why) => return self.malformed.add(peer, &why.to_string()),
            };
            if !messages.is_empty() {
                if !self.answer(messages, stream, peer).await {
                    return;
                }
                continue;
            }
            match stop.run_until_cancelled(self.read(&mut arrived, stream, peer)).await {
                Some(true) => {}
                Some(false) => {
                    if let Some(last) = self.framing.last(&mut arrived.buffer) {
                        self.answer(vec![last], stream, peer).await;
                    }
                    return;
                }
                None => return,
            }
        }
    }
}

impl FrameServer {
    /// Takes the messages that have arrived.
    fn messages(&self, arrived: &mut Arrived) -> Result<Vec<Bytes>, super::framing::FrameError> {
        let mut messages = Vec::new();
        let Arrived { buffer, seen, .. } = arrived;
        while messages.len() < MESSAGES_LIMIT
            && let Found::Message(message) = self.framing.next(buffer, seen, self.settings.max_frame_bytes)?
        {
            messages.push(message);
        }
        if !messages.is_empty() {
            arrived.until = None;
        }
        Ok(messages)
    }

    /// Hands messages over and writes the answers. Returns false if the connection has ended.
    async fn answer(&self, messages: Vec<Bytes>, stream: &mut dyn Stream, peer: &Arc<Peer>) -> bool {
        let busy = Busy::begin(peer);
        let answers = self.to.take(messages, peer).await;
        let mut written = Vec::new();
        for answer in answers.iter().filter(|answer| !answer.is_empty()) {
            self.framing.write(answer, &mut written);
        }
        drop(busy);
        if written.is_empty() {
            return true;
        }
        match timeout(self.settings.read_timeout, stream.write_all(&written)).await {
            Ok(written) => written.is_ok(),
            Err(_) => {
                self.slow.add(peer, "it does not read its answers");
                false
            }
        }
    }

    /// Reads more. Returns false at the end of the connection, or if it is to end.
    async fn read(&self, arrived: &mut Arrived, stream: &mut dyn Stream, peer: &Arc<Peer>) -> bool {
        let now = Instant::now();
        let until = match arrived.until {
            Some(until) => until,
            None if arrived.buffer.is_empty() => now + self.settings.idle_timeout,
            None => *arrived.until.insert(now + self.settings.read_timeout),
        };
        if !self.make_room(arrived, until).await {
            self.slow.add(peer, "there was no room for its message in time");
            return false;
        }
        match timeout_at(until, stream.read_buf(&mut arrived.buffer)).await {
            Ok(Ok(bytes)) => bytes > 0,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection broke");
                arrived.buffer.clear();
                false
            }
            Err(_) if arrived.until.is_some() => {
                self.slow.add(peer, "its message did not arrive in time");
                arrived.buffer.clear();
                false
            }
            // It was idle.
            Err(_) => false,
        }
    }

    /// Waits for room to read on, and gives back what is not needed any more.
    async fn make_room(&self, arrived: &mut Arrived, until: Instant) -> bool {
        let Arrived { buffer, held, .. } = arrived;
        if buffer.is_empty() {
            // What was handed over may lie in the same memory.
            *buffer = BytesMut::new();
        }
        let step = if buffer.len() < FREE_BYTES { FREE_BYTES } else { STEP_BYTES };
        let wanted = buffer.len() + step;
        let counted = if wanted <= 2 * FREE_BYTES { 0 } else { wanted };
        held.less(held.bytes().saturating_sub(counted));
        let more = counted.saturating_sub(held.bytes());
        if more > 0 && held.more_in_turn(more, until).await.is_err() {
            return false;
        }
        buffer.reserve(step);
        true
    }
}
