//! Writes times as people say them.

use std::time::{Duration, SystemTime};

pub(in crate::cli) fn ago(time: SystemTime, now: SystemTime) -> String {
    format!("{} ago", span(since(time, now)))
}

/// Returns the time since then; zero if the time is in the future, since another machine's clock may be
/// ahead.
pub(super) fn since(time: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(time).unwrap_or_default()
}

/// Writes a duration: `45s`, `12m`, `3h 5m`, `4d 2h`.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {}m", minutes % 60),
        (days, hours, _) => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: durations from 0 seconds to 2 days are written.
    /// Guarantees: each has at most two units.
    #[test]
    fn a_span_of_time_has_two_units_at_the_most() {
        let cases =
            [(0, "0s"), (59, "59s"), (60, "1m"), (3_599, "59m"), (3_660, "1h 1m"), (180_000, "2d 2h")];
        for (seconds, expected) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }
}
