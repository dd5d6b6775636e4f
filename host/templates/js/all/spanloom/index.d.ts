// The types of index.js, and of the parts of Spanloom's interface that it passes on (wit/deps/spanloom says more of each).

export type Signal = "traces" | "metrics" | "logs";

/** The value of an attribute. `json` is an array or a map as JSON text. */
export type Value =
  | { tag: "text"; val: string }
  | { tag: "int"; val: number | bigint }
  | { tag: "double"; val: number }
  | { tag: "bool"; val: boolean }
  | { tag: "bytes"; val: Uint8Array }
  | { tag: "json"; val: string };

export interface Attribute {
  key: string;
  value: Value;
}

/** One span with all its fields. Times are numbers, and lose digits below a microsecond. */
export interface Span {
  traceId: Uint8Array;
  spanId: Uint8Array;
  /** All zeros for a root span. */
  parentSpanId: Uint8Array;
  name: string;
  kind: "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
  startTimeUnixNano: number;
  endTimeUnixNano: number;
  status: { code: "unset" | "ok" | "error"; message: string };
  attributes: Attribute[];
  events: { timeUnixNano: number; name: string; attributes: Attribute[] }[];
  links: { traceId: Uint8Array; spanId: Uint8Array; traceState: string; attributes: Attribute[]; flags: number }[];
  traceState: string;
  flags: number;
  /** The number of the span's resource in the batch. */
  resource: number;
  scope: number;
}

/** A batch of spans, which the host holds. Ask for whole columns, not for spans one by one. Rows begin at 0. */
export interface SpanBatch {
  len(): number;
  /** The value of a request's header, where the receiver keeps them. */
  metadata(key: string): string[];

  // Columns, one entry a span.

  /** 16 bytes a span. */
  traceIds(): Uint8Array;
  /** 8 bytes a span. */
  spanIds(): Uint8Array;
  durationsNano(): ArrayLike<number>;
  /** 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kinds(): Uint8Array;
  /** 0 unset, 1 ok, 2 error. */
  statusCodes(): Uint8Array;
  /** A text attribute of each span. */
  texts(key: string): (string | null)[];
  /** A number or bool attribute of each span. */
  numbers(key: string): (number | null)[];

  // Resources.

  resourceCount(): number;
  /** The number of each span's resource. */
  resourcesOfSpans(): ArrayLike<number>;
  /** A text attribute of each resource. */
  resourceTexts(key: string): (string | null)[];

  // Rows.

  span(row: number): Span | null;
  get(row: number, key: string): Value | null;

  // Edits. One that cannot be made throws, and leaves the batch as it was.

  /** Sets a text attribute, with one entry a span; null leaves the span as it is. */
  setTexts(key: string, values: (string | null)[]): void;
  /** Sets the attribute of the spans that have it, whatever its type. */
  replaceAll(key: string, value: Value): void;
  removeAll(key: string): void;
  /** Keeps the spans whose entry is true. */
  retain(keep: boolean[]): void;
  set(row: number, key: string, value: Value): void;
  remove(row: number, key: string): void;
  setName(row: number, name: string): void;

  /** The batch as an encoded `ExportTraceServiceRequest`. */
  otlp(): Uint8Array;
  replace(otlp: Uint8Array): void;
}

/** A batch of metrics or logs: encoded OTLP. */
export interface OtlpBatch {
  len(): number;
  metadata(key: string): string[];
  otlp(): Uint8Array;
  replace(otlp: Uint8Array): void;
}

/** A trace, as far as its spans have come. Each property is read from the host when it is asked for. */
export interface Trace {
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** Whether any of its spans has the status error. */
  readonly hasError: boolean;
  /** From the first start to the last end. */
  readonly durationMs: number;
  readonly spanCount: number;
  /** An attribute of its root span, else of the first span that has it. */
  text(key: string): string | null;
  number(key: string): number | null;
  /** An attribute of its root's resource. */
  resourceText(key: string): string | null;
}

/** The traces of a batch, of which `sampler` makes objects. */
export interface TraceBatch {
  len(): number;
  ids(): Uint8Array;
  spanCounts(): ArrayLike<number>;
  errors(): boolean[];
  durationsNano(): ArrayLike<number>;
  texts(key: string): (string | null)[];
  numbers(key: string): (number | null)[];
  resourceTexts(key: string): (string | null)[];
}

/** A key of the config: JSON Schema. Its `default` is the value if the config does not say it. */
export interface Key {
  type?: "string" | "number" | "integer" | "boolean" | "array" | "object";
  description?: string;
  default?: unknown;
  [keyword: string]: unknown;
}

interface Plugin<Config> {
  name: string;
  version: string;
  summary: string;
  /** The keys of the config. `spanloom validate` and every start check a config against them. */
  config?: Record<keyof Config & string, Key>;
  /** Throws `configError(…)` if a config is wrong in a way that the schema does not say. */
  check?(config: Config): void;
  /** How many instances there may be; `stateless` unless it is given. */
  concurrency?: "stateless" | "by-trace" | "single";
  /** What the plugin needs to be granted in the config. */
  grants?: ("http" | "store")[];
}

export interface Processor<Config> extends Plugin<Config> {
  spans?(spans: SpanBatch, config: Config): void | SpanBatch[];
  metrics?(metrics: OtlpBatch, config: Config): void | OtlpBatch[];
  logs?(logs: OtlpBatch, config: Config): void | OtlpBatch[];
}

export interface Sampler<Config> extends Plugin<Config> {
  keep(trace: Trace, config: Config): boolean | number | null;
}

export interface Exporter<Config> extends Plugin<Config> {
  spans?(spans: SpanBatch, config: Config): void;
  metrics?(metrics: OtlpBatch, config: Config): void;
  logs?(logs: OtlpBatch, config: Config): void;
}

export type Batch = { tag: "spans"; val: SpanBatch } | { tag: "metrics" | "logs"; val: OtlpBatch };

export type Decision = { tag: "keep"; val: number } | { tag: "drop" } | { tag: "undecided" };

interface Describe {
  describe(): Record<string, unknown>;
}

export function processor<Config>(plugin: Processor<Config>): {
  processing: { configure(json: string): void; process(batch: Batch): Batch[] };
  describe: Describe;
};

export function sampler<Config>(plugin: Sampler<Config>): {
  sampling: { configure(json: string): void; sample(traces: TraceBatch): Decision[] };
  describe: Describe;
};

export function exporter<Config>(plugin: Exporter<Config>): {
  exporting: { configure(json: string): void; exportBatch(batch: Batch): void };
  describe: Describe;
};

export function retryable(message: string, afterMs?: number): unknown;
export function permanent(message: string): unknown;
export function configError(path: string, message: string): unknown;

/** Returns whether a trace is in the share (0 to 1) that is kept, in the way of OpenTelemetry's consistent sampling. */
export function isInShare(id: Uint8Array, share: number): boolean;
