//! Converts bodies of other formats without keeping other requests waiting.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    cpu::{self, Work},
    server::request_body::Held,
};

/// The largest body that is converted in place. A larger one would make other tasks wait too long.
const INLINE_BYTES: usize = 64 << 10;
/// Converting more than this counts as long work.
const SHORT_BYTES: usize = 1 << 20;

/// Converts a body, and drops it. What the request holds stays held until the conversion ends, even if the
/// caller gives up.
pub async fn convert<T: Send + 'static>(
    body: Bytes,
    held: &Arc<Held>,
    read: impl FnOnce(&Bytes) -> T + Send + 'static,
) -> T {
    if body.len() <= INLINE_BYTES {
        return read(&body);
    }
    let size = if body.len() <= SHORT_BYTES { Work::Short } else { Work::Long };
    let held = held.clone();
    cpu::run(size, move || {
        let converted = read(&body);
        drop((body, held));
        converted
    })
    .await
}
