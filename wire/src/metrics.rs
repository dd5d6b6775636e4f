//! Reads metrics in place, from an encoded request down to the attributes of a data point, without
//! allocations.
//!
//! The bytes should have passed [`check`](crate::check). Other bytes never panic: a malformed field ends the
//! message that it is in.
//!
//! ```
//! use spanloom_wire::metrics::{self, Data};
//!
//! # let request: &[u8] = &[];
//! for resource in metrics::resource_metrics(request) {
//!     for metric in resource.scope_metrics().flat_map(|scope| scope.metrics()) {
//!         if let Some(Data::Gauge(points)) = metric.data() {
//!             println!("{} has {} points", metric.name(), points.iter().count());
//!         }
//!     }
//! }
//! ```

mod exemplar;
mod metric;
mod point;

use crate::value::{fields_in, last_field, text};
use crate::{Resource, Scope};

pub use exemplar::{Exemplar, Exemplars};
pub use metric::{Data, DataPoints, Metric};
pub use point::{
    Attributes, Buckets, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint,
};

/// A `ResourceMetrics`.
#[derive(Clone, Copy)]
pub struct ResourceMetrics<'a>(&'a [u8]);

/// A `ScopeMetrics`.
#[derive(Clone, Copy)]
pub struct ScopeMetrics<'a>(&'a [u8]);

/// The value of a data point: `as_double` or `as_int`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Double(f64),
    Int(i64),
}

const RESOURCE_METRICS: u32 = 1;
/// The fields of each envelope: its resource or scope, its contents, and the URL of its schema.
const COMMON: u32 = 1;
const ITEMS: u32 = 2;
const SCHEMA_URL: u32 = 3;

/// Iterates over the contents of an encoded `ExportMetricsServiceRequest`.
pub fn resource_metrics(request: &[u8]) -> impl Iterator<Item = ResourceMetrics<'_>> {
    fields_in(request, RESOURCE_METRICS).map(ResourceMetrics)
}

impl<'a> ResourceMetrics<'a> {
    pub fn resource(&self) -> Resource<'a> {
        Resource::new(fields_in(self.0, COMMON).collect(), schema_url(self.0))
    }

    pub fn scope_metrics(&self) -> impl Iterator<Item = ScopeMetrics<'a>> + use<'a> {
        fields_in(self.0, ITEMS).map(ScopeMetrics)
    }
}

impl<'a> ScopeMetrics<'a> {
    pub fn scope(&self) -> Scope<'a> {
        Scope::new(fields_in(self.0, COMMON).collect(), schema_url(self.0))
    }

    pub fn metrics(&self) -> impl Iterator<Item = Metric<'a>> + use<'a> {
        fields_in(self.0, ITEMS).map(Metric::of)
    }
}

impl Number {
    /// Converts to a double. Ints above 2^53 lose digits.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Double(double) => double,
            Number::Int(int) => int as f64,
        }
    }
}

fn schema_url(envelope: &[u8]) -> &str {
    text(last_field(envelope, SCHEMA_URL).map_or(&[], |field| field.value))
}
