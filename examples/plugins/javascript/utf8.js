// UTF-8 in QuickJS, which has no `TextEncoder` and no `TextDecoder`.

const isAscii = (text) => /^[\0-\x7f]*$/.test(text);
const CHUNK = 4096;

/** Half of a surrogate pair becomes U+FFFD. */
export function encode(text) {
  const bytes = isAscii(text) ? text : unescape(encodeURIComponent(text.toWellFormed()));
  const encoded = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) encoded[at] = bytes.charCodeAt(at);
  return encoded;
}

/** Throws a `URIError` if the bytes are not UTF-8. */
export function decode(encoded) {
  const chunks = [];
  for (let at = 0; at < encoded.length; at += CHUNK) {
    chunks.push(String.fromCharCode(...encoded.subarray(at, at + CHUNK)));
  }
  const bytes = chunks.join("");
  return isAscii(bytes) ? bytes : decodeURIComponent(escape(bytes));
}
