//! Spanloom: an OpenTelemetry collector. The path of a batch is `receiver` → `pipeline` → `sending` → `exporter`.

pub mod admin;
pub mod builtin;
pub mod cli;
pub mod component;
pub mod config;
pub mod connector;
pub mod control;
mod cpu;
pub mod exporter;
pub mod extension;
mod files;
pub mod hash;
pub mod id;
pub mod log_line;
pub mod memory;
pub mod pipeline;
pub mod plugin;
pub mod processor;
pub mod receipt;
pub mod receiver;
pub mod running;
pub mod sending;
pub mod server;
pub mod service;
pub mod swap;
pub mod telemetry;
pub mod tls;
