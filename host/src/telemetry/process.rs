//! The resources that the process uses: `otelcol_process_*`.

use std::time::Instant;

use metrics::Gauge;

/// The process metrics, which are refreshed at each scrape.
pub struct ProcessMetrics {
    started: Instant,
    uptime_seconds: Gauge,
    cpu_seconds: Gauge,
    memory_rss_bytes: Gauge,
}

impl ProcessMetrics {
    pub fn register(gauge: impl Fn(&'static str) -> Gauge) -> ProcessMetrics {
        ProcessMetrics {
            started: Instant::now(),
            uptime_seconds: gauge("otelcol_process_uptime"),
            cpu_seconds: gauge("otelcol_process_cpu_seconds"),
            memory_rss_bytes: gauge("otelcol_process_memory_rss"),
        }
    }

    pub fn refresh(&self) {
        self.uptime_seconds.set(self.started.elapsed().as_secs_f64());
        if let Some(usage) = usage() {
            self.cpu_seconds.set(usage.cpu_seconds);
            self.memory_rss_bytes.set(usage.memory_rss_bytes);
        }
    }
}

struct Usage {
    cpu_seconds: f64,
    memory_rss_bytes: f64,
}

#[cfg(target_os = "linux")]
fn usage() -> Option<Usage> {
    let stat = procfs::process::Process::myself().ok()?.stat().ok()?;
    Some(Usage {
        cpu_seconds: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
        memory_rss_bytes: (stat.rss * procfs::page_size()) as f64,
    })
}

#[cfg(not(target_os = "linux"))]
fn usage() -> Option<Usage> {
    None
}
