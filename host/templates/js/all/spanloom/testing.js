// What a plugin's tests need: batches made of OTLP in JSON, without a host. They offer what `index.d.ts` says.

/** Makes a batch of the spans of a request in OTLP/JSON. */
export function spansOf(request) {
  const resources = request.resourceSpans.map(({ resource }) => resource ?? {});
  const rows = request.resourceSpans.flatMap(({ scopeSpans }, resource) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...structuredClone(span), resource }))),
  );
  return new Spans(rows, structuredClone(resources));
}

/** Makes the traces of a request in OTLP/JSON. */
export const tracesOf = (request) => new Traces(spansOf(request));

class Spans {
  constructor(rows, resources) {
    this.rows = rows;
    this.resources = resources;
  }

  len = () => this.rows.length;
  durationsNano = () => this.rows.map(durationNano);
  kinds = () => Uint8Array.from(this.rows, (span) => span.kind ?? 0);
  statusCodes = () => Uint8Array.from(this.rows, (span) => span.status?.code ?? 0);
  traceIds = () => Uint8Array.from(this.rows.flatMap((span) => bytesOf(span.traceId)));
  spanIds = () => Uint8Array.from(this.rows.flatMap((span) => bytesOf(span.spanId)));
  texts = (key) => this.rows.map((span) => textOf(find(span, key)));
  numbers = (key) => this.rows.map((span) => numberOf(find(span, key)));
  resourceCount = () => this.resources.length;
  resourcesOfSpans = () => Uint32Array.from(this.rows, (span) => span.resource);
  resourceTexts = (key) => this.resources.map((resource) => textOf(find(resource, key)));

  span(row) {
    const span = this.rows[row];
    if (!span) return null;
    return {
      traceId: Uint8Array.from(bytesOf(span.traceId)),
      spanId: Uint8Array.from(bytesOf(span.spanId)),
      parentSpanId: Uint8Array.from(span.parentSpanId ? bytesOf(span.parentSpanId) : new Array(8).fill(0)),
      name: span.name ?? "",
      kind: ["unspecified", "internal", "server", "client", "producer", "consumer"][span.kind ?? 0],
      startTimeUnixNano: Number(span.startTimeUnixNano),
      endTimeUnixNano: Number(span.endTimeUnixNano),
      status: { code: ["unset", "ok", "error"][span.status?.code ?? 0], message: span.status?.message ?? "" },
      attributes: (span.attributes ?? []).map(({ key, value }) => ({ key, value: valueOf(value) })),
      events: [],
      links: [],
      traceState: span.traceState ?? "",
      flags: span.flags ?? 0,
      resource: span.resource,
      scope: 0,
    };
  }

  get = (row, key) => valueOf(find(this.rows[row], key));
  set = (row, key, value) => put(this.rows[row], key, otlpOf(value));
  remove = (row, key) => drop(this.rows[row], key);
  setName = (row, name) => void (this.rows[row].name = name);
  setTexts = (key, values) => {
    if (values.length !== this.rows.length) throw new Error("wrong-length");
    values.forEach((value, row) => (value ?? null) !== null && put(this.rows[row], key, { stringValue: value }));
  };
  replaceAll = (key, value) => this.rows.forEach((span) => find(span, key) && put(span, key, otlpOf(value)));
  removeAll = (key) => this.rows.forEach((span) => drop(span, key));
  retain = (keep) => {
    if (keep.length !== this.rows.length) throw new Error("wrong-length");
    this.rows = this.rows.filter((_, row) => keep[row]);
  };
}

class Traces {
  constructor(spans) {
    const groups = new Map();
    for (const span of spans.rows) groups.set(span.traceId, [...(groups.get(span.traceId) ?? []), span]);
    this.groups = [...groups];
    this.resources = spans.resources;
  }

  len = () => this.groups.length;
  ids = () => Uint8Array.from(this.groups.flatMap(([id]) => bytesOf(id)));
  spanCounts = () => this.groups.map(([, spans]) => spans.length);
  errors = () => this.groups.map(([, spans]) => spans.some((span) => span.status?.code === 2));
  durationsNano = () =>
    this.groups.map(([, spans]) => {
      const starts = spans.map((span) => BigInt(span.startTimeUnixNano));
      const ends = spans.map((span) => BigInt(span.endTimeUnixNano));
      return Number(ends.reduce((a, b) => (a > b ? a : b)) - starts.reduce((a, b) => (a < b ? a : b)));
    });
  texts = (key) => this.groups.map(([, spans]) => first(spans.map((span) => textOf(find(span, key)))));
  numbers = (key) => this.groups.map(([, spans]) => first(spans.map((span) => numberOf(find(span, key)))));
  resourceTexts = (key) =>
    this.groups.map(([, spans]) => first(spans.map((span) => textOf(find(this.resources[span.resource], key)))));
}

const first = (values) => values.find((value) => value !== null) ?? null;
const bytesOf = (hex) => hex.match(/../g).map((byte) => parseInt(byte, 16));
const durationNano = (span) => Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano));
const find = (holder, key) => holder?.attributes?.find((attribute) => attribute.key === key)?.value;
const textOf = (value) => value?.stringValue ?? null;
const numberOf = (value) => {
  const number = value?.intValue ?? value?.doubleValue ?? value?.boolValue;
  return number === undefined ? null : Number(number);
};

function put(holder, key, value) {
  drop(holder, key);
  (holder.attributes ??= []).push({ key, value });
}

function drop(holder, key) {
  holder.attributes = holder.attributes?.filter((attribute) => attribute.key !== key);
}

function valueOf(value) {
  if (!value) return null;
  if (value.stringValue !== undefined) return { tag: "text", val: value.stringValue };
  if (value.intValue !== undefined) return { tag: "int", val: Number(value.intValue) };
  if (value.doubleValue !== undefined) return { tag: "double", val: value.doubleValue };
  if (value.boolValue !== undefined) return { tag: "bool", val: value.boolValue };
  return { tag: "json", val: JSON.stringify(value) };
}

function otlpOf({ tag, val }) {
  const names = { text: "stringValue", int: "intValue", double: "doubleValue", bool: "boolValue" };
  return { [names[tag]]: val };
}
