//! OTLP/gRPC: three services with one method each. Their messages are handed on undecoded.

use wire::Signal;

use super::{message, rpc};
use crate::receiver::{
    grpc::{Call, CallAnswer, Unary},
    http::{Door, Doors, Refusal},
};

pub(super) struct OtlpGrpc;

#[async_trait::async_trait]
impl Unary for OtlpGrpc {
    type Entrance<'a> = &'a Door;

    const NOT_GRPC: &'static str = "this port speaks gRPC; OTLP/HTTP is on another (4318 by default)";

    fn entrance<'a>(&self, doors: &'a Doors, path: &str) -> Result<&'a Door, Refusal> {
        let signal = signal(path).ok_or_else(|| Refusal::not_found(format!("no method {path} here")))?;
        doors.of(signal).ok_or_else(|| {
            Refusal::not_found(format!("{path}: no pipeline takes {signal} from this receiver"))
        })
    }

    async fn take<'a>(&self, call: Call<'a, &'a Door>) -> Result<CallAnswer, Refusal> {
        let Call { entrance: door, message, metadata, held, until, .. } = call;
        let warning = message::take(door, message, 0, metadata, held, until).await?;
        Ok(CallAnswer { message: rpc::success(warning), ..CallAnswer::default() })
    }
}

fn signal(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        _ => None,
    }
}
