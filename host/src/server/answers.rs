//! Limits large answers: how many there are at a time, and how long a peer may take to read one.
//!
//! Receivers answer with a few bytes. Metrics, a status and a plugin's answers may have tens of MiB, which
//! stay in memory until the peer has read them.

use std::{
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};

use super::Peer;

/// The largest answer that the connection's own buffer holds. Such an answer needs no turn.
const SMALL_BYTES: u64 = 64 << 10;
/// The size of the pieces that are handed to the connection. The connection asks for the next piece when it
/// has sent the last.
const PIECE_BYTES: usize = 64 << 10;
/// The longest time that a request waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// The interval of the checks of a large answer. If nothing was read since the last check and others wait,
/// the answer ends.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After so many checks without progress the answer ends even if nobody waits.
const STILL_LIMIT: usize = 10;
/// The longest time that an answer may take, however much of it is read.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The turns of one listener. A request has a turn from its beginning until its answer is read.
pub(super) struct Turns {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

pub(super) struct Turn {
    turns: Arc<Turns>,
    _permit: OwnedSemaphorePermit,
}

struct Waiting<'a>(&'a Turns);

/// The body of an answer, handed over in pieces.
struct Pieces {
    body: Body,
    /// The rest of the frame that is being handed over.
    rest: Bytes,
    taken: Arc<AtomicUsize>,
    _turn: Turn,
}

impl Turns {
    pub(super) fn new(turns: usize) -> Arc<Turns> {
        Arc::new(Turns { free: Arc::new(Semaphore::new(turns)), waiting: AtomicUsize::new(0) })
    }

    /// Waits for a turn, and returns `None` if the wait takes too long.
    pub(super) async fn next(self: &Arc<Turns>) -> Option<Turn> {
        self.waiting.fetch_add(1, Relaxed);
        let _waiting = Waiting(self);
        let permit = timeout(TURN_TIMEOUT, self.free.clone().acquire_owned()).await.ok()?.ok()?;
        Some(Turn { turns: self.clone(), _permit: permit })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

/// Returns the answer to a request whose turn does not come in time.
pub(super) fn busy() -> Response<Body> {
    let mut response = Response::new(Body::from("too many requests at a time\n"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// Makes a large answer keep its turn until it is read. A peer that does not read loses its connection.
pub(super) fn until_read(answer: Response<Body>, turn: Turn, peer: Arc<Peer>) -> Response<Body> {
    if answer.body().size_hint().upper().is_some_and(|bytes| bytes <= SMALL_BYTES) {
        return answer;
    }
    let taken = Arc::new(AtomicUsize::new(0));
    tokio::spawn(watch(Arc::downgrade(&taken), turn.turns.clone(), peer));
    answer.map(|body| Body::new(Pieces { body, rest: Bytes::new(), taken, _turn: turn }))
}

async fn watch(taken: Weak<AtomicUsize>, turns: Arc<Turns>, peer: Arc<Peer>) {
    let end = Instant::now() + ANSWER_TIMEOUT;
    let (mut seen, mut still) = (0, 0);
    loop {
        sleep(LOOK_EVERY).await;
        let Some(taken) = taken.upgrade().map(|taken| taken.load(Relaxed)) else { return };
        still = if taken == seen { still + 1 } else { 0 };
        seen = taken;
        let is_in_the_way = still > 0 && turns.waiting.load(Relaxed) > 0;
        if is_in_the_way || still >= STILL_LIMIT || Instant::now() >= end {
            return peer.close();
        }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.taken.fetch_add(1, Relaxed);
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)).transpose()?.map(Frame::into_data) {
                None => return Poll::Ready(None),
                Some(Err(trailers)) => return Poll::Ready(Some(Ok(trailers))),
                Some(Ok(data)) => self.rest = data,
            }
        }
        let len = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(len)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper().and_then(|upper| upper.checked_add(rest)) {
            hint.set_upper(upper);
        }
        hint.set_lower(body.lower().saturating_add(rest).min(hint.upper().unwrap_or(u64::MAX)));
        hint
    }
}
