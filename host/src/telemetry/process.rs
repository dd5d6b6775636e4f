//! The resources that the process uses: `otelcol_process_*`.
//!
//! Three of the Collector's metrics are figures of Go's allocator. Spanloom's allocator keeps no statistics,
//! because they cost time at each allocation. So the system's nearest figures are shown.

use std::time::Instant;

use metrics::Gauge;

use super::registry::{Name, Registry};

/// The process metrics, which are refreshed at each scrape.
pub struct ProcessMetrics {
    started: Instant,
    uptime_seconds: Gauge,
    cpu_seconds: Gauge,
    memory_rss_bytes: Gauge,
    heap_bytes: Gauge,
    total_bytes: Gauge,
    system_bytes: Gauge,
}

impl ProcessMetrics {
    pub(super) fn register(registry: &Registry) -> ProcessMetrics {
        let gauge = |name| registry.gauge(Name::of_host(name, &[]), None).unwrap_or_else(Gauge::noop);
        let sum = |name| registry.sum(Name::of_host(name, &[])).unwrap_or_else(Gauge::noop);
        ProcessMetrics {
            started: Instant::now(),
            uptime_seconds: sum("otelcol_process_uptime"),
            cpu_seconds: sum("otelcol_process_cpu_seconds"),
            memory_rss_bytes: gauge("otelcol_process_memory_rss"),
            heap_bytes: gauge("otelcol_process_runtime_heap_alloc_bytes"),
            total_bytes: sum("otelcol_process_runtime_total_alloc_bytes"),
            system_bytes: gauge("otelcol_process_runtime_total_sys_memory_bytes"),
        }
    }

    pub fn refresh(&self) {
        self.uptime_seconds.set(self.started.elapsed().as_secs_f64());
        if let Some(usage) = usage() {
            self.cpu_seconds.set(usage.cpu_seconds);
            self.memory_rss_bytes.set(usage.memory_rss_bytes);
            self.heap_bytes.set(usage.private_bytes);
            self.total_bytes.set(usage.handed_out_bytes);
            self.system_bytes.set(usage.system_bytes);
        }
    }
}

struct Usage {
    cpu_seconds: f64,
    memory_rss_bytes: f64,
    /// The resident memory that is no file's.
    private_bytes: f64,
    /// The pages that the system has handed out since the start.
    handed_out_bytes: f64,
    /// The resident memory, and what of it is swapped out.
    system_bytes: f64,
}

#[cfg(target_os = "linux")]
fn usage() -> Option<Usage> {
    let process = procfs::process::Process::myself().ok()?;
    let (stat, status) = (process.stat().ok()?, process.status().ok()?);
    let bytes = |kib: Option<u64>| (kib.unwrap_or_default() * 1024) as f64;
    let memory_rss_bytes = (stat.rss * procfs::page_size()) as f64;
    Some(Usage {
        cpu_seconds: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
        memory_rss_bytes,
        private_bytes: bytes(status.rssanon),
        handed_out_bytes: (stat.minflt + stat.majflt) as f64 * procfs::page_size() as f64,
        system_bytes: memory_rss_bytes + bytes(status.vmswap),
    })
}

#[cfg(not(target_os = "linux"))]
fn usage() -> Option<Usage> {
    None
}
