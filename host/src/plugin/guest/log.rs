//! Writes a guest's lines to the host's log: rate-limited, shortened, and under the component's id.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use metrics::Counter;
use tracing::Level;

use super::Guest;
use crate::plugin::load::text::one_line;

const LINE_LIMIT_BYTES: usize = 8 << 10;
const SECOND: Duration = Duration::from_secs(1);

/// The log of one component's guests.
pub(in crate::plugin) struct GuestLog {
    component: String,
    plugin: String,
    lines_per_second: u32,
    window: Mutex<Window>,
    left_out: Counter,
    /// Whether the guests work on made-up data or copies. Their lines are not about real traffic, and are
    /// written at a lower level.
    is_trial: bool,
}

struct Window {
    began: Instant,
    lines: u32,
    left_out: u64,
}

impl GuestLog {
    pub(in crate::plugin) fn new(
        component: &str,
        plugin: &str,
        lines_per_second: u32,
        left_out: Counter,
        is_trial: bool,
    ) -> GuestLog {
        GuestLog {
            component: component.to_owned(),
            plugin: plugin.to_owned(),
            lines_per_second,
            window: Mutex::new(Window { began: Instant::now(), lines: 0, left_out: 0 }),
            left_out,
            is_trial,
        }
    }

    pub(in crate::plugin) fn write(&self, level: Level, message: &str) {
        if !self.is_enabled(level) {
            return;
        }
        let Some(left_out) = self.admit() else {
            self.left_out.increment(1);
            return;
        };
        let message = one_line(message, LINE_LIMIT_BYTES);
        let (component, plugin) = (self.component.as_str(), self.plugin.as_str());
        let left_out = (left_out > 0).then_some(left_out);
        if self.is_trial {
            tracing::debug!(component, plugin, left_out, ?level, "in a trial: {message}");
            return;
        }
        match level {
            Level::TRACE => tracing::trace!(component, plugin, left_out, "{message}"),
            Level::DEBUG => tracing::debug!(component, plugin, left_out, "{message}"),
            Level::INFO => tracing::info!(component, plugin, left_out, "{message}"),
            Level::WARN => tracing::warn!(component, plugin, left_out, "{message}"),
            Level::ERROR => tracing::error!(component, plugin, left_out, "{message}"),
        }
    }

    pub(in crate::plugin) fn is_enabled(&self, level: Level) -> bool {
        match if self.is_trial { Level::DEBUG } else { level } {
            Level::TRACE => tracing::enabled!(Level::TRACE),
            Level::DEBUG => tracing::enabled!(Level::DEBUG),
            Level::INFO => tracing::enabled!(Level::INFO),
            Level::WARN => tracing::enabled!(Level::WARN),
            Level::ERROR => tracing::enabled!(Level::ERROR),
        }
    }

    /// Returns whether a line may be written in this second, and how many lines were left out before it.
    fn admit(&self) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if window.began.elapsed() >= SECOND {
            (window.began, window.lines) = (Instant::now(), 0);
        }
        if window.lines >= self.lines_per_second {
            window.left_out += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

impl Guest {
    /// Writes a guest's line to the log. An error is also added to its last words.
    pub(in crate::plugin) fn say(&self, level: Level, message: &str) {
        if level == Level::ERROR {
            self.last_words.add(message);
        }
        self.log.write(level, message);
    }
}
