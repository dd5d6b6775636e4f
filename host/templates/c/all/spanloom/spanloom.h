// A thin layer over Spanloom's interface (bindings/plugin.h): from functions to the exports of a plugin.
#pragma once

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "plugin.h"

// Makes the export `describe`. `schema` is the JSON Schema of the config, written as JSON({ … }).
#define SPANLOOM_DESCRIBE(plugin_name, plugin_version, plugin_summary, schema)                            \
    void exports_describe_describe(exports_describe_description_t *plugin) {                              \
        *plugin = (exports_describe_description_t){                                                       \
            .concurrency = EXPORTS_DESCRIBE_CONCURRENCY_STATELESS};                                       \
        plugin_string_dup(&plugin->name, plugin_name);                                                    \
        plugin_string_dup(&plugin->version, plugin_version);                                              \
        plugin_string_dup(&plugin->summary, plugin_summary);                                              \
        plugin->config_schema.is_some = true;                                                             \
        plugin_string_dup(&plugin->config_schema.val, schema);                                            \
        plugin->signals.ptr = calloc(1, sizeof *plugin->signals.ptr); /* TYPES_SIGNAL_TRACES */            \
        plugin->signals.len = 1;                                                                          \
    }

// Makes `configure` of the interface `exports` of a function `void configure(const config_t *)`.
#define SPANLOOM_CONFIGURE(exports, configure)                                                            \
    bool exports##_configure(plugin_string_t *json, exports##_config_error_t *error) {                    \
        config_t config;                                                                                  \
        bool is_read = config_parse(&config, json);                                                       \
        if (is_read) configure(&config);                                                                  \
        else {                                                                                            \
            plugin_string_dup(&error->path, "");                                                          \
            plugin_string_dup(&error->message, "too large for this plugin, or a text with a backslash");  \
        }                                                                                                 \
        return is_read;                                                                                   \
    }

// Copies the text of a key, or else `otherwise`.
static inline void config_text_or(const config_t *config, const char *key, const char *otherwise, plugin_string_t *text) {
    config_text(config, key, text);
    if (config_find(config, key) == NULL) plugin_string_dup(text, otherwise);
}
