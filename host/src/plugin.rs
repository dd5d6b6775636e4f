//! Plugins: WebAssembly components that process, sample and export.

pub mod http;
