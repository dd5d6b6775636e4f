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
    ("otelcol_receiver_failed_spans", "Stays 0: what fails in a receiver counts as refused."),
    ("otelcol_receiver_failed_metric_points", "Stays 0: what fails in a receiver counts as refused."),
    ("otelcol_receiver_failed_log_records", "Stays 0: what fails in a receiver counts as refused."),
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
    (
        "spanloom_receiver_rejected_requests",
        "Requests that a receiver plugin rejected, by the plugin's reason.",
    ),
    (
        "spanloom_receiver_dropped_datagrams",
        "Datagrams that a receiver lost, by reason: queue_full, read_buffer_full, too_large, plugin_failed, no_pipeline, too_many_items.",
    ),
    ("otelcol_processor_memory_limiter_accepted_spans", "Spans that `memory_limiter` let through."),
    (
        "otelcol_processor_memory_limiter_accepted_metric_points",
        "Data points that `memory_limiter` let through.",
    ),
    (
        "otelcol_processor_memory_limiter_accepted_log_records",
        "Log records that `memory_limiter` let through.",
    ),
    (
        "otelcol_processor_memory_limiter_refused_spans",
        "Spans that `memory_limiter` gave back to their sender.",
    ),
    (
        "otelcol_processor_memory_limiter_refused_metric_points",
        "Data points that `memory_limiter` gave back to their sender.",
    ),
    (
        "otelcol_processor_memory_limiter_refused_log_records",
        "Log records that `memory_limiter` gave back to their sender.",
    ),
    (
        "otelcol_processor_groupbytrace_conf_num_traces",
        "How many traces `groupbytrace` may hold (`num_traces`).",
    ),
    ("otelcol_processor_groupbytrace_num_traces_in_memory", "Traces that `groupbytrace` holds."),
    ("otelcol_processor_groupbytrace_spans_released", "Spans that `groupbytrace` passed on."),
    ("otelcol_processor_groupbytrace_traces_released", "Traces that `groupbytrace` passed on."),
    (
        "otelcol_processor_groupbytrace_traces_evicted",
        "Traces that `groupbytrace` passed on before their time, to make room for others.",
    ),
    ("spanloom_groupbytrace_held_bytes", "Memory that the traces held by `groupbytrace` take, in bytes."),
    ("otelcol_processor_tail_sampling_new_trace_id_received", "Traces that `tail_sampling` began to hold."),
    ("otelcol_processor_tail_sampling_sampling_traces_on_memory", "Traces that `tail_sampling` holds."),
    (
        "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early",
        "Traces that were decided before their time, to make room for others. They are not dropped.",
    ),
    (
        "otelcol_processor_tail_sampling_traces_dropped_too_large",
        "Traces that were dropped because they grew larger than `maximum_trace_size_bytes`.",
    ),
    (
        "otelcol_processor_tail_sampling_sampling_trace_removal_age",
        "How long `tail_sampling` held a trace, in seconds.",
    ),
    (
        "otelcol_processor_tail_sampling_sampling_decision_timer_latency",
        "How long it took to decide about traces that left together, and to pass them on, in milliseconds.",
    ),
    ("otelcol_processor_tail_sampling_global_count_traces_sampled", "Traces that were decided, by decision."),
    (
        "otelcol_processor_tail_sampling_early_releases_from_cache_decision",
        "Spans that came after their trace was decided, and obeyed the decision.",
    ),
    (
        "otelcol_processor_tail_sampling_sampling_late_span_age",
        "How long after the decision a late span came, in seconds.",
    ),
    (
        "spanloom_tail_sampling_early_traces",
        "Traces that were decided before their time, by the limit that was reached.",
    ),
    (
        "spanloom_tail_sampling_stress_level",
        "How near `tail_sampling` is to its limits, in percent, if `stress_relief` is configured.",
    ),
    (
        "spanloom_tail_sampling_stress_relief",
        "1 while new traces are decided by their ids, without being held.",
    ),
    ("spanloom_tail_sampling_stress_relief_traces", "Traces that stress relief decided, by decision."),
    ("spanloom_tail_sampling_num_traces_limit", "How many traces `tail_sampling` may hold (`num_traces`)."),
    ("spanloom_tail_sampling_held_bytes", "Memory that the traces held by `tail_sampling` take, in bytes."),
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
    ("otelcol_exporter_in_flight_requests", "Requests that are being sent, waits between attempts included."),
    ("otelcol_exporter_enqueue_size", "Items of the requests that were offered to the sending queue."),
    ("otelcol_exporter_enqueue_size_bytes", "Bytes of the requests that were offered to the sending queue."),
    ("otelcol_exporter_queue_batch_send_size", "Items of the requests that the queue's batching made."),
    ("otelcol_exporter_queue_batch_send_size_bytes", "Bytes of the requests that the queue's batching made."),
    ("otelcol_processor_incoming_items", "Spans, data points or log records that a processor was given."),
    ("otelcol_processor_outgoing_items", "Spans, data points or log records that a processor handed on."),
    ("otelcol_processor_internal_duration", "How long a processor took for a batch, in seconds."),
    ("http_server_request_duration", "How long a receiver took to answer a request over HTTP, in seconds."),
    ("http_server_request_body_size", "Bytes of the bodies that a receiver read, before they were inflated."),
    ("http_server_response_body_size", "Bytes of the bodies of a receiver's answers."),
    ("http_client_request_duration", "How long a destination took to answer over HTTP, in seconds."),
    ("http_client_request_body_size", "Bytes of the bodies that were sent over HTTP."),
    ("rpc_server_call_duration", "How long a receiver took to answer a call over gRPC, in seconds."),
    ("rpc_client_call_duration", "How long a destination took to answer over gRPC, in seconds."),
    ("otelcol_process_uptime", "Uptime of the process in seconds."),
    ("otelcol_process_cpu_seconds", "CPU time of the process, user and system, in seconds."),
    ("otelcol_process_memory_rss", "Physical memory of the process (resident set size) in bytes."),
    (
        "otelcol_process_runtime_heap_alloc_bytes",
        "Resident memory that is no file's: the heap, with pages that the allocator keeps.",
    ),
    (
        "otelcol_process_runtime_total_alloc_bytes",
        "Memory that the system has handed out to the process since its start, page by page.",
    ),
    (
        "otelcol_process_runtime_total_sys_memory_bytes",
        "Memory that the process has from the system: resident, or swapped out.",
    ),
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
        "spanloom_sampler_traces",
        "Traces by what a sampler decided, and why. The reason is empty if it gave none.",
    ),
    (
        "spanloom_sampler_represented_spans",
        "How many spans the kept ones stand for, by the rates of their decisions.",
    ),
    ("target_info", "Whose metrics these are."),
];
