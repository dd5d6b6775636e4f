//! Assembles traces: spans are held, as copies of their wire bytes, until their trace is due.
//!
//! ```text
//! consume ── budget ── shard ── blocks, origins          a task a shard: due ── batch ── next
//!            waits     by id    bytes    what they share
//! ```
//!
//! A span is copied out of its request, because a slice would keep the whole request in memory. Resources,
//! scopes and what is owed to senders are held once. All that is held counts against one budget in bytes. At
//! the budget's end the oldest traces leave early, and senders wait; nothing is dropped for lack of room.

mod assembly;
mod blocks;
mod budget;
pub mod group_by_trace;
mod interned;
mod metrics;
mod origins;
mod shard;

#[cfg(test)]
mod tests;
