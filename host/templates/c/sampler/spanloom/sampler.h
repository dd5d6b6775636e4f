// Samplers.
#pragma once

#include "spanloom.h"

// A trace, as far as its spans have come.
typedef struct {
    // 16 bytes.
    const uint8_t *id;
    // Whether any of its spans has the status error.
    bool has_error;
    // From the first start to the last end.
    double duration_ms;
} trace_t;

// Returns whether a trace is in the share (0 to 1) that is kept, in the way of OpenTelemetry's consistent sampling: the last 56 bits of
// its id are random, and a smaller share keeps a part of the traces of a larger one.
static inline bool is_in_share(const trace_t *trace, double share) {
    uint64_t bits = 0;
    for (int i = 9; i < 16; i++) bits = bits << 8 | trace->id[i];
    return bits >= (uint64_t)__builtin_ceil((1 - share) * 0x1p56);
}

// Makes the exports of a sampler: `configure(const config_t *)` reads the config, and `keep(const trace_t *)` returns the share of such
// traces that are kept if this trace is one of them: 1 keeps it, and 0 drops it.
#define SPANLOOM_SAMPLER(configure, keep)                                                                 \
    SPANLOOM_CONFIGURE(exports_sampling, configure)                                                       \
    bool exports_sampling_sample(exports_sampling_own_trace_batch_t batch,                                \
                                 exports_sampling_list_decision_t *decisions,                             \
                                 exports_sampling_failure_t *failure) {                                   \
        traces_borrow_trace_batch_t traces = traces_borrow_trace_batch(batch);                            \
        plugin_list_u8_t ids;                                                                             \
        plugin_list_bool_t errors;                                                                        \
        plugin_list_u64_t durations;                                                                      \
        traces_method_trace_batch_ids(traces, &ids);                                                      \
        traces_method_trace_batch_errors(traces, &errors);                                                \
        traces_method_trace_batch_durations_nano(traces, &durations);                                     \
        traces_trace_batch_drop_own(batch);                                                               \
        decisions->len = errors.len;                                                                      \
        decisions->ptr = calloc(errors.len, sizeof *decisions->ptr);                                      \
        for (size_t i = 0; i < errors.len; i++) {                                                         \
            trace_t trace = {ids.ptr + 16 * i, errors.ptr[i], durations.ptr[i] / 1e6};                    \
            double share = keep(&trace);                                                                  \
            decisions->ptr[i].tag = share > 0 ? EXPORTS_SAMPLING_DECISION_KEEP : EXPORTS_SAMPLING_DECISION_DROP; \
            decisions->ptr[i].val.keep = share;                                                           \
        }                                                                                                 \
        plugin_list_u8_free(&ids);                                                                        \
        plugin_list_bool_free(&errors);                                                                   \
        plugin_list_u64_free(&durations);                                                                 \
        return true;                                                                                      \
    }
