//! From a plugin's file to machine code: what is read, checked, described and kept before a guest runs.

pub(super) mod cache;
pub mod card;
pub(super) mod compilers;
pub mod description;
pub mod file;
pub mod schema;
pub(super) mod text;
