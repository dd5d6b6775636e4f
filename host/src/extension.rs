//! Extensions serve other components or an operator, and not a pipeline.

pub mod auth;
pub mod awsproxy;
pub mod health_check;
pub mod memory_limiter;
