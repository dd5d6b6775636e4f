//! Every message a wrong config may meet, word for word.

use super::{refuses, warns};

/// A config with these lines as the `otlp` exporter's.
fn exporter(lines: &str) -> String {
    format!(
        "receivers: {{ otlp: }}\nexporters:\n  otlp:\n{lines}\nservice:\n  pipelines:\n    traces: {{ receivers: [otlp], exporters: [otlp] }}\n"
    )
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_right_one() {
    refuses(
        &exporter("    endpoint: backend:4317\n    sending_queue:\n      queue_sise: 5000"),
        "
error: unknown key `queue_sise`
 --> otel.yaml:6:7  exporters › otlp › sending_queue
  |
6 |       queue_sise: 5000
  |       ^^^^^^^^^^ did you mean `queue_size`?
  = known keys: enabled, num_consumers, queue_size",
    );
}
