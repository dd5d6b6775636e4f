//! Series and histograms: what connectors that make metrics of spans have in common.
//!
//! A series is found by its packed dimension values ([`Key`]) in a [`Table`], without an allocation if it is known.
//! What it counts is a prost message, so that handing it over is encoding it.

mod attribute;
#[cfg(not(target_family = "wasm"))]
pub mod golden;
mod histogram;
mod key;
mod points;
mod table;

pub use attribute::Attribute;
pub use histogram::{Buckets, Histogram};
pub use key::{Key, OVERFLOW, Part, hash, parts};
pub use points::{Point, Requests, sum};
pub use table::{Entry, Table};
