//! Extensions: what serves other components or an operator rather than a pipeline.

pub mod auth;
pub mod health_check;
