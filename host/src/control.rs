//! Control of what runs: one [`task`] owns the service and does one thing at a time. What came of it stands on the `board`,
//! which operators read as a [`status::Status`]; what they may ask for is an [`operator::Operator`]'s.

mod board;
mod flow;
pub mod operator;
pub mod status;
pub mod task;

pub use task::{Control, Controller, Sources};
