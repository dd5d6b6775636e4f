// Hides confidential data, such as card numbers and query strings, and tags each span with its service.

#include "config.h"

static struct {
    plugin_list_string_t keys, query_keys;
    plugin_string_t tag;
} settings;

bool exports_processing_configure(plugin_string_t *json, exports_processing_config_error_t *error) {
    config_t config;
    if (!config_parse(&config, json)) {
        plugin_string_dup(&error->path, "");
        plugin_string_dup(&error->message, "too large for this plugin, or a text with a backslash");
        return false;
    }
    config_texts(&config, "keys", (const char *[]){NULL}, &settings.keys);
    config_texts(&config, "query_keys", (const char *[]){"url.full", "http.url", NULL}, &settings.query_keys);
    config_text(&config, "tag", &settings.tag);
    return true;
}

static void append(plugin_string_t *arena, const void *bytes, size_t len) {
    memcpy(arena->ptr + arena->len, bytes, len);
    arena->len += len;
}

// Hides the query string, after the `?`, in a text attribute of every span.
static void hide_query(spans_borrow_span_batch_t spans, plugin_string_t *key) {
    spans_text_column_t column;
    spans_method_span_batch_text_column(spans, key, &column);
    uint8_t *arena = malloc(column.arena.len + 4 * column.ends.len);
    // The edited rows overwrite the rows that were read, of which there are at least as many.
    spans_text_column_t edited = {{arena, 0}, {column.ends.ptr, 0}, {column.rows.ptr, 0}};
    for (size_t i = 0, start = 0, end; i < column.ends.len; i++, start = end) {
        end = column.ends.ptr[i];
        const uint8_t *text = column.arena.ptr + start;
        const uint8_t *query = memchr(text, '?', end - start);
        if (!query) continue;
        append(&edited.arena, text, query - text);
        append(&edited.arena, "?***", 4);
        edited.ends.ptr[edited.ends.len++] = edited.arena.len;
        edited.rows.ptr[edited.rows.len++] = column.rows.ptr[i];
    }
    spans_edit_error_t error;
    if (!spans_method_span_batch_set_text_column(spans, key, &edited, &error)) abort();
    free(arena);
    spans_text_column_free(&column);
}

// Hides an attribute of every span that has it.
static void hide(spans_borrow_span_batch_t spans, plugin_string_t *key) {
    spans_value_t hidden = {.tag = SPANS_VALUE_TEXT};
    plugin_string_set(&hidden.val.text, "***");
    spans_edit_error_t error;
    if (!spans_method_span_batch_replace_all(spans, key, &hidden, &error)) abort();
}

// Sets an attribute of every span to the name of its service.
static void tag_service(spans_borrow_span_batch_t spans, plugin_string_t *tag) {
    plugin_string_t key;
    plugin_string_set(&key, "service.name");
    plugin_list_option_string_t services;
    spans_method_span_batch_resource_texts(spans, &key, &services);
    plugin_list_u32_t resources;
    spans_method_span_batch_resources_of_spans(spans, &resources);
    // The names are not copied: the host reads them where they are.
    plugin_list_option_string_t tags = {malloc(resources.len * sizeof *tags.ptr), resources.len};
    for (size_t i = 0; i < tags.len; i++) tags.ptr[i] = services.ptr[resources.ptr[i]];
    spans_edit_error_t error;
    if (!spans_method_span_batch_set_texts(spans, tag, &tags, &error)) abort();
    free(tags.ptr);
    plugin_list_u32_free(&resources);
    plugin_list_option_string_free(&services);
}

// Every batch holds spans, because `describe` names no other signal.
bool exports_processing_process(exports_processing_batch_t *batch, exports_processing_list_batch_t *onward, exports_processing_failure_t *failure) {
    spans_borrow_span_batch_t spans = spans_borrow_span_batch(batch->val.spans);
    for (size_t i = 0; i < settings.keys.len; i++) hide(spans, &settings.keys.ptr[i]);
    for (size_t i = 0; i < settings.query_keys.len; i++) hide_query(spans, &settings.query_keys.ptr[i]);
    if (settings.tag.len > 0) tag_service(spans, &settings.tag);
    onward->ptr = malloc(sizeof *onward->ptr);
    onward->ptr[0] = *batch;
    onward->len = 1;
    return true;
}

void exports_describe_describe(exports_describe_description_t *plugin) {
    *plugin = (exports_describe_description_t){.concurrency = EXPORTS_DESCRIBE_CONCURRENCY_STATELESS};
    plugin_string_dup(&plugin->name, "redactor");
    plugin_string_dup(&plugin->version, "1.0.0");
    plugin_string_dup(&plugin->summary, "Hides attributes and query strings, and tags spans with their service");
    plugin->config_schema.is_some = true;
    plugin_string_dup(&plugin->config_schema.val, JSON({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "keys": {"type": "array", "items": {"type": "string"}, "description": "Attributes to replace by ***"},
            "query_keys": {"type": "array", "items": {"type": "string"}, "description": "Attributes to cut at the ?"},
            "tag": {"type": "string", "description": "Attribute that takes the service's name"}
        }
    }));
    plugin->signals.ptr = calloc(1, sizeof *plugin->signals.ptr); // TYPES_SIGNAL_TRACES
    plugin->signals.len = 1;
}
