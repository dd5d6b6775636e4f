// Processors.
#pragma once

#include "spanloom.h"

// Makes the exports of a processor: `configure(const config_t *)` reads the config, and `process(spans)` edits each batch of spans in
// place. If `process` returns false, the batch has failed, and `on_failure` in the config decides.
#define SPANLOOM_PROCESSOR(configure, process)                                                            \
    SPANLOOM_CONFIGURE(exports_processing, configure)                                                     \
    bool exports_processing_process(exports_processing_batch_t *batch,                                    \
                                    exports_processing_list_batch_t *onward,                              \
                                    exports_processing_failure_t *failure) {                              \
        if (!process(spans_borrow_span_batch(batch->val.spans))) {                                        \
            failure->tag = TYPES_FAILURE_PERMANENT;                                                       \
            plugin_string_dup(&failure->val.permanent, "an edit was refused");                            \
            return false;                                                                                 \
        }                                                                                                 \
        onward->ptr = malloc(sizeof *onward->ptr);                                                        \
        onward->ptr[0] = *batch;                                                                          \
        onward->len = 1;                                                                                  \
        return true;                                                                                      \
    }

// Sets a text attribute of every span.
static inline bool spans_set_text(spans_borrow_span_batch_t spans, plugin_string_t *key, const plugin_string_t *value) {
    size_t len = spans_method_span_batch_len(spans);
    // The text is not copied: the host reads it where it is.
    plugin_list_option_string_t texts = {calloc(len, sizeof *texts.ptr), len};
    for (size_t i = 0; i < len; i++) texts.ptr[i] = (plugin_option_string_t){true, *value};
    spans_edit_error_t error;
    bool is_set = spans_method_span_batch_set_texts(spans, key, &texts, &error);
    if (!is_set) spans_edit_error_free(&error);
    free(texts.ptr);
    return is_set;
}
