//! The limits of a guest's resources, and their enforcement.

use std::{num::NonZeroUsize, time::Duration};

use wasmtime::{ResourceLimiter, Result, bail};

use crate::{
    memory::{self, Grant},
    plugin::config::LimitsConfig,
};

/// The bytes of texts, lists and values in the arguments of one host call, which are copied before the host
/// function begins and could ask for room. Requests of `from-otlp` and `replace` do not count, because these
/// functions make the copy.
const MAX_HOST_CALL_BYTES: usize = 128 << 20;
const MIN_HOST_CALL_BYTES: usize = 16 << 20;

/// Returns how many bytes one host call may bring. All threads together can bring a twentieth of the
/// process's memory at one moment, or a small minimum.
pub(in crate::plugin) fn host_call_bytes() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = memory::limit_bytes().map_or(usize::MAX, |bytes| bytes / 20 / threads);
    share.clamp(MIN_HOST_CALL_BYTES, MAX_HOST_CALL_BYTES)
}

/// The limits of one component, for each of its guests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub memory_bytes: usize,
    /// The wall time of one call, without the time of HTTP requests.
    pub call_timeout: Duration,
    /// The maximum number of guests.
    pub instances: NonZeroUsize,
    pub table_elements: usize,
    /// The bytes of batches that a guest holds from call to call; also the additional bytes that one call may
    /// make the host hold.
    pub held_bytes: usize,
    /// A guest is replaced after this many calls.
    pub max_calls: u64,
    /// A guest is replaced when it is this old.
    pub max_age: Duration,
    /// A guest is replaced when it has this much memory, because it never returns any.
    pub recycle_memory_bytes: usize,
    pub log_lines_per_second: u32,
    pub metric_series: usize,
    /// The number of HTTP requests under way at one time.
    pub http_requests: usize,
}

impl From<&LimitsConfig> for Limits {
    fn from(config: &LimitsConfig) -> Limits {
        let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let memory_bytes = (config.memory_mib as usize) << 20;
        Limits {
            memory_bytes,
            call_timeout: config.call_timeout.0,
            instances: NonZeroUsize::new(config.instances as usize).unwrap_or(workers),
            table_elements: config.table_elements as usize,
            held_bytes: (config.held_mib as usize) << 20,
            max_calls: Some(config.max_calls).filter(|calls| *calls > 0).unwrap_or(u64::MAX),
            max_age: Some(config.max_age.0).filter(|age| !age.is_zero()).unwrap_or(Duration::MAX),
            recycle_memory_bytes: memory_bytes / 4 * 3,
            log_lines_per_second: config.log_lines_per_second,
            metric_series: config.metric_series as usize,
            http_requests: config.http_requests as usize,
        }
    }
}

/// Counts the memory of one guest.
#[derive(Debug)]
pub(in crate::plugin) struct GuestLimits {
    memory_bytes: usize,
    table_elements: usize,
    /// Guest memory never shrinks, so this is also its high-water mark.
    pub(in crate::plugin) memory_used_bytes: usize,
    /// The growth in the current call. The guest may not have touched this memory yet.
    grant: Grant,
}

impl GuestLimits {
    /// Ends the grant of a call.
    pub(in crate::plugin) fn end_call(&mut self) {
        self.grant.end();
    }

    pub(in crate::plugin) fn new(limits: &Limits) -> GuestLimits {
        GuestLimits {
            memory_bytes: limits.memory_bytes,
            table_elements: limits.table_elements,
            memory_used_bytes: 0,
            grant: Grant::default(),
        }
    }
}

/// The guest needed more memory than `limits.memory_mib`.
#[derive(Debug, thiserror::Error)]
#[error("it wanted {wanted_bytes} bytes of memory, and may have {limit_bytes} (`limits.memory_mib`)")]
pub(in crate::plugin) struct MemoryExceeded {
    wanted_bytes: usize,
    limit_bytes: usize,
}

impl ResourceLimiter for GuestLimits {
    /// Ends the call instead of refusing the growth, because most languages' allocators then trap without a
    /// message.
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let wanted_bytes = self.memory_used_bytes + desired.saturating_sub(current);
        if wanted_bytes > self.memory_bytes {
            return Err(MemoryExceeded { wanted_bytes, limit_bytes: self.memory_bytes }.into());
        }
        self.grant.more(desired.saturating_sub(current))?;
        self.memory_used_bytes = wanted_bytes;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        if desired > self.table_elements {
            bail!(
                "it wanted a table of {desired} elements, and may have {} (`limits.table_elements`)",
                self.table_elements
            );
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        4
    }
}
