//! Configs that topics share. Both sides read the same bytes; the addresses are environment variables.

/// Own telemetry out of the way: the ports of own metrics are the same for every process.
pub(crate) const QUIET: &str = "telemetry: {metrics: {level: none}, logs: {level: error}}";

/// An exporter that answers the sender with the destination's answer: no queue, no retry.
pub(crate) const DIRECT: &str = "otlp_http:
    endpoint: \"http://${env:STUB}\"
    compression: none
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}";

/// Returns a config that passes all signals on to the stub, one request for one request.
pub(crate) fn relay() -> String {
    relay_with("", "", DIRECT)
}

/// Returns the config of [`relay`] with more keys of the receiver's `grpc` and `http`, such as
/// `, include_metadata: true`, and with another exporter.
pub(crate) fn relay_with(grpc: &str, http: &str, exporter: &str) -> String {
    with_service(grpc, http, exporter, "", QUIET)
}

/// Returns a config with pipelines for these signals alone.
pub(crate) fn of_signals(signals: &[&str], exporter: &str) -> String {
    let config = relay_with("", "", exporter);
    let other = |line: &&str| {
        let all = ["    traces: {rec", "    metrics: {rec", "    logs: {rec"];
        let wanted = signals.iter().any(|signal| line.trim_start().starts_with(signal));
        !all.iter().any(|pipeline| line.starts_with(pipeline)) || wanted
    };
    config.lines().filter(other).map(|line| format!("{line}\n")).collect()
}

/// Returns the config of [`relay_with`] with more sections, and with other keys of `service`.
pub(crate) fn with_service(grpc: &str, http: &str, exporter: &str, sections: &str, service: &str) -> String {
    let id = exporter.split(':').next().unwrap_or_default();
    let pipelines: String = ["traces", "metrics", "logs"]
        .map(|signal| format!("    {signal}: {{receivers: [otlp], exporters: [{id}]}}\n"))
        .concat();
    format!(
        "receivers:
  otlp:
    protocols:
      grpc: {{endpoint: \"${{env:GRPC}}\"{grpc}}}
      http: {{endpoint: \"${{env:HTTP}}\"{http}}}
exporters:
  {exporter}
{sections}
service:
  {service}
  pipelines:
{pipelines}"
    )
}
