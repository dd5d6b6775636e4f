// Keeps every trace that failed or was slow, and a share of the others, chosen by trace id.

const defaults = { slow_ms: 500, share: 0.05 };
let config = defaults;

export const sampling = {
  configure(json) {
    config = { ...defaults, ...JSON.parse(json) };
  },

  sample(traces) {
    const ids = traces.ids();
    const errors = traces.errors();
    const durations = traces.durationsNano();
    return errors.map((error, trace) => {
      if (error || durations[trace] > config.slow_ms * 1e6) return { tag: "keep", val: 1 };
      const kept = isInShare(ids.subarray(16 * trace, 16 * trace + 16));
      return kept ? { tag: "keep", val: config.share } : { tag: "drop" };
    });
  },
};

/**
 * Samples as OpenTelemetry's consistent sampling does: the last 56 bits of a trace id are random, and a sampler with a
 * smaller share keeps a part of these traces.
 */
function isInShare(id) {
  const bits = id.subarray(9).reduce((bits, byte) => bits * 256n + BigInt(byte), 0n);
  return bits >= (1 - config.share) * 2 ** 56;
}

export const describe = {
  describe: () => ({
    name: "keep-errors",
    version: "1.0.0",
    summary: "Keeps traces with an error, slow ones, and a share of the rest",
    configSchema: JSON.stringify({
      type: "object",
      additionalProperties: false,
      properties: {
        slow_ms: { type: "number", minimum: 0, description: "Traces that took longer are kept" },
        share: { type: "number", minimum: 0, maximum: 1, description: "The share of the others to keep" },
      },
    }),
    signals: ["traces"],
    concurrency: "stateless",
    grants: [],
  }),
};
