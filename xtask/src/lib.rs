//! The tasks that a developer or CI runs, and what the tasks share.
#![expect(clippy::print_stdout, reason = "a developer's tool speaks on its standard output")]

pub mod bench;
pub mod ci;
pub mod compat;
pub mod deploy;
pub mod dist;
pub mod folders;
pub mod fuzz;
pub mod libtest;
pub mod plugins;
pub mod run;
pub mod shell;
pub mod summary;
pub mod test;
pub mod tidy;
pub mod tools;
