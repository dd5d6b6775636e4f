//! The `HELP` lines of the host's metrics.

/// Returns the help of the host's metric with this name, or an empty text.
pub(super) fn of(name: &str) -> &'static str {
    HELP.iter().find(|(known, _)| *known == name).map_or("", |(_, help)| help)
}

const HELP: &[(&str, &str)] = &[
    ("otelcol_receiver_accepted_spans", "Spans that a receiver took in."),
    ("otelcol_receiver_accepted_metric_points", "Data points that a receiver took in."),
    ("otelcol_receiver_accepted_log_records", "Log records that a receiver took in."),
    ("otelcol_receiver_refused_spans", "Spans that went back to their sender."),
    ("otelcol_receiver_refused_metric_points", "Data points that went back to their sender."),
    ("otelcol_receiver_refused_log_records", "Log records that went back to their sender."),
    (
        "spanloom_receiver_refused_items",
        "Items that a receiver left out of requests that it took, by reason: invalid_id.",
    ),
    (
        "spanloom_receiver_mended_texts",
        "Texts that were not UTF-8, in which U+FFFD stands for what was wrong.",
    ),
    (
        "spanloom_receiver_cut_values",
        "Lists and maps in values that a receiver left out because they nested too deep.",
    ),
    (
        "spanloom_receiver_refused_requests",
        "Requests that a receiver turned away before it read them, by reason: unauthenticated, other_protocol.",
    ),
    ("otelcol_processor_accepted_spans", "Spans that `memory_limiter` let through."),
    ("otelcol_processor_accepted_metric_points", "Data points that `memory_limiter` let through."),
    ("otelcol_processor_accepted_log_records", "Log records that `memory_limiter` let through."),
    ("otelcol_processor_refused_spans", "Spans that `memory_limiter` gave back to their sender."),
    (
        "otelcol_processor_refused_metric_points",
        "Data points that `memory_limiter` gave back to their sender.",
    ),
    ("otelcol_processor_refused_log_records", "Log records that `memory_limiter` gave back to their sender."),
    ("otelcol_exporter_sent_spans", "Spans that a destination took."),
    ("otelcol_exporter_sent_metric_points", "Data points that a destination took."),
    ("otelcol_exporter_sent_log_records", "Log records that a destination took."),
    ("otelcol_exporter_send_failed_spans", "Spans given up after the last attempt."),
    ("otelcol_exporter_send_failed_metric_points", "Data points given up after the last attempt."),
    ("otelcol_exporter_send_failed_log_records", "Log records given up after the last attempt."),
    ("otelcol_exporter_enqueue_failed_spans", "Spans that found no room in the sending queue."),
    ("otelcol_exporter_enqueue_failed_metric_points", "Data points that found no room in the sending queue."),
    ("otelcol_exporter_enqueue_failed_log_records", "Log records that found no room in the sending queue."),
    ("otelcol_exporter_queue_size", "What the sending queue holds, in units of its sizer."),
    ("otelcol_exporter_queue_capacity", "What the sending queue may hold, in units of its sizer."),
    ("otelcol_process_uptime", "Uptime of the process in seconds."),
    ("otelcol_process_cpu_seconds", "CPU time of the process, user and system, in seconds."),
    ("otelcol_process_memory_rss", "Physical memory of the process (resident set size) in bytes."),
    (
        "spanloom_plugin_http_requests",
        "Requests of plugins by what became of them: the class of the status, or the error.",
    ),
    (
        "spanloom_plugin_http_duration_seconds",
        "How long requests of plugins took, the wait for their turn included.",
    ),
    ("spanloom_plugin_calls", "Calls into a plugin, by outcome."),
    ("spanloom_plugin_busy_nanoseconds", "Time in calls into a plugin, in nanoseconds."),
    ("spanloom_plugin_replays", "Calls that failed by accident and were repeated on a fresh instance."),
    (
        "spanloom_plugin_swaps",
        "Attempts to replace a plugin, by outcome: swapped, unchanged, canary, rejected, rolled_back, shadowing.",
    ),
    (
        "spanloom_plugin_swap_pause_seconds",
        "How long an instance took no calls while one of another version or config took its place, its state included.",
    ),
    (
        "spanloom_config_reloads",
        "How often the config was read again, by outcome: reloaded, unchanged, rejected.",
    ),
    (
        "spanloom_config_last_success_timestamp_seconds",
        "When the config was last read and what runs made what it says.",
    ),
    ("spanloom_plugin_recycled", "Instances that were replaced, by reason: calls, age, memory."),
    ("spanloom_plugin_breaker_open", "1 while a plugin that keeps failing is not called, else 0."),
    (
        "spanloom_plugin_forgotten_items",
        "Items that a plugin let go of without passing on or discarding them.",
    ),
    ("spanloom_plugin_log_lines_left_out", "A plugin's log lines above limits.log_lines_per_second."),
    ("spanloom_plugin_series_left_out", "A plugin's series above limits.metric_series."),
    ("spanloom_sampler_spans", "Spans by what a sampler decided: keep, drop, undecided."),
    (
        "spanloom_sampler_represented_spans",
        "How many spans the kept ones stand for, by the rates of their decisions.",
    ),
    ("target_info", "Whose metrics these are."),
];
