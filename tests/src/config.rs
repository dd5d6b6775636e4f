//! Configs that most tests share. The harness gives the addresses by environment variable.

/// Returns a config that receives OTLP over both protocols and gives all three signals to the exporters.
///
/// `exporters` is the section's YAML, unindented; its top-level keys are the ids.
pub fn relay(exporters: &str) -> String {
    with_receiver("", exporters)
}

/// Returns the config of [`relay`] with more keys of the receiver, such as `acknowledge: delivered`.
pub fn with_receiver(receiver: &str, exporters: &str) -> String {
    let ids: Vec<&str> = exporters
        .lines()
        .filter(|line| !line.starts_with([' ', '#']))
        .filter_map(|line| line.split_once(':'))
        .map(|(id, _)| id)
        .collect();
    let ids = ids.join(", ");
    let pipelines: String = ["traces", "metrics", "logs"]
        .map(|signal| format!("    {signal}: {{receivers: [otlp], exporters: [{ids}]}}\n"))
        .concat();
    format!(
        "receivers:\n  otlp:\n    protocols:\n      grpc: {{endpoint: \"${{env:GRPC}}\"}}\n      http: {{endpoint: \"${{env:HTTP}}\"}}\n{}exporters:\n{}service:\n  pipelines:\n{pipelines}",
        indent(receiver, "    "),
        indent(exporters, "  "),
    )
}

fn indent(text: &str, by: &str) -> String {
    text.lines().map(|line| format!("{by}{line}\n")).collect()
}
