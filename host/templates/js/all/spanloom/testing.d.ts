import type { SpanBatch, TraceBatch } from "./index.js";

/** Makes a batch of the spans of a request in OTLP/JSON. */
export function spansOf(request: object): SpanBatch;

/** Makes the traces of a request in OTLP/JSON. */
export function tracesOf(request: object): TraceBatch;
