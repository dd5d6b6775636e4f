//! Properties of all requests, with prost's generated types as the oracle.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests fail by panicking")]

mod check;
mod edits;
mod fit;
mod flat;
mod frames;
mod fuzz;
mod json;
mod mend;
mod metrics;
mod requests;
mod scramble;
mod split;
mod traces;
mod writer;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use scramble::{Dice, scramble};
use spanloom_wire::{Batch, Signal};

/// A request of any signal, as prost's type.
trait Request: Message + Default + PartialEq + std::fmt::Debug {
    const SIGNAL: Signal;

    fn batch(&self) -> Batch {
        Batch::decode(Self::SIGNAL, Bytes::from(self.encode_to_vec())).expect("a valid request")
    }

    fn of(batch: &Batch) -> Self {
        Self::decode(&*batch.chunks().concat()).expect("a valid request")
    }
}

impl Request for ExportTraceServiceRequest {
    const SIGNAL: Signal = Signal::Traces;
}

impl Request for ExportMetricsServiceRequest {
    const SIGNAL: Signal = Signal::Metrics;
}

impl Request for ExportLogsServiceRequest {
    const SIGNAL: Signal = Signal::Logs;
}
