// Samplers.
#pragma once

#include <array>
#include <cmath>

#include "spanloom.hpp"

namespace spanloom {

// A trace, as far as its spans have come.
struct Trace {
    std::array<uint8_t, 16> id;
    // Whether any of its spans has the status error.
    bool has_error;
    // From the first start to the last end.
    double duration_ms;

    // Returns whether the trace is in the share (0 to 1) that is kept, in the way of OpenTelemetry's consistent sampling: the last 56 bits
    // of its id are random, and a smaller share keeps a part of the traces of a larger one.
    bool is_in_share(double share) const {
        uint64_t bits = 0;
        for (size_t i = 9; i < 16; i++) bits = bits << 8 | id[i];
        return bits >= (uint64_t)std::ceil((1 - share) * 0x1p56);
    }
};

}  // namespace spanloom

// Makes the exports of a sampler of a class with `Class(const Config &)` and `double keep(const Trace &)`, which returns the share of such
// traces that are kept if this trace is one of them: 1 keeps it, and 0 drops it.
#define SPANLOOM_SAMPLER(Class)                                                                                      \
    SPANLOOM_CONFIGURE(exports_sampling, Class)                                                                      \
    bool exports_sampling_sample(exports_sampling_own_trace_batch_t batch, exports_sampling_list_decision_t *decisions, \
                                 exports_sampling_failure_t *) {                                                     \
        auto traces = traces_borrow_trace_batch(batch);                                                              \
        plugin_list_u8_t ids;                                                                                        \
        plugin_list_bool_t errors;                                                                                   \
        plugin_list_u64_t durations;                                                                                 \
        traces_method_trace_batch_ids(traces, &ids);                                                                 \
        traces_method_trace_batch_errors(traces, &errors);                                                           \
        traces_method_trace_batch_durations_nano(traces, &durations);                                                \
        traces_trace_batch_drop_own(batch);                                                                          \
        auto *decided = (exports_sampling_decision_t *)std::calloc(errors.len, sizeof(exports_sampling_decision_t)); \
        for (size_t i = 0; i < errors.len; i++) {                                                                    \
            spanloom::Trace trace{{}, errors.ptr[i], durations.ptr[i] / 1e6};                                        \
            std::memcpy(trace.id.data(), ids.ptr + 16 * i, 16);                                                      \
            double share = plugin->keep(trace);                                                                      \
            decided[i].tag = share > 0 ? EXPORTS_SAMPLING_DECISION_KEEP : EXPORTS_SAMPLING_DECISION_DROP;            \
            decided[i].val.keep = share;                                                                             \
        }                                                                                                            \
        *decisions = {decided, errors.len};                                                                          \
        plugin_list_u8_free(&ids);                                                                                   \
        plugin_list_bool_free(&errors);                                                                              \
        plugin_list_u64_free(&durations);                                                                            \
        return true;                                                                                                 \
    }
