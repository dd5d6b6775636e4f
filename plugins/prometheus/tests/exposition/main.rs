//! Tests what a scrape returns: golden files for every rule, and properties that hold for all metrics.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests fail by panicking")]

mod arbitrary;
mod client_model;
mod golden;
mod known;
mod life;
mod parsers;
mod scrape;
