// Keeps every trace that failed or was slow, and a share of the others, chosen by trace id.

#include "config.h"

static double slow_nano = 500e6, share = 0.05;

bool exports_sampling_configure(plugin_string_t *json, exports_sampling_config_error_t *error) {
    config_t config;
    if (!config_parse(&config, json)) {
        plugin_string_dup(&error->path, "");
        plugin_string_dup(&error->message, "too large for this plugin, or a text with a backslash");
        return false;
    }
    slow_nano = config_number(&config, "slow_ms", 500) * 1e6;
    share = config_number(&config, "share", 0.05);
    return true;
}

// Samples as OpenTelemetry's consistent sampling does: the last 56 bits of a trace id are random, and a sampler with a smaller
// share keeps a part of these traces.
static bool is_in_share(const uint8_t *id) {
    uint64_t bits = 0;
    for (int i = 9; i < 16; i++) bits = bits << 8 | id[i];
    return bits >= (uint64_t)__builtin_ceil((1 - share) * 0x1p56);
}

bool exports_sampling_sample(exports_sampling_own_trace_batch_t batch, exports_sampling_list_decision_t *decisions, exports_sampling_failure_t *failure) {
    traces_borrow_trace_batch_t traces = traces_borrow_trace_batch(batch);
    plugin_list_u8_t ids;
    plugin_list_bool_t errors;
    plugin_list_u64_t durations;
    traces_method_trace_batch_ids(traces, &ids);
    traces_method_trace_batch_errors(traces, &errors);
    traces_method_trace_batch_durations_nano(traces, &durations);
    traces_trace_batch_drop_own(batch);

    decisions->len = errors.len;
    decisions->ptr = calloc(errors.len, sizeof *decisions->ptr);
    for (size_t i = 0; i < errors.len; i++) {
        exports_sampling_decision_t *decision = &decisions->ptr[i];
        bool matters = errors.ptr[i] || durations.ptr[i] > slow_nano;
        bool kept = matters || is_in_share(ids.ptr + 16 * i);
        decision->tag = kept ? EXPORTS_SAMPLING_DECISION_KEEP : EXPORTS_SAMPLING_DECISION_DROP;
        decision->val.keep = matters ? 1 : share;
    }
    plugin_list_u8_free(&ids);
    plugin_list_bool_free(&errors);
    plugin_list_u64_free(&durations);
    return true;
}

void exports_describe_describe(exports_describe_description_t *plugin) {
    *plugin = (exports_describe_description_t){.concurrency = EXPORTS_DESCRIBE_CONCURRENCY_STATELESS};
    plugin_string_dup(&plugin->name, "keep-errors");
    plugin_string_dup(&plugin->version, "1.0.0");
    plugin_string_dup(&plugin->summary, "Keeps traces with an error, slow ones, and a share of the rest");
    plugin->config_schema.is_some = true;
    plugin_string_dup(&plugin->config_schema.val, JSON({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "slow_ms": {"type": "number", "minimum": 0, "description": "Traces that took longer are kept"},
            "share": {"type": "number", "minimum": 0, "maximum": 1, "description": "The share of the others to keep"}
        }
    }));
    plugin->signals.ptr = calloc(1, sizeof *plugin->signals.ptr); // TYPES_SIGNAL_TRACES
    plugin->signals.len = 1;
}
