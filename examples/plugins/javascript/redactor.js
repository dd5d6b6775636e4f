// Hides what should not leave the house: card numbers, query strings. Tags each span with its service.

const defaults = { keys: [], query_keys: ["url.full", "http.url"], tag: null };
let config = defaults;

export const processing = {
  configure(json) {
    config = { ...defaults, ...JSON.parse(json) };
  },

  process(batch) {
    redact(batch.val);
    return [batch];
  },
};

function redact(spans) {
  for (const key of config.keys) edit(spans, key, () => "***");
  for (const key of config.query_keys) edit(spans, key, withoutQuery);
  if (config.tag) {
    const services = spans.resourceTexts("service.name");
    spans.setTexts(config.tag, spans.resourcesOfSpans().map((resource) => services[resource]));
  }
}

/** Replaces a text attribute of every span that has it; `null` leaves a span as it is. */
function edit(spans, key, replacement) {
  spans.setTexts(key, spans.texts(key).map((text) => (text == null ? null : replacement(text))));
}

function withoutQuery(url) {
  return url.includes("?") ? url.split("?")[0] + "?***" : null;
}

export const describe = {
  describe: () => ({
    name: "redactor",
    version: "1.0.0",
    summary: "Hides attributes and query strings, and tags spans with their service",
    configSchema: JSON.stringify({
      type: "object",
      additionalProperties: false,
      properties: {
        keys: { type: "array", items: { type: "string" }, description: "Attributes to replace by ***" },
        query_keys: { type: "array", items: { type: "string" }, description: "Attributes to cut at the ?" },
        tag: { type: "string", description: "Attribute that takes the service's name" },
      },
    }),
    signals: ["traces"],
    concurrency: "stateless",
    grants: [],
  }),
};
