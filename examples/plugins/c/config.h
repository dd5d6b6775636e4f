// Reads the plugin's config, one JSON object, by key. The host has checked the config against the schema.
#pragma once

#include <stdlib.h>
#include <string.h>

#define JSMN_STATIC
#include "jsmn.h"
#include "plugin.h"

// Lets a schema be written as plain JSON, without quotes around it.
#define JSON(...) #__VA_ARGS__

typedef struct {
    const char *json;
    jsmntok_t tokens[256];
    int count;
} config_t;

// Returns false if the config is too large, or if a text has an escape such as `\n`, which this small reader does not know.
static inline bool config_parse(config_t *config, const plugin_string_t *json) {
    jsmn_parser parser;
    jsmn_init(&parser);
    config->json = (const char *)json->ptr;
    config->count = jsmn_parse(&parser, config->json, json->len, config->tokens, 256);
    return config->count > 0 && memchr(json->ptr, '\\', json->len) == NULL;
}

// Returns the value of a key of the object, or NULL if the key is absent or null.
static inline const jsmntok_t *config_find(const config_t *config, const char *key) {
    const jsmntok_t *token = config->tokens + 1, *end = config->tokens + config->count;
    while (token < end) {
        const jsmntok_t *value = token + 1;
        size_t len = token->end - token->start;
        if (len == strlen(key) && memcmp(config->json + token->start, key, len) == 0)
            return config->json[value->start] == 'n' && value->type == JSMN_PRIMITIVE ? NULL : value;
        for (token = value; token < end && token->start < value->end; token++) {}
    }
    return NULL;
}

static inline void config_copy(const config_t *config, const jsmntok_t *token, plugin_string_t *text) {
    plugin_string_dup_n(text, config->json + token->start, token->end - token->start);
}

static inline double config_number(const config_t *config, const char *key, double otherwise) {
    const jsmntok_t *value = config_find(config, key);
    return value ? strtod(config->json + value->start, NULL) : otherwise;
}

static inline void config_text(const config_t *config, const char *key, plugin_string_t *text) {
    const jsmntok_t *value = config_find(config, key);
    plugin_string_free(text);
    if (value) config_copy(config, value, text);
}

// Copies the texts of a list. Without a list, copies the defaults, which end with NULL.
static inline void config_texts(const config_t *config, const char *key, const char *const *defaults, plugin_list_string_t *texts) {
    const jsmntok_t *value = config_find(config, key);
    size_t len = 0;
    while (!value && defaults[len]) len++;
    plugin_list_string_free(texts);
    texts->len = value ? value->size : len;
    texts->ptr = calloc(texts->len, sizeof *texts->ptr);
    for (size_t i = 0; i < texts->len; i++) {
        if (value) config_copy(config, value + 1 + i, &texts->ptr[i]);
        else plugin_string_dup(&texts->ptr[i], defaults[i]);
    }
}
