//! Assembles traces: spans are held, as copies of their wire bytes, until their trace is due.
//!
//! ```text
//! consume ── budget ── shard ── blocks, origins          a task a shard: due ── batch ── next
//!            waits     by id    bytes    what they share                               └─ deciding ── sampler ── behind
//! ```
//!
//! A span is copied out of its request, because a slice would keep the whole request in memory. Resources,
//! scopes and what is owed to senders are held once. All that is held counts against one budget in bytes. At
//! the budget's end the oldest traces leave early, and senders wait; nothing is dropped for lack of room.
//!
//! `tail_sampling` has a sampler behind the assembly. The stage behind the sampler notes which traces come there, so
//! the outcome is known whatever the sampler is. Decisions are remembered, and spans that come later go the same way
//! as the rest of their trace. If the budget is nearly used up, and the config asks for it, stress relief decides new
//! traces by their ids, without holding them.
//!
//! What is held can be told from what is settled, request by request: spans of different receipts are held apart, and a
//! receipt is released when the last of its spans is settled. A durable log in front of the pipelines adds a release
//! with a record's id to the receipt, and replays the records that were not released. Every decision passes
//! `Decisions::note`.

mod assembly;
mod blocks;
mod budget;
mod deciding;
mod decisions;
pub mod group_by_trace;
mod interned;
mod metrics;
mod offer;
mod order;
mod origins;
pub mod recording;
mod relief;
mod shard;
pub mod tail_sampling;
mod workers;

#[cfg(test)]
mod tests;
