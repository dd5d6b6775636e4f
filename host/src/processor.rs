//! Native processors: each a stage of a pipeline, before its `next`.

pub mod memory_limiter;
