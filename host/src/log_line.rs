//! Makes texts fit for a log line, and limits repeated lines.

pub mod clean;
pub mod throttle;

/// The most bytes of a message that a log line and the status show.
pub(crate) const MESSAGE_LIMIT_BYTES: usize = 1 << 10;

/// Returns an error and its causes on one line. Most libraries put the important part into the last cause.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.ends_with(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}
