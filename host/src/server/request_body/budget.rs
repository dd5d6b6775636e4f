//! What all requests under way may hold together, and who gets room when it is short.
//!
//! Every request may hold [`SMALL_REQUEST_BYTES`] as long as there is any room at all. What is kept free of larger ones
//! is for that: so senders of little are served while large requests wait, or lie still. Those that need more wait in
//! the order in which they ran short. One of them at a time is *first in line*, until it is answered: it may also use
//! what the others leave free for it, so it can always end, and the line moves on. Without this, forty uploads that all
//! hold a part would wait for one another for ever.

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

/// A request that holds no more than this is small.
pub(super) const SMALL_REQUEST_BYTES: usize = 256 << 10;
/// Large requests that wait for room at a time, and small ones. Each has up to 2 MiB that no budget counts: the piece
/// that it waits with, and what its HTTP/2 window lets come after that.
const WAITING_LIMIT: usize = 64;
/// Large ones of one connection, so that its HTTP/2 window has room for those that do not wait.
pub const WAITING_OF_A_PEER_LIMIT: usize = 16;

/// Bytes for requests to hold. Each request's own limit does not bound what ten thousand of them hold.
#[derive(Debug)]
pub struct Budget {
    limit_bytes: usize,
    /// Of these, for what is not small. The rest is for small requests.
    large_bytes: usize,
    /// Of these, for whoever is not first in line.
    shared_bytes: usize,
    /// Of these, for the large requests of one connection.
    peer_bytes: usize,
    held_bytes: AtomicUsize,
    /// How many requests wait; changed under the lock of the line.
    small_waiting: AtomicUsize,
    large_waiting: AtomicUsize,
    line: Mutex<Line>,
}

/// What one request holds, given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    peer: Arc<Peer>,
    bytes: AtomicUsize,
    is_first: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the requests under way hold all of {limit_bytes} bytes that they may")]
pub struct OverBudget {
    pub limit_bytes: usize,
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

/// A request's place in the line, left when it waits no more.
struct Place<'a>(&'a Arc<Held>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Taken,
    /// Its connection holds its share.
    ShareHeld,
    Full,
}

impl Budget {
    /// The largest request alone must fit.
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

    /// For a request of this connection.
    pub fn hold(self: &Arc<Budget>, peer: Arc<Peer>) -> Arc<Held> {
        Arc::new(Held {
            budget: self.clone(),
            peer,
            bytes: AtomicUsize::new(0),
            is_first: AtomicBool::new(false),
        })
    }

    /// Whether a request waits for room.
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
        OverBudget { limit_bytes: self.limit_bytes }
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

    /// After room was given back.
    fn freed(&self) {
        if self.is_short() {
            self.serve(&mut self.line());
        }
    }

    /// Gives those that wait what there is, in their order.
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
            // Who has gone meanwhile gives it back with the rest.
            let _ = waiting.granted.send(());
        }
    }
}

impl Held {
    /// Holds so many bytes more if there is room at this moment.
    pub fn more(&self, bytes: usize) -> Result<(), OverBudget> {
        match self.budget.take(self, bytes) {
            Outcome::Taken => Ok(()),
            Outcome::ShareHeld | Outcome::Full => Err(self.budget.over()),
        }
    }

    /// Holds so many bytes more as soon as there is room, and it is this request's turn.
    ///
    /// # Errors
    /// When the time is up, when too many wait already, or when there will never be room for so much.
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

    /// As [`Held::more_in_turn`], if nobody waits before it.
    pub(super) fn more_at_once(&self, bytes: usize) -> bool {
        let is_small = self.bytes().saturating_add(bytes) <= SMALL_REQUEST_BYTES;
        let is_its_turn = self.is_first.load(SeqCst) || self.budget.waiting(is_small).load(SeqCst) == 0;
        is_its_turn && self.more(bytes).is_ok()
    }

    /// For what became of bytes that may be held already.
    pub fn at_least(&self, bytes: usize) -> Result<(), OverBudget> {
        self.more(bytes.saturating_sub(self.bytes()))
    }

    /// Gives so many bytes back.
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

    /// Joins the line: at its end, unless it is first already.
    fn queue(self: &Arc<Held>, bytes: usize) -> Result<oneshot::Receiver<()>, OverBudget> {
        let budget = &self.budget;
        let needs = self.bytes().saturating_add(bytes);
        let is_small = needs <= SMALL_REQUEST_BYTES;
        let mut line = budget.line();
        if needs > budget.large_bytes
            || budget.waiting(is_small).load(SeqCst) >= WAITING_LIMIT
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
        // Room may have come free since it was asked for.
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
