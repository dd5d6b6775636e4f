//! Limits what all requests under way hold together, and decides which get room when it is short.
//!
//! Every request may hold [`SMALL_REQUEST_BYTES`] as long as there is any room at all. A part of the budget
//! is kept free of larger requests, so small requests are served while large ones wait or stall. Larger
//! requests wait in line, in the order in which they ran out of room. One request at a time is *first in
//! line* until it is answered. It may use extra room that is kept free for it, so it can always finish, and
//! the line moves on. Otherwise forty uploads that each hold a part could wait for one another for ever.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use crate::server::Peer;

/// The most that a small request holds.
pub(super) const SMALL_REQUEST_BYTES: usize = 256 << 10;
/// The maximum number of large requests that wait for room, and also of small ones. Each holds up to 2 MiB
/// that no budget counts: its latest piece, and the bytes that its HTTP/2 window lets arrive after that.
const WAITING_LIMIT: usize = 64;
/// The most large requests of one connection that wait, so that its HTTP/2 window has room for requests that
/// do not wait.
pub const WAITING_OF_A_PEER_LIMIT: usize = 16;

/// A budget of bytes that requests may hold. A request's own limit does not bound what ten thousand requests
/// hold.
#[derive(Debug)]
pub struct Budget {
    limit_bytes: usize,
    /// The part of the limit for requests that are not small. The rest is for small requests.
    large_bytes: usize,
    /// The part of `large_bytes` for requests that are not first in line.
    shared_bytes: usize,
    /// The part of `shared_bytes` for the large requests of one connection.
    peer_bytes: usize,
    held_bytes: AtomicUsize,
    /// The number of requests that wait. Changed under the lock of the line.
    small_waiting: AtomicUsize,
    large_waiting: AtomicUsize,
    line: Mutex<Line>,
}

/// The bytes that one request holds. They are given back when this is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    peer: Arc<Peer>,
    bytes: AtomicUsize,
    is_first: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    /// There is no room now.
    #[error("the requests under way hold all of the {limit_bytes} bytes that they may")]
    Now { limit_bytes: usize },
    /// There will never be room, since the request needs more than all requests may hold.
    #[error(
        "the request needs {needed_bytes} bytes of memory, and may need {limit_bytes} (`max_in_flight_mib`)"
    )]
    Ever { needed_bytes: usize, limit_bytes: usize },
}

#[derive(Debug, Default)]
struct Line {
    small: VecDeque<Waiting>,
    large: VecDeque<Waiting>,
    /// Whether a request is first in line.
    has_first: bool,
}

#[derive(Debug)]
struct Waiting {
    held: Arc<Held>,
    bytes: usize,
    is_small: bool,
    granted: oneshot::Sender<()>,
}

/// A request's place in the line. Dropping it ends the wait.
struct Place<'a>(&'a Arc<Held>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Taken,
    /// The request's connection holds its whole share.
    ShareHeld,
    Full,
}

impl Budget {
    /// Creates a budget. The largest request must fit in it alone.
    pub fn new(limit_bytes: usize, largest_request_bytes: usize) -> Arc<Budget> {
        let for_small = (limit_bytes / 8).min(limit_bytes.saturating_sub(largest_request_bytes));
        let large_bytes = limit_bytes - for_small;
        let shared_bytes = large_bytes / 2;
        Arc::new(Budget {
            limit_bytes,
            large_bytes,
            shared_bytes,
            peer_bytes: (shared_bytes / 2).max(largest_request_bytes).min(shared_bytes),
            held_bytes: AtomicUsize::new(0),
            small_waiting: AtomicUsize::new(0),
            large_waiting: AtomicUsize::new(0),
            line: Mutex::default(),
        })
    }

    /// Returns the account of a new request of this connection.
    pub fn hold(self: &Arc<Budget>, peer: Arc<Peer>) -> Arc<Held> {
        Arc::new(Held {
            budget: self.clone(),
            peer,
            bytes: AtomicUsize::new(0),
            is_first: AtomicBool::new(false),
        })
    }

    /// Returns whether a request waits for room.
    pub fn is_short(&self) -> bool {
        self.small_waiting.load(SeqCst) > 0 || self.large_waiting.load(SeqCst) > 0
    }

    fn waiting(&self, is_small: bool) -> &AtomicUsize {
        if is_small { &self.small_waiting } else { &self.large_waiting }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self) -> OverBudget {
        OverBudget::Now { limit_bytes: self.limit_bytes }
    }

    fn take(&self, held: &Held, bytes: usize) -> Outcome {
        let holds = held.bytes.load(SeqCst).saturating_add(bytes);
        let is_first = held.is_first.load(SeqCst);
        let limit = match holds {
            ..=SMALL_REQUEST_BYTES => self.limit_bytes,
            _ if is_first => self.large_bytes,
            _ => self.shared_bytes,
        };
        let is_bound_to_share = holds > SMALL_REQUEST_BYTES && !is_first;
        if is_bound_to_share && held.peer.held_bytes().saturating_add(bytes) > self.peer_bytes {
            return Outcome::ShareHeld;
        }
        let taken = self
            .held_bytes
            .fetch_update(SeqCst, SeqCst, |all| all.checked_add(bytes).filter(|all| *all <= limit));
        if taken.is_err() {
            return Outcome::Full;
        }
        held.bytes.fetch_add(bytes, SeqCst);
        held.peer.holds_more(bytes);
        Outcome::Taken
    }

    /// Serves the line after room was given back.
    fn freed(&self) {
        if self.is_short() {
            self.serve(&mut self.line());
        }
    }

    /// Gives room to the requests that wait, in their order.
    fn serve(&self, line: &mut Line) {
        while let Some(waiting) = line.small.front()
            && self.take(&waiting.held, waiting.bytes) == Outcome::Taken
        {
            self.grant(line.small.pop_front());
        }
        let mut next = 0;
        while let Some(waiting) = line.large.get(next) {
            match self.take(&waiting.held, waiting.bytes) {
                Outcome::Taken => self.grant(line.large.remove(next)),
                Outcome::ShareHeld if line.has_first => next += 1,
                Outcome::Full if line.has_first => return,
                Outcome::ShareHeld | Outcome::Full => {
                    waiting.held.is_first.store(true, SeqCst);
                    line.has_first = true;
                }
            }
        }
    }

    fn grant(&self, waiting: Option<Waiting>) {
        if let Some(waiting) = waiting {
            waiting.leaves();
            // If the request is gone, dropping its account gives the room back.
            let _ = waiting.granted.send(());
        }
    }
}

impl Held {
    /// Holds this many more bytes if there is room at once.
    pub fn more(&self, bytes: usize) -> Result<(), OverBudget> {
        match self.budget.take(self, bytes) {
            Outcome::Taken => Ok(()),
            Outcome::ShareHeld | Outcome::Full => Err(self.budget.over()),
        }
    }

    /// Holds this many more bytes as soon as there is room and it is this request's turn.
    ///
    /// # Errors
    /// Fails when the time is up, when too many requests wait already, or when there can never be room for
    /// them.
    pub async fn more_in_turn(self: &Arc<Held>, bytes: usize, until: Instant) -> Result<(), OverBudget> {
        if self.more_at_once(bytes) {
            return Ok(());
        }
        let granted = self.queue(bytes)?;
        let _place = Place(self);
        match timeout_at(until, granted).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(self.budget.over()),
        }
    }

    /// Does the same as [`Held::more_in_turn`] if no other request waits first. Returns whether the bytes are
    /// held.
    pub(super) fn more_at_once(&self, bytes: usize) -> bool {
        let is_small = self.bytes().saturating_add(bytes) <= SMALL_REQUEST_BYTES;
        let is_its_turn = self.is_first.load(SeqCst) || self.budget.waiting(is_small).load(SeqCst) == 0;
        is_its_turn && self.more(bytes).is_ok()
    }

    /// Makes the request hold at least this many bytes. Fails if there is no room for the difference.
    pub fn at_least(&self, bytes: usize) -> Result<(), OverBudget> {
        self.more(bytes.saturating_sub(self.bytes()))
    }

    /// Gives this many bytes back.
    pub fn less(&self, bytes: usize) {
        let mut given = 0;
        let _ = self.bytes.fetch_update(SeqCst, SeqCst, |held| {
            given = bytes.min(held);
            Some(held - given)
        });
        self.peer.holds_less(given);
        self.budget.held_bytes.fetch_sub(given, SeqCst);
        self.budget.freed();
    }

    pub fn bytes(&self) -> usize {
        self.bytes.load(SeqCst)
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Joins the line: at its front if the request is first in line, and otherwise at its end.
    fn queue(self: &Arc<Held>, bytes: usize) -> Result<oneshot::Receiver<()>, OverBudget> {
        let budget = &self.budget;
        let needs = self.bytes().saturating_add(bytes);
        let is_small = needs <= SMALL_REQUEST_BYTES;
        let mut line = budget.line();
        if needs > budget.large_bytes {
            return Err(OverBudget::Ever { needed_bytes: needs, limit_bytes: budget.large_bytes });
        }
        if budget.waiting(is_small).load(SeqCst) >= WAITING_LIMIT
            || !(is_small || self.peer.starts_to_wait(WAITING_OF_A_PEER_LIMIT))
        {
            return Err(budget.over());
        }
        budget.waiting(is_small).fetch_add(1, SeqCst);
        let (granted, receiver) = oneshot::channel();
        let waiting = Waiting { held: self.clone(), bytes, is_small, granted };
        match (is_small, self.is_first.load(SeqCst)) {
            (true, _) => line.small.push_back(waiting),
            (false, false) => line.large.push_back(waiting),
            (false, true) => line.large.push_front(waiting),
        }
        // Room may have become free since this request asked.
        budget.serve(&mut line);
        Ok(receiver)
    }
}

impl Waiting {
    fn leaves(&self) {
        let Waiting { held, is_small, .. } = self;
        held.budget.waiting(*is_small).fetch_sub(1, SeqCst);
        if !is_small {
            held.peer.waits_no_more();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Place(held) = self;
        let mut line = held.budget.line();
        let Line { small, large, .. } = &mut *line;
        let mut left = Vec::new();
        for queue in [small, large] {
            if let Some(at) = queue.iter().position(|waiting| Arc::ptr_eq(&waiting.held, held)) {
                left.extend(queue.remove(at));
            }
        }
        if !left.is_empty() {
            left.iter().for_each(Waiting::leaves);
            held.budget.serve(&mut line);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        self.peer.holds_less(bytes);
        self.budget.held_bytes.fetch_sub(bytes, SeqCst);
        if *self.is_first.get_mut() {
            let mut line = self.budget.line();
            line.has_first = false;
            self.budget.serve(&mut line);
        } else {
            self.budget.freed();
        }
    }
}

#[cfg(test)]
mod tests;
