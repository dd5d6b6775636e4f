// A thin layer over Spanloom's interface (bindings/plugin.h): from a class to the exports of a plugin. Nothing here throws.
#pragma once

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#define JSMN_STATIC
#include "jsmn.h"
#include "plugin.h"

// Lets a schema be written as plain JSON, without quotes around it.
#define JSON(...) #__VA_ARGS__

#ifdef __wasm__
// libc++ would write to stderr before it traps, and bring WASI's files in for that.
void std::__libcpp_verbose_abort(char const *, ...) noexcept { __builtin_trap(); }
#endif

namespace spanloom {

// Returns a text that the host reads where it is.
inline plugin_string_t borrowed(std::string_view text) { return {(uint8_t *)text.data(), text.size()}; }

// Returns a copy, which the bindings free once the host has read it.
inline plugin_string_t owned(std::string_view text) {
    auto *bytes = (uint8_t *)std::malloc(text.size());
    std::memcpy(bytes, text.data(), text.size());
    return {bytes, text.size()};
}

// The component's config, one JSON object. The host has checked it against the schema.
class Config {
  public:
    // Returns none if the config is too large, or if a text has an escape such as `\n`, which this small reader does not know.
    static std::optional<Config> parse(std::string_view json) {
        Config config{json};
        jsmn_parser parser;
        jsmn_init(&parser);
        int count = jsmn_parse(&parser, json.data(), json.size(), config.tokens.data(), config.tokens.size());
        if (count <= 0 || json.contains('\\')) return {};
        config.tokens.resize(count);
        return config;
    }

    std::string text(std::string_view key, std::string_view otherwise) const {
        auto *value = find(key);
        return std::string(value ? of(*value) : otherwise);
    }

    double number(std::string_view key, double otherwise) const {
        auto *value = find(key);
        return value ? std::strtod(std::string(of(*value)).c_str(), nullptr) : otherwise;
    }

    std::vector<std::string> texts(std::string_view key, std::vector<std::string> otherwise) const {
        auto *value = find(key);
        if (!value) return otherwise;
        std::vector<std::string> texts;
        for (int i = 0; i < value->size; i++) texts.emplace_back(of(value[1 + i]));
        return texts;
    }

  private:
    explicit Config(std::string_view json) : json(json), tokens(256) {}

    std::string_view of(const jsmntok_t &token) const { return json.substr(token.start, token.end - token.start); }

    // Returns the value of a key of the object, or null if the key is absent or null.
    const jsmntok_t *find(std::string_view key) const {
        for (size_t at = 1; at + 1 < tokens.size();) {
            auto &name = tokens[at], &value = tokens[at + 1];
            if (of(name) == key) return of(value) == "null" ? nullptr : &value;
            for (at++; at < tokens.size() && tokens[at].start < value.end; at++) {}
        }
        return nullptr;
    }

    std::string_view json;
    std::vector<jsmntok_t> tokens;
};

// Makes the export `describe`. `schema` is the JSON Schema of the config, written as JSON({ … }).
#define SPANLOOM_DESCRIBE(plugin_name, plugin_version, plugin_summary, schema)                                       \
    void exports_describe_describe(exports_describe_description_t *plugin) {                                         \
        *plugin = {};                                                                                                \
        plugin->name = spanloom::owned(plugin_name);                                                                 \
        plugin->version = spanloom::owned(plugin_version);                                                           \
        plugin->summary = spanloom::owned(plugin_summary);                                                           \
        plugin->config_schema = {true, spanloom::owned(schema)};                                                     \
        plugin->signals = {(types_signal_t *)std::calloc(1, sizeof(types_signal_t)), 1}; /* TYPES_SIGNAL_TRACES */   \
        plugin->concurrency = EXPORTS_DESCRIBE_CONCURRENCY_STATELESS;                                                \
    }

// Makes `configure` of the interface `exports` of the constructor `Class(const Config &)`.
#define SPANLOOM_CONFIGURE(exports, Class)                                                                           \
    static std::optional<Class> plugin;                                                                              \
    bool exports##_configure(plugin_string_t *json, exports##_config_error_t *error) {                               \
        auto config = spanloom::Config::parse({(const char *)json->ptr, json->len});                                 \
        if (config) plugin.emplace(*config);                                                                         \
        else *error = {spanloom::owned(""), spanloom::owned("too large for this plugin, or a text with a backslash")}; \
        return config.has_value();                                                                                   \
    }

}  // namespace spanloom
