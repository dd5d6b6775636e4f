//! Large heads of requests, which count as a request under way for as long as they are kept.

use std::sync::Arc;

use http::HeaderMap;

use crate::server::{
    Peer,
    request_body::{Budget, Held, OverBudget},
};

/// A head up to this size does not count.
const FREE_BYTES: usize = 16 << 10;
/// The memory that a header takes beside its bytes.
const HEADER_BYTES: usize = 128;

/// Returns how many bytes a head takes, or 0 if it is small.
pub(super) fn large_bytes(headers: &HeaderMap) -> usize {
    let bytes = headers.iter().map(|(name, value)| HEADER_BYTES + name.as_str().len() + value.len()).sum();
    if bytes > FREE_BYTES { bytes } else { 0 }
}

/// Takes room for a large head until the result is dropped.
///
/// # Errors
/// Fails if there is no room at once.
pub fn hold_large(
    headers: &HeaderMap,
    budget: &Arc<Budget>,
    peer: &Arc<Peer>,
) -> Result<Option<Arc<Held>>, OverBudget> {
    let bytes = large_bytes(headers);
    if bytes == 0 {
        return Ok(None);
    }
    let held = budget.hold(peer.clone());
    held.more(bytes)?;
    Ok(Some(held))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Scenario: heads of several sizes are held.
    /// Guarantees: a small one takes no room, a large one its own, and one without room is refused.
    #[test]
    fn a_large_head_takes_room_while_it_is_kept() {
        let budget = Budget::new(2 << 20, 1 << 20);
        let held = |bytes: usize| {
            let value = HeaderValue::try_from("x".repeat(bytes)).unwrap();
            let headers = HeaderMap::from_iter([(http::header::COOKIE, value)]);
            hold_large(&headers, &budget, &Arc::default())
        };
        assert!(held(10_000).unwrap().is_none());
        let large = held(100_000).unwrap().unwrap();
        assert_eq!(large.bytes(), 100_000 + "cookie".len() + HEADER_BYTES);
        assert!(held(3 << 20).is_err());
    }
}
