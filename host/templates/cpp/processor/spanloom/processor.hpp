// Processors.
#pragma once

#include "spanloom.hpp"

namespace spanloom {

// A batch of spans, which the host holds. Ask for whole columns, not for spans one by one.
class Spans {
  public:
    explicit Spans(spans_borrow_span_batch_t handle) : handle(handle) {}

    size_t size() const { return spans_method_span_batch_len(handle); }

    // Returns a text attribute of each span.
    std::vector<std::optional<std::string>> texts(std::string_view key) const {
        auto name = borrowed(key);
        plugin_list_option_string_t column;
        spans_method_span_batch_texts(handle, &name, &column);
        return read(column);
    }

    // Returns a text attribute of each resource.
    std::vector<std::optional<std::string>> resource_texts(std::string_view key) const {
        auto name = borrowed(key);
        plugin_list_option_string_t column;
        spans_method_span_batch_resource_texts(handle, &name, &column);
        return read(column);
    }

    // Returns the number of each span's resource.
    std::vector<uint32_t> resources() const {
        plugin_list_u32_t column;
        spans_method_span_batch_resources_of_spans(handle, &column);
        std::vector<uint32_t> numbers(column.ptr, column.ptr + column.len);
        plugin_list_u32_free(&column);
        return numbers;
    }

    // Sets a text attribute, with one entry a span; none leaves the span as it is. Returns whether the edit could be made.
    bool set_texts(std::string_view key, const std::vector<std::optional<std::string>> &values) {
        std::vector<plugin_option_string_t> texts(values.size());
        for (size_t i = 0; i < texts.size(); i++) {
            if (values[i]) texts[i] = {true, borrowed(*values[i])};
        }
        auto name = borrowed(key);
        plugin_list_option_string_t list = {texts.data(), texts.size()};
        spans_edit_error_t error;
        return done(spans_method_span_batch_set_texts(handle, &name, &list, &error), error);
    }

    // Sets the attribute of the spans that have it to a text, whatever its type.
    bool replace_all(std::string_view key, std::string_view text) {
        auto name = borrowed(key);
        spans_value_t value = {.tag = SPANS_VALUE_TEXT, .val = {.text = borrowed(text)}};
        spans_edit_error_t error;
        return done(spans_method_span_batch_replace_all(handle, &name, &value, &error), error);
    }

    bool remove_all(std::string_view key) {
        auto name = borrowed(key);
        spans_edit_error_t error;
        return done(spans_method_span_batch_remove_all(handle, &name, &error), error);
    }

  private:
    static std::vector<std::optional<std::string>> read(plugin_list_option_string_t &column) {
        std::vector<std::optional<std::string>> texts(column.len);
        for (size_t i = 0; i < column.len; i++) {
            auto &text = column.ptr[i];
            if (text.is_some) texts[i].emplace((const char *)text.val.ptr, text.val.len);
        }
        plugin_list_option_string_free(&column);
        return texts;
    }

    static bool done(bool is_done, spans_edit_error_t &error) {
        if (!is_done) spans_edit_error_free(&error);
        return is_done;
    }

    spans_borrow_span_batch_t handle;
};

}  // namespace spanloom

// Makes the exports of a processor of a class with `Class(const Config &)` and `bool process(Spans)`, which edits each batch of spans in
// place. If it returns false, the batch has failed, and `on_failure` in the config decides.
#define SPANLOOM_PROCESSOR(Class)                                                                                    \
    SPANLOOM_CONFIGURE(exports_processing, Class)                                                                    \
    bool exports_processing_process(exports_processing_batch_t *batch, exports_processing_list_batch_t *onward,      \
                                    exports_processing_failure_t *failure) {                                         \
        if (!plugin->process(spanloom::Spans(spans_borrow_span_batch(batch->val.spans)))) {                          \
            failure->tag = TYPES_FAILURE_PERMANENT;                                                                  \
            failure->val.permanent = spanloom::owned("an edit was refused");                                         \
            return false;                                                                                            \
        }                                                                                                            \
        *onward = {(exports_processing_batch_t *)std::malloc(sizeof *batch), 1};                                     \
        onward->ptr[0] = *batch;                                                                                     \
        return true;                                                                                                 \
    }
