//! OTLP metrics as types, for plugins that make and encode metrics. A plugin that only reads a `MetricsBatch`
//! walks its bytes instead (`wire::metrics` of the SDK).
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

mod build;
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

/// `DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`: the flag of a point that says that its series
/// has ended.
pub const NO_RECORDED_VALUE: u32 = 1;
