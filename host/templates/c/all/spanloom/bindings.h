// The functions of bindings/plugin.c that need no host, for tests, which do without that file.
#pragma once

#include "plugin.h"

void plugin_string_set(plugin_string_t *ret, const char *s) { *ret = (plugin_string_t){(uint8_t *)s, strlen(s)}; }

void plugin_string_dup_n(plugin_string_t *ret, const char *s, size_t len) {
    *ret = (plugin_string_t){malloc(len), len};
    memcpy(ret->ptr, s, len);
}

void plugin_string_dup(plugin_string_t *ret, const char *s) { plugin_string_dup_n(ret, s, strlen(s)); }

void plugin_string_free(plugin_string_t *ret) {
    if (ret->len > 0) free(ret->ptr);
    *ret = (plugin_string_t){0};
}
