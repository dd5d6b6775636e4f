//! Makes texts fit for a log line, and limits repeated lines.

pub mod clean;
pub mod throttle;

/// The most bytes of a message that a log line and the status show.
pub(crate) const MESSAGE_LIMIT_BYTES: usize = 1 << 10;
