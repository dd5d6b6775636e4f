//! Calls over gRPC: `rpc_server_call_duration` and `rpc_client_call_duration`.

use std::{sync::Arc, time::Instant};

use metrics::Histogram;
use wire::Signal;

use super::ByLabels;
use crate::telemetry::Telemetry;

/// Measures the calls that one port gets, or that go to one destination.
pub struct RpcRequests(Option<Inner>);

struct Inner {
    telemetry: Arc<Telemetry>,
    side: Side,
    server: Vec<(&'static str, String)>,
    /// By method and code.
    known: ByLabels<(&'static str, i32), Histogram>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Server,
    Client,
}

/// A call under way. It is recorded when it is dropped.
pub struct RpcCall<'a>(Option<UnderWay<'a>>);

struct UnderWay<'a> {
    of: &'a Inner,
    begun: Instant,
    method: &'static str,
    code: i32,
}

const CANCELLED: i32 = 1;
const DEADLINE_EXCEEDED: i32 = 4;

/// The codes in their order, as gRPC writes them.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
/// The codes that are a server's own errors: the others are its client's.
const OF_SERVER: [&str; 6] =
    ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"];

/// Returns the name of the method that takes a signal.
pub fn method(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

/// Returns the name of the method at a path, or `_OTHER` if there is none.
pub fn method_of(path: &str) -> &'static str {
    let asked = path.strip_prefix('/').unwrap_or_default();
    Signal::ALL.map(method).into_iter().find(|known| *known == asked).unwrap_or("_OTHER")
}

impl RpcRequests {
    pub fn server(telemetry: &Arc<Telemetry>) -> RpcRequests {
        RpcRequests::new(telemetry, Side::Server, Vec::new())
    }

    /// Measures what is sent to a server.
    pub fn client(telemetry: &Arc<Telemetry>, address: &str, port: Option<u16>) -> RpcRequests {
        let mut server = vec![("server_address", address.to_owned())];
        server.extend(port.map(|port| ("server_port", port.to_string())));
        RpcRequests::new(telemetry, Side::Client, server)
    }

    fn new(telemetry: &Arc<Telemetry>, side: Side, server: Vec<(&'static str, String)>) -> RpcRequests {
        RpcRequests(telemetry.is_detailed().then(|| Inner {
            telemetry: telemetry.clone(),
            side,
            server,
            known: ByLabels::default(),
        }))
    }

    /// Begins a call of one of OTLP's methods. A call that is dropped before it has ended was cancelled by the
    /// client; the client's own calls are cancelled by their timeout.
    pub fn begin(&self, method: &'static str) -> RpcCall<'_> {
        RpcCall(self.0.as_ref().map(|of| {
            let code = if of.side == Side::Server { CANCELLED } else { DEADLINE_EXCEEDED };
            UnderWay { of, begun: Instant::now(), method, code }
        }))
    }
}

impl RpcCall<'_> {
    /// Notes the code of the answer.
    pub fn ended(&mut self, code: i32) {
        if let Some(under_way) = &mut self.0 {
            under_way.code = code;
        }
    }
}

impl Drop for RpcCall<'_> {
    fn drop(&mut self) {
        let Some(UnderWay { of, begun, method, code }) = self.0.take() else { return };
        if let Some(duration) = of.known.get((method, code), |_| of.histogram(method, code)) {
            duration.record(begun.elapsed().as_secs_f64());
        }
    }
}

impl Inner {
    fn histogram(&self, method: &'static str, code: i32) -> Histogram {
        let code = usize::try_from(code).ok().and_then(|code| CODES.get(code)).copied().unwrap_or("UNKNOWN");
        let (name, is_error) = match self.side {
            Side::Server => ("rpc_server_call_duration", OF_SERVER.contains(&code)),
            Side::Client => ("rpc_client_call_duration", code != "OK"),
        };
        let mut labels: Vec<(&'static str, &str)> = Vec::new();
        if is_error {
            labels.push(("error_type", code));
        }
        labels.push(("rpc_method", method));
        labels.push(("rpc_response_status_code", code));
        labels.push(("rpc_system_name", "grpc"));
        labels.extend(self.server.iter().map(|(name, value)| (*name, value.as_str())));
        self.telemetry.histogram(name, &labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::telemetry::MetricsLevel;

    /// Scenario: calls end well, with a client's mistake, not at all, and at a path that is no method.
    /// Guarantees: each has its code, and those that are errors of the side that tells say so.
    #[test]
    fn a_call_is_recorded_with_its_code() {
        let telemetry = Telemetry::at(MetricsLevel::Detailed);
        let served = RpcRequests::server(&telemetry);
        served.begin(method(Signal::Traces)).ended(0);
        served.begin(method_of("/opentelemetry.proto.collector.logs.v1.LogsService/Export")).ended(3);
        drop(served.begin(method_of("/what/ever")));
        let sent = RpcRequests::client(&telemetry, "tempo", Some(4317));
        sent.begin(method(Signal::Metrics)).ended(3);
        drop(sent.begin(method(Signal::Metrics)));
        let shown = telemetry.render();
        for (name, labels) in [
            (
                "server",
                r#"rpc_method="opentelemetry.proto.collector.trace.v1.TraceService/Export",rpc_response_status_code="OK",rpc_system_name="grpc""#,
            ),
            (
                "server",
                r#"rpc_method="opentelemetry.proto.collector.logs.v1.LogsService/Export",rpc_response_status_code="INVALID_ARGUMENT",rpc_system_name="grpc""#,
            ),
            ("server", r#"rpc_method="_OTHER",rpc_response_status_code="CANCELLED",rpc_system_name="grpc""#),
            (
                "client",
                r#"error_type="INVALID_ARGUMENT",rpc_method="opentelemetry.proto.collector.metrics.v1.MetricsService/Export",rpc_response_status_code="INVALID_ARGUMENT",rpc_system_name="grpc",server_address="tempo",server_port="4317""#,
            ),
            (
                "client",
                r#"error_type="DEADLINE_EXCEEDED",rpc_method="opentelemetry.proto.collector.metrics.v1.MetricsService/Export",rpc_response_status_code="DEADLINE_EXCEEDED",rpc_system_name="grpc",server_address="tempo",server_port="4317""#,
            ),
        ] {
            let line = format!("rpc_{name}_call_duration_count{{{labels}}} 1\n");
            assert!(shown.contains(&line), "no {line} in:\n{shown}");
        }
    }
}
