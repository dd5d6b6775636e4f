//! One connection, as those know it who answer its requests.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::{sync::Notify, time::Instant};

/// What a connection is doing, and what its requests hold. Each request has it among its extensions.
#[derive(Debug)]
pub struct Peer {
    address: Option<SocketAddr>,
    /// Requests that began, modulo 2^32.
    begun: AtomicU32,
    /// Requests whose answer is not yet made.
    open: AtomicU32,
    /// Of these, those that have not wholly arrived.
    arriving: AtomicU32,
    /// When the last one ended; `None` before the first.
    last: Mutex<Option<Instant>>,
    /// When something last came from it, in milliseconds of this process.
    heard_ms: AtomicU64,
    /// Of a large frame or head that comes in: what has come of it, and when that was last looked at, in milliseconds of
    /// this process, or when it began; 0 while there is none.
    frame_bytes: AtomicUsize,
    frame_looked_ms: AtomicU64,
    /// What had come of it then.
    frame_looked_bytes: AtomicUsize,
    /// Bytes of its requests in a budget.
    held_bytes: AtomicUsize,
    /// Requests that wait for room in a budget.
    waiting: AtomicUsize,
    is_closed: AtomicBool,
    close: Notify,
}

/// A request whose answer is not yet made.
pub(super) struct OpenRequest(Arc<Peer>);

/// A request's body. The peer owes it until it has ended.
pub(super) struct Arriving {
    body: Incoming,
    /// `None` once it has ended.
    peer: Option<Arc<Peer>>,
}

impl Default for Peer {
    fn default() -> Peer {
        Peer {
            address: None,
            begun: AtomicU32::new(0),
            open: AtomicU32::new(0),
            arriving: AtomicU32::new(0),
            last: Mutex::new(None),
            heard_ms: AtomicU64::new(now_ms()),
            frame_bytes: AtomicUsize::new(0),
            frame_looked_ms: AtomicU64::new(0),
            frame_looked_bytes: AtomicUsize::new(0),
            held_bytes: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            close: Notify::new(),
        }
    }
}

impl Peer {
    /// Who sent the request. One that came from nowhere (in a test) is a connection of its own.
    pub fn of<B>(request: &Request<B>) -> Arc<Peer> {
        request.extensions().get::<Arc<Peer>>().cloned().unwrap_or_default()
    }

    pub(super) fn at(address: SocketAddr) -> Peer {
        Peer { address: Some(address), ..Peer::default() }
    }

    /// For the log: its address, without the port, which is another each time.
    pub fn name(&self) -> String {
        self.address.map_or_else(|| "unknown".to_owned(), |address| address.ip().to_canonical().to_string())
    }

    pub(super) fn begin(self: &Arc<Peer>) -> OpenRequest {
        self.begun.fetch_add(1, SeqCst);
        self.open.fetch_add(1, SeqCst);
        OpenRequest(self.clone())
    }

    /// Requests that began, modulo 2^32.
    pub(super) fn begun(&self) -> u32 {
        self.begun.load(SeqCst)
    }

    /// Requests whose answer is not yet made.
    pub(super) fn open(&self) -> u32 {
        self.open.load(SeqCst)
    }

    /// When the last request ended; `None` before the first.
    pub(super) fn last(&self) -> Option<Instant> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something has come from it.
    pub(super) fn hears(&self) {
        self.heard_ms.store(now_ms(), SeqCst);
    }

    /// For how long nothing has come from it that we wait for; `None` while it waits for an answer or for room, and once
    /// it is closed.
    pub(super) fn silent_for(&self) -> Option<Duration> {
        let is_owed = self.open() > self.arriving.load(SeqCst) || self.waiting.load(SeqCst) > 0;
        let silent_ms = now_ms().saturating_sub(self.heard_ms.load(SeqCst));
        (!is_owed && !self.is_closed()).then(|| Duration::from_millis(silent_ms))
    }

    pub(super) fn begins_frame(&self) {
        self.frame_bytes.store(0, SeqCst);
        self.frame_looked_bytes.store(0, SeqCst);
        self.frame_looked_ms.store(now_ms().max(1), SeqCst);
    }

    pub(super) fn has_of_frame(&self, bytes: usize) {
        self.frame_bytes.store(bytes, SeqCst);
    }

    #[cfg(test)]
    pub(super) fn frame_bytes(&self) -> usize {
        self.frame_bytes.load(SeqCst)
    }

    pub(super) fn ends_frame(&self) {
        self.frame_looked_ms.store(0, SeqCst);
    }

    /// Whether less than this has come of a large frame or head in so long a time. Asked again sooner, it says no.
    pub(super) fn is_frame_slow(&self, bytes: usize, within: Duration) -> bool {
        let (looked_ms, now_ms) = (self.frame_looked_ms.load(SeqCst), now_ms());
        if looked_ms == 0 || Duration::from_millis(now_ms.saturating_sub(looked_ms)) < within {
            return false;
        }
        let come = self.frame_bytes.load(SeqCst);
        let fresh = come.saturating_sub(self.frame_looked_bytes.load(SeqCst));
        // It may have ended just now.
        let goes_on = self.frame_looked_ms.compare_exchange(looked_ms, now_ms, SeqCst, SeqCst).is_ok();
        self.frame_looked_bytes.store(come, SeqCst);
        goes_on && fresh < bytes
    }

    /// Ends the connection now, whatever it does.
    pub(super) fn close(&self) {
        self.is_closed.store(true, SeqCst);
        self.close.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(SeqCst)
    }

    /// Returns when the connection must end. For its task alone.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes.load(SeqCst)
    }

    pub(super) fn holds_more(&self, bytes: usize) {
        self.held_bytes.fetch_add(bytes, SeqCst);
    }

    pub(super) fn holds_less(&self, bytes: usize) {
        self.held_bytes.fetch_sub(bytes, SeqCst);
    }

    /// Whether one request more may wait.
    pub(super) fn starts_to_wait(&self, limit: usize) -> bool {
        let one_more = |waiting| (waiting < limit).then_some(waiting + 1);
        self.waiting.fetch_update(SeqCst, SeqCst, one_more).is_ok()
    }

    pub(super) fn waits_no_more(&self) {
        self.waiting.fetch_sub(1, SeqCst);
    }
}

fn now_ms() -> u64 {
    // Long before the first: the clocks of tests that run side by side differ.
    static STARTED: LazyLock<Instant> = LazyLock::new(|| {
        let now = Instant::now();
        now.checked_sub(Duration::from_secs(24 * 60 * 60)).unwrap_or(now)
    });
    u64::try_from(STARTED.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.0.open.fetch_sub(1, SeqCst);
    }
}

impl Arriving {
    pub(super) fn new(body: Incoming, peer: &Arc<Peer>) -> Arriving {
        let peer = (!body.is_end_stream()).then(|| peer.clone());
        if let Some(peer) = &peer {
            peer.arriving.fetch_add(1, SeqCst);
        }
        Arriving { body, peer }
    }

    fn end(&mut self) {
        if let Some(peer) = self.peer.take() {
            peer.arriving.fetch_sub(1, SeqCst);
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.end();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.end();
    }
}
