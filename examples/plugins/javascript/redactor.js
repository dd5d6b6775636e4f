// Hides confidential data, such as card numbers and query strings, and tags each span with its service.

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
  for (const key of config.keys) spans.replaceAll(key, { tag: "text", val: "***" });
  for (const key of config.query_keys) spans.setTexts(key, spans.texts(key).map(withoutQuery));
  if (config.tag) {
    const services = spans.resourceTexts("service.name");
    spans.setTexts(config.tag, spans.resourcesOfSpans().map((resource) => services[resource]));
  }
}

/** Returns `null` if there is nothing to hide, so that the span stays as it is. */
function withoutQuery(url) {
  return url?.includes("?") ? url.split("?")[0] + "?***" : null;
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
