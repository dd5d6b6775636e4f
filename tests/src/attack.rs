//! What broken or hostile clients do, bounded in count and in time. The tests say what must hold meanwhile and after it.

pub mod bodies;
pub mod connections;
pub mod uploads;
