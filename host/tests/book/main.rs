//! The book in `docs/` and the READMEs: their configs and commands are accepted by this program, and their links, metrics
//! and descriptions of the interface are those of this clone.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

mod commands;
mod configs;
mod contents;
mod interface;
mod links;
mod metrics;
mod pages;

/// Fails with every complaint, so that one run shows all that is wrong.
#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
