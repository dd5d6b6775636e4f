//! Limits the number of connections, and closes silent ones when there is no room for another.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::sync::PollSemaphore;

use super::Peer;
use crate::{log_line::throttle::Throttle, memory};

/// The most connections of receivers, even if more files may be open.
const RECEIVERS_LIMIT: usize = 32_768;
/// The least number of open files that receivers leave for metrics, health, operators, plugins' answers,
/// exporters and files. They leave a quarter of all if that is more, but never more than half.
const LEFT_FOR_THE_REST: usize = 512;
/// A connection from which nothing has come for this long may be closed to make room for a new one.
const SILENT_AFTER: Duration = Duration::from_secs(1);
/// When there is no room for another connection, this share of the limit is closed at a time, but at least
/// one.
const SHED_SHARE: usize = 64;
/// The room for all large frames and heads that have begun. Each connection may hold a little in addition.
const ROOM_BYTES: usize = 64 << 20;
/// Large frames and heads get no more than this part of the memory limit.
const ROOM_SHARE: usize = 8;
/// While others wait for room, every connection with room has to receive this many bytes in this time.
const SLOW_BYTES: usize = 32 << 10;
const SLOW_TIME: Duration = Duration::from_secs(1);
const CLEAR_EVERY: Duration = Duration::from_millis(250);
/// The time after which a waiting connection looks again whether another has fallen silent.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The connections of one listener, or of several that share a limit.
#[derive(Debug)]
pub struct Connections {
    limit: usize,
    open: Mutex<Open>,
    ended: Notify,
    full: Throttle,
    /// The room for large frames and heads that have begun.
    room: Arc<Semaphore>,
    room_bytes: usize,
    waiting_for_room: AtomicUsize,
    /// Whether a task is making room.
    is_clearing: AtomicBool,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    peers: BTreeMap<u64, Arc<Peer>>,
}

/// A connection's wait for room for a large frame or head. Dropping it ends the wait.
pub(super) struct WaitsForRoom(Arc<Connections>);

/// A large frame or head that is arriving.
pub(super) struct Frame(Arc<Peer>);

/// A connection's membership, which ends when it is dropped.
pub(super) struct Member {
    connections: Arc<Connections>,
    number: u64,
}

impl Connections {
    pub fn new(limit: usize) -> Arc<Connections> {
        let room_bytes = room_bytes(memory::limit_bytes());
        Arc::new(Connections {
            limit,
            open: Mutex::default(),
            ended: Notify::new(),
            full: Throttle::default(),
            room: Arc::new(Semaphore::new(room_bytes)),
            room_bytes,
            waiting_for_room: AtomicUsize::new(0),
            is_clearing: AtomicBool::new(false),
        })
    }

    /// Returns the connections of all receivers of this process. They leave open files for the rest.
    pub fn of_receivers() -> Arc<Connections> {
        static RECEIVERS: LazyLock<Arc<Connections>> = LazyLock::new(|| {
            let files = rlimit::Resource::NOFILE.get_soft().unwrap_or(rlimit::INFINITY);
            Connections::new(receivers_limit(usize::try_from(files).unwrap_or(usize::MAX)))
        });
        RECEIVERS.clone()
    }

    /// Waits until there is room for the connection, and closes silent connections to make room. Where memory
    /// is short, silent connections are closed too, since each holds a part of a head or frame.
    pub(super) async fn join(self: &Arc<Connections>, peer: &Arc<Peer>) -> Member {
        if let Err(short) = memory::has_room(0)
            && let closed @ 1.. = self.shed()
            && let Some(withheld) = self.full.admit()
        {
            tracing::warn!(withheld, "closed {closed} connections that said nothing: {short}");
        }
        loop {
            if let Some(member) = self.try_join(peer) {
                return member;
            }
            self.make_room();
            let _ = timeout(LOOK_AGAIN_AFTER, self.ended.notified()).await;
        }
    }

    fn try_join(self: &Arc<Connections>, peer: &Arc<Peer>) -> Option<Member> {
        let mut open = self.open();
        if open.peers.len() >= self.limit {
            return None;
        }
        let number = open.next;
        open.next += 1;
        open.peers.insert(number, peer.clone());
        Some(Member { connections: self.clone(), number })
    }

    /// Closes the connections that have been silent the longest and are not owed an answer. Returns how many
    /// it closed.
    fn shed(&self) -> usize {
        let mut silent: Vec<(Duration, Arc<Peer>)> = {
            let open = self.open();
            let silent = open.peers.values().filter_map(|peer| Some((peer.silent_for()?, peer.clone())));
            silent.filter(|(silent, _)| *silent >= SILENT_AFTER).collect()
        };
        silent.sort_unstable_by_key(|(silent, _)| Reverse(*silent));
        silent.truncate((self.limit / SHED_SHARE).max(1));
        for (_, peer) in &silent {
            peer.close();
        }
        silent.len()
    }

    fn make_room(&self) {
        let (limit, closed) = (self.limit, self.shed());
        if let Some(withheld) = self.full.admit() {
            tracing::warn!(
                "no room for more than {limit} connections: closed {closed} that said nothing, others wait \
                 ({withheld} times more before); a higher limit of open files makes room for more"
            );
        }
    }

    /// Starts a wait for room.
    pub(super) fn room(self: &Arc<Connections>) -> (PollSemaphore, WaitsForRoom) {
        self.waiting_for_room.fetch_add(1, SeqCst);
        (PollSemaphore::new(self.room.clone()), WaitsForRoom(self.clone()))
    }

    /// Returns room that nobody needs: at least half of all stays free for large frames and heads, and those
    /// that wait go first.
    pub(super) fn spare_room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        if self.is_waited_for() || self.room.available_permits() < self.room_bytes / 2 + bytes {
            return None;
        }
        self.room.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    /// Starts a task, unless it already runs, that closes slow connections for as long as others wait for
    /// room.
    pub(super) fn is_short_of_room(self: &Arc<Connections>) {
        if self.is_clearing.swap(true, SeqCst) {
            return;
        }
        let connections = self.clone();
        tokio::spawn(async move {
            loop {
                while connections.is_waited_for() {
                    connections.close_slow();
                    // The memory that the closed connections held is given back, because new connections need
                    // memory of their own.
                    memory::give_back();
                    sleep(CLEAR_EVERY).await;
                }
                connections.is_clearing.store(false, SeqCst);
                // A connection may have begun to wait just before that.
                if !connections.is_waited_for() || connections.is_clearing.swap(true, SeqCst) {
                    return;
                }
            }
        });
    }

    fn is_waited_for(&self) -> bool {
        self.waiting_for_room.load(SeqCst) > 0
    }

    fn close_slow(&self) {
        for peer in self.open().peers.values() {
            if peer.is_frame_slow(SLOW_BYTES, SLOW_TIME) {
                peer.close();
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frame {
    pub(super) fn begin(peer: &Arc<Peer>) -> Frame {
        peer.begins_frame();
        Frame(peer.clone())
    }

    /// Records how many bytes have arrived.
    pub(super) fn has(&self, bytes: usize) {
        self.0.has_of_frame(bytes);
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.0.ends_frame();
    }
}

impl Drop for WaitsForRoom {
    fn drop(&mut self) {
        self.0.waiting_for_room.fetch_sub(1, SeqCst);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.connections.open().peers.remove(&self.number);
        self.connections.ended.notify_one();
    }
}

/// Returns the room for all large frames and heads, if the process has this memory limit.
fn room_bytes(limit_bytes: Option<usize>) -> usize {
    // The largest alone must fit.
    limit_bytes.map_or(ROOM_BYTES, |bytes| (bytes / ROOM_SHARE).clamp(2 << 20, ROOM_BYTES))
}

fn receivers_limit(files: usize) -> usize {
    let rest = (files / 4).max(LEFT_FOR_THE_REST).min(files / 2);
    (files - rest).clamp(1, RECEIVERS_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the limit of open files has several values.
    /// Guarantees: receivers get at least half and at most their own limit, and the rest keeps enough.
    #[test]
    fn receivers_leave_files_for_the_rest() {
        for (files, limit) in [
            (256, 128),
            (1_024, 512),
            (4_096, 3_072),
            (20_000, 15_000),
            (1 << 20, 32_768),
            (usize::MAX, 32_768),
        ] {
            assert_eq!(receivers_limit(files), limit, "{files}");
        }
        assert_eq!(receivers_limit(0), 1);
    }

    /// Scenario: processes without a limit, with a small one, and with a large one.
    /// Guarantees: large frames get no more than an eighth of the limit, and room for one at least.
    #[test]
    fn large_frames_have_a_share_of_the_memory_limit() {
        for (limit_mib, room_mib) in [(8, 2), (256, 32), (384, 48), (8192, 64)] {
            assert_eq!(room_bytes(Some(limit_mib << 20)), room_mib << 20, "{limit_mib}");
        }
        assert_eq!(room_bytes(None), 64 << 20);
    }

    /// Scenario: connections with large frames wait for room; one frame has much and gets no more, and
    /// another keeps arriving.
    /// Guarantees: only the connection whose frame does not progress is closed.
    #[tokio::test(start_paused = true)]
    async fn while_others_wait_for_room_a_frame_that_comes_too_slowly_ends_its_connection() {
        let connections = Connections::new(3);
        let peers: [Arc<Peer>; 3] = Default::default();
        let mut members = Vec::new();
        for peer in &peers {
            members.push(connections.join(peer).await);
        }
        let [idle, slow, steady] = &peers;
        let frames = [Frame::begin(slow), Frame::begin(steady)];
        frames.iter().for_each(|frame| frame.has(SLOW_BYTES));
        for _ in 0..3 {
            tokio::time::advance(SLOW_TIME).await;
            connections.close_slow();
            let [_, steady] = &frames;
            steady.has(steady.0.frame_bytes() + SLOW_BYTES);
        }
        assert!(slow.is_closed());
        assert!(!idle.is_closed() && !steady.is_closed());
    }

    /// Scenario: all places are taken, by a silent connection, one that is owed an answer, and one that has
    /// just sent something.
    /// Guarantees: a new connection gets the place of the silent one.
    #[tokio::test(start_paused = true)]
    async fn for_a_new_connection_a_silent_one_ends() {
        let connections = Connections::new(3);
        let peers: [Arc<Peer>; 3] = Default::default();
        let mut members = Vec::new();
        for peer in &peers {
            members.push(connections.join(peer).await);
        }
        let [silent, busy, speaking] = &peers;
        let _open = busy.begin();
        tokio::time::advance(SILENT_AFTER * 2).await;
        speaking.hears(1);
        let silent_member = members.remove(0);
        let ends = tokio::spawn({
            let silent = silent.clone();
            async move {
                silent.closed().await;
                drop(silent_member);
            }
        });
        let new = Arc::default();
        let _member = connections.join(&new).await;
        ends.await.unwrap();
        assert!(!busy.is_closed() && !speaking.is_closed());
    }
}
