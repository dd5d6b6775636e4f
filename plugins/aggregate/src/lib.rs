//! Series and histograms: the parts that connectors from spans to metrics share.
//!
//! A [`Table`] finds a series by its packed dimension values ([`Key`]), without an allocation if the series
//! is known. The counts of a series are a prost message, so handing a series over means encoding it.

mod attribute;
mod config;
#[cfg(not(target_family = "wasm"))]
pub mod golden;
mod histogram;
mod key;
mod points;
mod table;
mod text;

pub use attribute::{Attribute, Nested};
pub use config::null_is_default;
pub use histogram::{Buckets, Histogram};
pub use key::{Key, OVERFLOW, Part, hash, parts};
pub use points::{Dimensions, Exemplar, Point, Requests, sum};
pub use table::{Entry, Table};
pub use text::write_text;
