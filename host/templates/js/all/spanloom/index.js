// A thin layer over Spanloom's interface (wit/deps/spanloom): from a plain description of a plugin to its exports.

/**
 * The exports of a processor: `export const { processing, describe } = processor({ … })`.
 *
 * `spans(spans, config)` is called with each batch of spans and edits it in place. If it returns a list of batches, these go on
 * instead. `metrics` and `logs` are for batches of these signals.
 */
export function processor(plugin) {
  const settings = new Settings(plugin);
  const process = (batch) => {
    const onward = plugin[batch.tag](batch.val, settings.config);
    return Array.isArray(onward) ? onward.map((val) => ({ tag: batch.tag, val })) : [batch];
  };
  return { processing: { configure: settings.configure, process }, describe: describing(plugin) };
}

/**
 * The exports of a sampler: `export const { sampling, describe } = sampler({ … })`.
 *
 * `keep(trace, config)` decides about one trace. It returns true to keep it, false to drop it, the share of such traces that are
 * kept (above 0, up to 1) if this trace is one of them, or null if the decision needs more of the trace.
 */
export function sampler(plugin) {
  const settings = new Settings(plugin);
  const sample = (batch) => traces(batch).map((trace) => decision(plugin.keep(trace, settings.config)));
  return { sampling: { configure: settings.configure, sample }, describe: describing(plugin) };
}

/**
 * The exports of an exporter: `export const { exporting, describe } = exporter({ … })`.
 *
 * `spans(spans, config)` sends a batch of spans; `metrics` and `logs` are for batches of these signals. It throws `retryable(…)` or
 * `permanent(…)` if the batch could not be sent.
 */
export function exporter(plugin) {
  const settings = new Settings(plugin);
  const exportBatch = (batch) => {
    try {
      plugin[batch.tag](batch.val, settings.config);
    } catch (error) {
      throw error?.tag === "retryable" || error?.tag === "permanent" ? { tag: "whole", val: error } : error;
    }
  };
  return { exporting: { configure: settings.configure, exportBatch }, describe: describing(plugin) };
}

/** A failure after which the same batch may succeed. Spanloom waits `afterMs` at the least. */
export const retryable = (message, afterMs) => ({ tag: "retryable", val: { message, afterMs } });

/** A failure that the same batch would have again. */
export const permanent = (message) => ({ tag: "permanent", val: message });

/** A mistake in the config, for `check(config)` to throw: `path` leads to the value, such as `keys[2]`. */
export const configError = (path, message) => ({ path, message });

/** The component's config: what it says, and the defaults of the schema for the rest. */
class Settings {
  config = {};

  constructor(plugin) {
    const defaults = Object.entries(plugin.config ?? {}).filter(([, key]) => key.default !== undefined);
    this.configure = (json) => {
      const config = { ...Object.fromEntries(defaults.map(([name, key]) => [name, key.default])), ...JSON.parse(json) };
      plugin.check?.(config);
      this.config = config;
    };
  }
}

function describing(plugin) {
  const signals = { spans: "traces", keep: "traces", metrics: "metrics", logs: "logs" };
  const schema = { type: "object", additionalProperties: false, properties: plugin.config ?? {} };
  return {
    describe: () => ({
      name: plugin.name,
      version: plugin.version,
      summary: plugin.summary,
      configSchema: JSON.stringify(schema),
      signals: Object.keys(signals).filter((handler) => plugin[handler]).map((handler) => signals[handler]),
      concurrency: plugin.concurrency ?? "stateless",
      grants: plugin.grants ?? [],
    }),
  };
}

function decision(kept) {
  if (kept === null || kept === undefined) return { tag: "undecided" };
  return kept === false || kept === 0 ? { tag: "drop" } : { tag: "keep", val: Number(kept) };
}

/** The traces of a batch, one object each. A column is read from the host once, when the first trace asks for it. */
function traces(batch) {
  const columns = new Map();
  const column = (name, read) => {
    if (!columns.has(name)) columns.set(name, read());
    return columns.get(name);
  };
  const trace = (_, row) => ({
    get id() {
      return column("id", () => batch.ids()).subarray(16 * row, 16 * row + 16);
    },
    get hasError() {
      return column("errors", () => batch.errors())[row];
    },
    get durationMs() {
      return Number(column("durations", () => batch.durationsNano())[row]) / 1e6;
    },
    get spanCount() {
      return column("spans", () => batch.spanCounts())[row];
    },
    text: (key) => column(`text ${key}`, () => batch.texts(key))[row] ?? null,
    number: (key) => column(`number ${key}`, () => batch.numbers(key))[row] ?? null,
    resourceText: (key) => column(`resource ${key}`, () => batch.resourceTexts(key))[row] ?? null,
  });
  return Array.from({ length: batch.len() }, trace);
}

/**
 * Returns whether a trace is in the share, in the way of OpenTelemetry's consistent sampling: the last 56 bits of its id are random,
 * and a sampler with a smaller share keeps a part of the traces of a larger one.
 */
export function isInShare(id, share) {
  const bits = id.subarray(9).reduce((bits, byte) => bits * 256n + BigInt(byte), 0n);
  return bits >= BigInt(Math.ceil((1 - share) * 2 ** 56));
}
