//! OTLP metrics as types, for tests and benches of plugins, which build and compare whole requests. A plugin
//! itself writes the bytes (`wire::RequestWriter` of the SDK), or walks those of a `MetricsBatch`
//! (`wire::metrics`).
//!
//! The fields are those of opentelemetry-proto 1.11 (`metrics/v1/metrics.proto`). The crate
//! `opentelemetry-proto` depends on an SDK that does not compile for `wasm32-unknown-unknown`. The tests
//! compare these types with that crate.
//!
//! ```
//! use spanloom_otlp::{ExportMetricsServiceRequest, Message};
//!
//! let request = ExportMetricsServiceRequest::decode(&b""[..])?;
//! assert!(request.resource_metrics.is_empty());
//! # Ok::<(), spanloom_otlp::DecodeError>(())
//! ```

mod common;
mod metrics;

pub use common::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, Resource, any_value};
pub use metrics::{
    AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint,
    ExportMetricsServiceRequest, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
    exponential_histogram_data_point, metric, number_data_point, summary_data_point,
};
pub use prost::{DecodeError, Message};
