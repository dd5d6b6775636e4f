//! A plugin's file is replaced while batches pass: nothing is lost or doubled, and no sender is refused.

mod candidates;
mod files;
mod kills;
mod load;
mod operators;
mod receivers;
mod reloads;
mod roles;
