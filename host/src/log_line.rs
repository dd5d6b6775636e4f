//! What may stand in a line of the log: texts of others in one line, and no line over and over.

pub mod clean;
pub mod throttle;

/// The most that a line of the log and the status show of one message.
pub(crate) const MESSAGE_LIMIT_BYTES: usize = 1 << 10;
