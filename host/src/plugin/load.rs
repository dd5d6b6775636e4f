//! Loads a plugin from its file: reads, checks, describes, compiles and caches it before a guest runs.

pub(super) mod cache;
pub mod card;
pub(super) mod compilers;
pub mod description;
pub mod file;
pub mod schema;
pub(super) mod text;
