//! Plugins: wasm components that process, sample and export (`wit/`).

pub mod card;
pub mod config;
pub mod factory;
pub mod file;
pub mod schema;
