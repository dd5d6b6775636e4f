//! How much memory the process may have, and whether there is room for more.
//!
//! Each queue, budget and guest has a bound of its own. What these come to together, with all that no bound counts
//! (the allocator's unused pages, compiled plugins, buffers of connections), is measured here: the resident memory, as
//! the system counts it. Whoever is about to take in data asks [`has_room`] first, and refuses if there is none.

mod cgroup;

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

/// Of the limit, what may be taken before new data is refused. The rest is for what was taken in already: its index, its
/// edits, and its encoding.
const USABLE_PERCENT: usize = 75;
/// Of the limit, what work on it may take: guests that grow, and what they make the host hold; compiling. The rest is for work that
/// has begun.
const USABLE_FOR_WORK_PERCENT: usize = 90;
/// Of a container's limit, what is ours: the rest is the system's, for sockets and page cache.
const OF_CONTAINER_PERCENT: usize = 90;

/// A measurement costs some microseconds, and is good for this long.
const MEASURED_FOR_MILLIS: u64 = 5;
/// Before so much is granted, the memory is measured at that moment.
const LARGE_BYTES: usize = 1 << 20;
/// Unused pages are given back to the system, when memory is short, at most this often.
const PURGED_FOR_MILLIS: u64 = 500;

static LIMIT_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);
static RESIDENT_BYTES: AtomicUsize = AtomicUsize::new(0);
/// What all [`Grant`]s come to.
static GRANTED_BYTES: AtomicUsize = AtomicUsize::new(0);
static MEASURED_AT_MILLIS: AtomicU64 = AtomicU64::new(0);
static PURGED_AT_MILLIS: AtomicU64 = AtomicU64::new(0);
/// Large grants are decided one after another, so that each counts those before it.
static LARGE_GRANTS: Mutex<()> = Mutex::new(());
static PURGE: OnceLock<fn()> = OnceLock::new();

/// The process has no room for so many bytes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "memory is short: {} MiB of the {} MiB that the process may have are in use (`service.memory_limit_mib`)",
    resident_bytes >> 20,
    limit_bytes >> 20
)]
pub struct MemoryShort {
    pub resident_bytes: usize,
    pub limit_bytes: usize,
}

/// Where the limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Configured {
        bytes: usize,
    },
    /// Nine tenths of what the container may have.
    Container {
        bytes: usize,
    },
    None,
}

impl Limit {
    /// The configured limit, else the container's.
    pub fn of(configured_mib: Option<usize>) -> Limit {
        match (configured_mib, cgroup::limit_bytes()) {
            (Some(mib), _) => Limit::Configured { bytes: mib.saturating_mul(1 << 20) },
            (None, Some(bytes)) => Limit::Container { bytes: bytes / 100 * OF_CONTAINER_PERCENT },
            (None, None) => Limit::None,
        }
    }

    pub fn bytes(self) -> Option<usize> {
        match self {
            Limit::Configured { bytes } | Limit::Container { bytes } => Some(bytes),
            Limit::None => None,
        }
    }

    /// Holds the process to the limit from now on.
    pub fn set(self) {
        LIMIT_BYTES.store(self.bytes().unwrap_or(usize::MAX), Relaxed);
    }
}

/// The limit in force.
pub fn limit_bytes() -> Option<usize> {
    Some(LIMIT_BYTES.load(Relaxed)).filter(|bytes| *bytes != usize::MAX)
}

/// Says how unused pages are given back to the system. Only the first call counts.
pub fn purge_by(purge: fn()) {
    let _ = PURGE.set(purge);
}

/// Gives unused pages back to the system, unless that was done just now: for who frees much that nobody will need soon.
pub fn give_back() {
    if is_due(&PURGED_AT_MILLIS, PURGED_FOR_MILLIS)
        && let Some(purge) = PURGE.get()
    {
        purge();
    }
}

/// Whether new data of so many bytes may be taken in. Without a limit, or with little to ask for, this costs next to nothing.
///
/// # Errors
/// When the process has no room for it.
pub fn has_room(bytes: usize) -> Result<(), MemoryShort> {
    within(USABLE_PERCENT, bytes)
}

/// Whether work on accepted data may use so many bytes at once.
///
/// # Errors
/// When the process has no room for them. The caller gives the work up.
pub fn has_room_for_work(bytes: usize) -> Result<(), MemoryShort> {
    within(USABLE_FOR_WORK_PERCENT, bytes)
}

/// Memory that work on accepted data may use: a guest's call, or a compilation. A grant counts beside the resident memory
/// until it ends, because the work may use the memory later. What the work has used by then is counted twice for a while.
#[derive(Debug, Default)]
pub struct Grant {
    bytes: usize,
}

impl Grant {
    /// Grants this much memory, until the grant is dropped.
    ///
    /// # Errors
    /// When the process has no room for it. The caller gives the work up.
    pub fn of(bytes: usize) -> Result<Grant, MemoryShort> {
        let mut grant = Grant::default();
        grant.more(bytes)?;
        Ok(grant)
    }

    /// Asks for more memory. Costs next to nothing without a limit, and some microseconds for much memory.
    ///
    /// # Errors
    /// When the process has no room for it. The caller gives the work up.
    pub fn more(&mut self, bytes: usize) -> Result<(), MemoryShort> {
        if limit_bytes().is_none() {
            return Ok(());
        }
        let _turn = (bytes >= LARGE_BYTES).then(|| {
            let turn = LARGE_GRANTS.lock().unwrap_or_else(PoisonError::into_inner);
            MEASURED_AT_MILLIS.store(NEVER, Relaxed);
            turn
        });
        within(USABLE_FOR_WORK_PERCENT, bytes)?;
        GRANTED_BYTES.fetch_add(bytes, Relaxed);
        self.bytes += bytes;
        Ok(())
    }

    /// Ends the grant when the work has ended, so that only resident memory counts.
    pub fn end(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes >= LARGE_BYTES {
            // What the work has left in memory was not there when the memory was last measured.
            MEASURED_AT_MILLIS.store(NEVER, Relaxed);
        }
        if bytes > 0 {
            GRANTED_BYTES.fetch_sub(bytes, Relaxed);
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.end();
    }
}

fn within(usable_percent: usize, bytes: usize) -> Result<(), MemoryShort> {
    let limit_bytes = LIMIT_BYTES.load(Relaxed);
    if limit_bytes == usize::MAX {
        return Ok(());
    }
    let usable_bytes = limit_bytes / 100 * usable_percent;
    // Read before the measurement: work that ends in between is counted twice, and never missed.
    let wanted_bytes = GRANTED_BYTES.load(Relaxed).saturating_add(bytes);
    let is_within = |resident: usize| resident.saturating_add(wanted_bytes) <= usable_bytes;
    if is_within(resident_bytes()) {
        return Ok(());
    }
    if is_due(&PURGED_AT_MILLIS, PURGED_FOR_MILLIS)
        && let Some(purge) = PURGE.get()
    {
        purge();
        if is_within(resident_bytes_now()) {
            return Ok(());
        }
    }
    Err(MemoryShort { resident_bytes: RESIDENT_BYTES.load(Relaxed), limit_bytes })
}

/// The resident memory, measured within the last milliseconds. Zero where the system does not tell.
pub fn resident_bytes() -> usize {
    measured(MEASURED_FOR_MILLIS)
}

/// The resident memory at this moment.
pub fn resident_bytes_now() -> usize {
    measured(0)
}

/// What the container that the process runs in may have; `None` if it is in none, or in one without a limit.
pub fn container_bytes() -> Option<usize> {
    cgroup::limit_bytes()
}

fn measured(max_age_millis: u64) -> usize {
    if is_due(&MEASURED_AT_MILLIS, max_age_millis) {
        RESIDENT_BYTES.store(measure().unwrap_or(0), Relaxed);
    }
    RESIDENT_BYTES.load(Relaxed)
}

/// The time of what has not happened yet.
const NEVER: u64 = 0;

/// Whether so much time has passed since it was last due. Of callers at one moment, one is told so.
pub(crate) fn is_due(last: &AtomicU64, after_millis: u64) -> bool {
    static START: OnceLock<Instant> = OnceLock::new();
    // From 1: nothing is done at `NEVER`.
    let now = START.get_or_init(Instant::now).elapsed().as_millis() as u64 + 1;
    let before = last.load(Relaxed);
    let is_due = before == NEVER || now.saturating_sub(before) >= after_millis;
    is_due && last.compare_exchange(before, now, Relaxed, Relaxed).is_ok()
}

#[cfg(target_os = "linux")]
fn measure() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size())
}

#[cfg(not(target_os = "linux"))]
fn measure() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_measured() {
        let measured = measure();
        assert_eq!(measured.is_some(), cfg!(target_os = "linux"));
        assert!(measured.is_none_or(|bytes| (1 << 20..1 << 40).contains(&bytes)));
    }

    #[test]
    fn a_configured_limit_comes_before_the_containers() {
        assert_eq!(Limit::of(Some(100)), Limit::Configured { bytes: 100 << 20 });
        assert!(!matches!(Limit::of(None), Limit::Configured { .. }));
    }

    #[test]
    fn something_is_due_once_in_its_time() {
        let last = AtomicU64::new(0);
        assert!(is_due(&last, 60_000));
        assert!(!is_due(&last, 60_000));
        assert!(is_due(&last, 0));
    }
}
