// Takes events as JSON over HTTP, each as a log record: an object, or a list of objects.

import { LogsBatch } from "spanloom:plugin/batches@0.2.0";
import clock from "spanloom:plugin/clock@0.2.0";
import { anyValue, attribute, fixed64, message } from "./otlp.js";
import * as utf8 from "./utf8.js";

/** The most arrays and objects inside one another. A few hundred would exhaust the stack of `JSON.parse`. */
const DEPTH_LIMIT = 127;

const defaults = { service: "webhook" };
let config = defaults;

export const receiving = {
  listens: () => [
    { name: "", endpoint: "localhost:8088", takes: { tag: "http", val: [post("/events"), post("/events/*")] } },
  ],

  emits: () => ["logs"],

  configure(json) {
    config = { ...defaults, ...JSON.parse(json) };
  },

  receive: (requests) => requests.map((request) => reply(request.body)),
};

const post = (path) => ({ method: "POST", path });

function reply(body) {
  const events = read(body);
  if (!events) return rejected("not an object or a list of objects in JSON");
  // The clock ticks in milliseconds, and a number of this size has lost digits.
  const now = BigInt(Math.round(clock.nowUnixNano() / 1e6)) * 1_000_000n;
  const resource = message(1, [attribute(1, "service.name", config.service)]);
  const records = message(2, events.map((event) => record(event, now)));
  const logs = LogsBatch.fromOtlp(message(1, [resource, records]));
  return {
    tag: "taken",
    val: { batches: [{ tag: "logs", val: logs }], answer: answer(202), refused: null },
  };
}

/** Returns the events in a body, or `null` if it holds something else. */
function read(body) {
  let value;
  try {
    const json = utf8.decode(body);
    value = isTooDeep(json) ? null : JSON.parse(json);
  } catch {
    return null;
  }
  const events = Array.isArray(value) ? value : [value];
  const isObject = (event) => typeof event === "object" && event !== null && !Array.isArray(event);
  return events.every(isObject) ? events : null;
}

function isTooDeep(json) {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (inText && char === "\\") at++;
    else if (char === '"') inText = !inText;
    else if (inText) continue;
    else if (char === "[" || char === "{") depth++;
    else if (char === "]" || char === "}") depth--;
    if (depth > DEPTH_LIMIT) return true;
  }
  return false;
}

/** Writes the field `message` as the body, and the others as attributes. */
function record(event, now) {
  const fields = Object.entries(event).map(([key, value]) => {
    if (key === "message" && typeof value === "string") return anyValue(5, value);
    const isPlain = ["string", "boolean", "number"].includes(typeof value);
    return attribute(6, key, isPlain ? value : JSON.stringify(value));
  });
  return message(2, [fixed64(1, now), ...fields]);
}

function rejected(reason) {
  const body = utf8.encode(reason + "\n");
  const headers = [{ name: "content-type", value: "text/plain; charset=utf-8" }];
  return { tag: "rejected", val: { answer: { ...answer(400), headers, body }, reason } };
}

const answer = (status) => ({ status, headers: [], body: new Uint8Array() });

export const describe = {
  describe: () => ({
    name: "webhook-receiver",
    version: "1.0.0",
    summary: "Takes events as JSON over HTTP, each as a log record",
    configSchema: JSON.stringify({
      type: "object",
      additionalProperties: false,
      properties: {
        service: { type: "string", minLength: 1, description: "The resource attribute `service.name` of the records" },
      },
    }),
    signals: ["logs"],
    concurrency: "stateless",
    grants: [],
  }),
};
