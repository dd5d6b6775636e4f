//! Controls what runs. One [`task`] owns the service and makes one change at a time. The `board` records the
//! outcomes, and operators read it as a [`status::Status`]. [`operator::Operator`] lists what operators may
//! ask for.

mod board;
pub mod decisions;
mod flow;
pub mod operator;
pub mod status;
pub mod task;

pub use task::{Control, Controller, Sources};

#[cfg(test)]
mod tests;
