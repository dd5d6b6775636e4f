//! A connection as its requests see it.

use std::{
    net::{IpAddr, SocketAddr},
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

/// The state of a connection, and the memory that its requests hold. Each request carries it in its
/// extensions.
#[derive(Debug)]
pub struct Peer {
    address: Option<SocketAddr>,
    /// The number of requests that began, modulo 2^32.
    begun: AtomicU32,
    /// The number of requests whose answer is not ready yet.
    open: AtomicU32,
    /// The number of these whose body has not fully arrived.
    arriving: AtomicU32,
    /// When the last request ended; `None` before the first.
    last: Mutex<Option<Instant>>,
    /// When the last bytes arrived, in milliseconds of this process's clock.
    heard_ms: AtomicU64,
    /// All bytes that have arrived.
    heard_bytes: AtomicU64,
    /// The bytes that have arrived of a large frame or head.
    frame_bytes: AtomicUsize,
    /// When these bytes were last checked, or when the frame or head began, in milliseconds of this process's
    /// clock; 0 without one.
    frame_looked_ms: AtomicU64,
    /// The bytes that had arrived at the last check.
    frame_looked_bytes: AtomicUsize,
    /// The bytes that this connection's requests hold in budgets.
    held_bytes: AtomicUsize,
    /// The number of requests that wait for room in a budget.
    waiting: AtomicUsize,
    is_closed: AtomicBool,
    close: Notify,
}

/// A request whose answer is not ready yet.
pub(super) struct OpenRequest(Arc<Peer>);

/// The body of a request, which counts as arriving until it ends.
pub(super) struct Arriving {
    body: Incoming,
    /// `None` after the end of the body.
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
            heard_bytes: AtomicU64::new(0),
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
    /// Returns the connection of a request. A request without a connection, as in a test, gets a connection
    /// of its own.
    pub fn of<B>(request: &Request<B>) -> Arc<Peer> {
        request.extensions().get::<Arc<Peer>>().cloned().unwrap_or_default()
    }

    pub(super) fn at(address: SocketAddr) -> Peer {
        Peer { address: Some(address), ..Peer::default() }
    }

    /// Returns the connection of a Unix socket, whose clients have no address.
    pub(super) fn of_this_machine() -> Peer {
        Peer::default()
    }

    /// Returns the address for the log, without the port, which differs for each connection.
    pub fn name(&self) -> String {
        self.ip().map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())
    }

    /// Returns the address, or `None` for a Unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.map(|address| address.ip().to_canonical())
    }

    pub(super) fn begin(self: &Arc<Peer>) -> OpenRequest {
        self.begun.fetch_add(1, SeqCst);
        self.open.fetch_add(1, SeqCst);
        OpenRequest(self.clone())
    }

    /// Returns the number of requests that began, modulo 2^32.
    pub(super) fn begun(&self) -> u32 {
        self.begun.load(SeqCst)
    }

    /// Returns the number of requests whose answer is not ready yet.
    pub(super) fn open(&self) -> u32 {
        self.open.load(SeqCst)
    }

    /// Returns when the last request ended; `None` before the first.
    pub(super) fn last(&self) -> Option<Instant> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that bytes have arrived.
    pub(super) fn hears(&self, bytes: usize) {
        self.heard_ms.store(now_ms(), SeqCst);
        self.heard_bytes.fetch_add(bytes as u64, SeqCst);
    }

    pub(super) fn heard_bytes(&self) -> u64 {
        self.heard_bytes.load(SeqCst)
    }

    /// Returns whether it is the peer's turn: it waits neither for an answer nor for room.
    pub(super) fn is_waited_for(&self) -> bool {
        self.open() <= self.arriving.load(SeqCst) && self.waiting.load(SeqCst) == 0
    }

    /// Returns how long the peer has kept the server waiting. Returns `None` while the peer waits for an
    /// answer or for room, and after the connection is closed.
    pub(super) fn silent_for(&self) -> Option<Duration> {
        let silent_ms = now_ms().saturating_sub(self.heard_ms.load(SeqCst));
        (self.is_waited_for() && !self.is_closed()).then(|| Duration::from_millis(silent_ms))
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

    /// Returns whether fewer than `bytes` of a large frame or head arrived within this time. Returns `false`
    /// if the last check is more recent.
    pub(super) fn is_frame_slow(&self, bytes: usize, within: Duration) -> bool {
        let (looked_ms, now_ms) = (self.frame_looked_ms.load(SeqCst), now_ms());
        if looked_ms == 0 || Duration::from_millis(now_ms.saturating_sub(looked_ms)) < within {
            return false;
        }
        let come = self.frame_bytes.load(SeqCst);
        let fresh = come.saturating_sub(self.frame_looked_bytes.load(SeqCst));
        // The frame may have ended just now.
        let goes_on = self.frame_looked_ms.compare_exchange(looked_ms, now_ms, SeqCst, SeqCst).is_ok();
        self.frame_looked_bytes.store(come, SeqCst);
        goes_on && fresh < bytes
    }

    /// Ends the connection at once, whatever it does.
    pub(super) fn close(&self) {
        self.is_closed.store(true, SeqCst);
        self.close.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(SeqCst)
    }

    /// Returns when the connection must end. Only the connection's own task may wait.
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

    /// Counts one more waiting request, and returns whether the limit allows it.
    pub(super) fn starts_to_wait(&self, limit: usize) -> bool {
        let one_more = |waiting| (waiting < limit).then_some(waiting + 1);
        self.waiting.fetch_update(SeqCst, SeqCst, one_more).is_ok()
    }

    pub(super) fn waits_no_more(&self) {
        self.waiting.fetch_sub(1, SeqCst);
    }
}

fn now_ms() -> u64 {
    // The clock starts a day early, because the paused clocks of parallel tests differ.
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
