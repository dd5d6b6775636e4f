//! The headers that belong to one connection, and that no proxy passes on.

use http::HeaderName;

/// Returns true for headers that frame the message or concern one hop (RFC 9110 §7.6.1). Whoever
/// sends the message sets them.
pub fn is_hop(name: &HeaderName) -> bool {
    const NAMES: [&str; 12] = [
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.contains(&name.as_str())
}
