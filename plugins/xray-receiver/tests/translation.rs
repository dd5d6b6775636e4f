//! Tests what becomes of segment documents: as spans, and as documents again.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "translation/document.rs"]
mod document;
#[path = "translation/golden.rs"]
mod golden;
#[path = "translation/hostile.rs"]
mod hostile;
#[path = "translation/round_trip.rs"]
mod round_trip;
