//! The datagrams that wait.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::Datagram;

/// The most datagrams and bytes that one worker takes at a time.
const TAKEN_LIMIT: usize = 1000;
const TAKEN_BYTES: usize = 1 << 20;
/// The memory that a waiting datagram takes beside its bytes.
const ENTRY_BYTES: usize = 64;

/// A queue that is bounded in bytes, from several readers to several workers.
pub(super) struct Queue {
    limit_bytes: usize,
    waiting: Mutex<Waiting>,
    filled: Notify,
}

struct Waiting {
    datagrams: VecDeque<Datagram>,
    bytes: usize,
    /// The number of sockets that are still read.
    readers: usize,
}

/// The queue's end that a socket's datagrams enter by. When the last end is dropped, the queue is over.
pub(super) struct Filling(Arc<Queue>);

impl Filling {
    /// Adds datagrams as long as there is room, and wakes a worker. Returns how many found no room.
    pub(super) fn push(&self, datagrams: impl IntoIterator<Item = Datagram>) -> usize {
        let mut dropped = 0;
        let mut waiting = self.0.waiting();
        for datagram in datagrams {
            let bytes = weight_bytes(&datagram);
            if waiting.bytes.saturating_add(bytes) > self.0.limit_bytes {
                dropped += 1;
                continue;
            }
            waiting.bytes += bytes;
            waiting.datagrams.push_back(datagram);
        }
        drop(waiting);
        self.0.filled.notify_one();
        dropped
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.waiting().readers -= 1;
        self.0.filled.notify_one();
    }
}

impl Queue {
    pub(super) fn new(limit_bytes: usize) -> Queue {
        let waiting = Waiting { datagrams: VecDeque::new(), bytes: 0, readers: 0 };
        Queue { limit_bytes, waiting: Mutex::new(waiting), filled: Notify::new() }
    }

    /// Returns an end for one more socket. All are there before a worker asks for datagrams.
    pub(super) fn filling(self: &Arc<Self>) -> Filling {
        self.waiting().readers += 1;
        Filling(self.clone())
    }

    /// Waits for datagrams, and takes many. Returns `None` once nothing waits and no socket is read any more.
    pub(super) async fn next(&self) -> Option<Vec<Datagram>> {
        loop {
            let (taken, is_over) = self.take();
            if !taken.is_empty() {
                return Some(taken);
            }
            if is_over {
                // The other workers learn it too.
                self.filled.notify_one();
                return None;
            }
            self.filled.notified().await;
        }
    }

    fn take(&self) -> (Vec<Datagram>, bool) {
        let mut waiting = self.waiting();
        let (mut count, mut bytes) = (0, 0);
        for datagram in waiting.datagrams.iter().take(TAKEN_LIMIT) {
            if count > 0 && bytes + datagram.bytes.len() > TAKEN_BYTES {
                break;
            }
            count += 1;
            bytes += datagram.bytes.len();
        }
        let taken: Vec<Datagram> = waiting.datagrams.drain(..count).collect();
        waiting.bytes -= taken.iter().map(weight_bytes).sum::<usize>();
        if !waiting.datagrams.is_empty() {
            self.filled.notify_one();
        }
        (taken, waiting.readers == 0 && waiting.datagrams.is_empty())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight_bytes(datagram: &Datagram) -> usize {
    ENTRY_BYTES + datagram.bytes.len()
}
