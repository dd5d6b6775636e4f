// Writes the protobuf of OTLP, field by field. The numbers of fields are those of opentelemetry-proto. A field is a
// `Uint8Array`, and a message is its fields, one after another.

import * as utf8 from "./utf8.js";

const [VARINT, FIXED64, LENGTH] = [0, 1, 2];

/** A field that holds a message, whose fields are in a list. */
export function message(number, fields) {
  return lengthDelimited(number, concat(fields));
}

export function text(number, value) {
  return lengthDelimited(number, utf8.encode(value));
}

/** A field of 64 bits, such as a time in nanoseconds. `value` is a BigInt, which keeps each digit. */
export function fixed64(number, value) {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setBigUint64(0, value, true);
  return concat([tag(number, FIXED64), new Uint8Array(bits.buffer)]);
}

export function double(number, value) {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value, true);
  return concat([tag(number, FIXED64), new Uint8Array(bits.buffer)]);
}

/** A `KeyValue`. */
export function attribute(number, key, value) {
  return message(number, [text(1, key), anyValue(2, value)]);
}

/** An `AnyValue`: of a string, a boolean or a number. */
export function anyValue(number, value) {
  if (typeof value === "string") return message(number, [text(1, value)]);
  if (typeof value === "boolean") return message(number, [tag(2, VARINT), varint(value ? 1 : 0)]);
  if (Number.isSafeInteger(value)) return message(number, [tag(3, VARINT), varint(value)]);
  return message(number, [double(4, value)]);
}

function concat(parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function lengthDelimited(number, content) {
  return concat([tag(number, LENGTH), varint(content.length), content]);
}

function tag(number, kind) {
  return varint((number << 3) | kind);
}

/** Seven bits a byte, the lowest first. A negative integer has the 64 bits of its two's complement: the last is its sign. */
function varint(integer) {
  const bytes = [];
  let rest = integer;
  while (rest > 127 || (rest < 0 && bytes.length < 9)) {
    bytes.push((((rest % 128) + 128) % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest < 0 ? 1 : rest);
  return bytes;
}
