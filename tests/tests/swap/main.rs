//! A plugin's file is replaced while batches pass: nothing is lost, nothing is doubled, nobody is refused.

mod candidates;
mod files;
mod kills;
mod load;
mod operators;
mod reloads;
mod roles;
