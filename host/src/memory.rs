//! Measures how much memory the process uses, and decides whether it may use more.
//!
//! Each queue, budget and guest has a bound of its own. This module measures their sum, and everything that
//! no bound counts (the allocator's unused pages, compiled plugins, buffers of connections), as the resident
//! memory that the system reports. Code that accepts data must call [`has_room`] first, and refuse the data
//! if there is no room.

mod cgroup;

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

/// New data is refused above this part of the limit. The rest is for data that was accepted already: its
/// index, its edits, and its encoding.
const USABLE_PERCENT: usize = 75;
/// Work on accepted data is refused above this part of the limit: guests that grow or make the host hold
/// more, and compiling. The rest is for work that has begun.
const USABLE_FOR_WORK_PERCENT: usize = 90;
/// The part of a container's limit that the process may use. The rest is for the system's sockets and page
/// cache.
const OF_CONTAINER_PERCENT: usize = 90;

/// A measurement costs some microseconds, and is used for this long.
const MEASURED_FOR_MILLIS: u64 = 5;
/// Before a grant of at least this size, the memory is measured first.
const LARGE_BYTES: usize = 1 << 20;
/// The shortest time between two returns of unused pages to the system.
const PURGED_FOR_MILLIS: u64 = 500;

static LIMIT_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);
static RESIDENT_BYTES: AtomicUsize = AtomicUsize::new(0);
/// The sum of all [`Grant`]s.
static GRANTED_BYTES: AtomicUsize = AtomicUsize::new(0);
static MEASURED_AT_MILLIS: AtomicU64 = AtomicU64::new(0);
static PURGED_AT_MILLIS: AtomicU64 = AtomicU64::new(0);
/// Large grants are decided one after another, so that each takes account of the earlier ones.
static LARGE_GRANTS: Mutex<()> = Mutex::new(());
static PURGE: OnceLock<fn()> = OnceLock::new();

/// The process has no room for this many more bytes.
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

/// The source of the memory limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Configured {
        bytes: usize,
    },
    /// Nine tenths of the container's limit.
    Container {
        bytes: usize,
    },
    None,
}

impl Limit {
    /// Returns the configured limit, or else the container's.
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

    /// Applies the limit to the process from now on.
    pub fn set(self) {
        LIMIT_BYTES.store(self.bytes().unwrap_or(usize::MAX), Relaxed);
    }
}

/// Returns the limit in force.
pub fn limit_bytes() -> Option<usize> {
    Some(LIMIT_BYTES.load(Relaxed)).filter(|bytes| *bytes != usize::MAX)
}

/// Sets the function that returns unused pages to the system. Only the first call has an effect.
pub fn purge_by(purge: fn()) {
    let _ = PURGE.set(purge);
}

/// Returns unused pages to the system, unless that was done just now. Call this after freeing much memory
/// that will not be needed soon.
pub fn give_back() {
    if is_due(&PURGED_AT_MILLIS, PURGED_FOR_MILLIS)
        && let Some(purge) = PURGE.get()
    {
        purge();
    }
}

/// Returns whether this many bytes of new data may be accepted. Without a limit, or for few bytes, the call
/// costs almost nothing.
///
/// # Errors
/// The process has no room for the bytes.
pub fn has_room(bytes: usize) -> Result<(), MemoryShort> {
    within(USABLE_PERCENT, bytes)
}

/// Returns whether work on accepted data may use this many bytes at once.
///
/// # Errors
/// The process has no room for the bytes.
pub fn has_room_for_work(bytes: usize) -> Result<(), MemoryShort> {
    within(USABLE_FOR_WORK_PERCENT, bytes)
}

/// Memory that work on accepted data may use: a guest's call, or a compilation. A grant is added to the
/// resident memory until it ends, because the work may use the memory later. Memory that the work already
/// uses is counted twice until then.
#[derive(Debug, Default)]
pub struct Grant {
    bytes: usize,
}

impl Grant {
    /// Grants this much memory, until the grant is dropped.
    ///
    /// # Errors
    /// The process has no room for the bytes. The caller gives the work up.
    pub fn of(bytes: usize) -> Result<Grant, MemoryShort> {
        let mut grant = Grant::default();
        grant.more(bytes)?;
        Ok(grant)
    }

    /// Asks for more memory. Without a limit, this costs almost nothing; a large amount costs some
    /// microseconds.
    ///
    /// # Errors
    /// The process has no room for the bytes.
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
            // The last measurement does not include the memory that the work has left.
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
    // The grants are read before the measurement. Work that ends in between is counted twice, but never
    // missed.
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

/// Returns the resident memory, measured within the last milliseconds, or zero if the system does not report
/// it.
pub fn resident_bytes() -> usize {
    measured(MEASURED_FOR_MILLIS)
}

/// Measures and returns the resident memory.
pub fn resident_bytes_now() -> usize {
    measured(0)
}

/// Returns the memory limit of the process's container; `None` without a container or a limit.
pub fn container_bytes() -> Option<usize> {
    cgroup::limit_bytes()
}

fn measured(max_age_millis: u64) -> usize {
    if is_due(&MEASURED_AT_MILLIS, max_age_millis) {
        RESIDENT_BYTES.store(measure().unwrap_or(0), Relaxed);
    }
    RESIDENT_BYTES.load(Relaxed)
}

/// The time of an event that has never happened.
const NEVER: u64 = 0;

/// Returns whether this much time has passed since the last `true`. Of several concurrent callers, one gets
/// `true`.
pub(crate) fn is_due(last: &AtomicU64, after_millis: u64) -> bool {
    static START: OnceLock<Instant> = OnceLock::new();
    // The clock starts at 1, because 0 is `NEVER`.
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
