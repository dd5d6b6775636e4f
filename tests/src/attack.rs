//! The attacks of broken or hostile clients, limited in number and in time. The tests say what must hold
//! during and after them.

pub mod bodies;
pub mod connections;
pub mod uploads;
