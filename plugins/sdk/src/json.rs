//! A fast JSON writer with one buffer.

mod buffer;
mod escape;
mod value;

use crate::hex;
use buffer::{Buffer, Mark};
use escape::escape;
pub use value::Write;

/// Appends JSON to a buffer that is reused from one document to the next.
///
/// ```
/// # use spanloom_plugin::json::Writer;
/// let mut json = Writer::default();
/// json.object(|json| {
///     json.field("name", "GET /");
///     json.key("tags").array(|json| {
///         json.string("a").int(7);
///     });
/// });
/// assert_eq!(json.as_str(), r#"{"name":"GET /","tags":["a",7]}"#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Writer {
    /// UTF-8: the texts as they are, and ASCII between them.
    out: Buffer,
    /// Whether a value was written before, so that the next one needs a comma.
    follows: bool,
    /// Whether the JSON will stand in a string. If so, it is escaped while it is written.
    embedded: bool,
}

impl Writer {
    /// Makes a writer of JSON that will be a string in other JSON, as some services require. The output can
    /// be [embedded](Writer::embed) without a second pass for escaping.
    ///
    /// ```
    /// # use spanloom_plugin::json::Writer;
    /// let mut document = Writer::embedded();
    /// document.object(|json| {
    ///     json.field("name", "GET /");
    /// });
    /// let mut json = Writer::default();
    /// json.array(|json| {
    ///     json.embed(&document);
    /// });
    /// assert_eq!(json.as_str(), r#"["{\"name\":\"GET /\"}"]"#);
    /// ```
    pub fn embedded() -> Writer {
        Writer { embedded: true, ..Writer::default() }
    }

    /// Writes the document of an embedded writer as one string.
    pub fn embed(&mut self, document: &Writer) -> &mut Writer {
        let (open, close) = (self.opening_quote(), self.quote());
        self.out.mark(open);
        self.out.extend(document.as_bytes());
        self.out.mark(close);
        self
    }

    /// Writes the content of another writer of the same kind: values of an array, or keys with their values.
    pub fn append(&mut self, part: &Writer) -> &mut Writer {
        if !part.as_bytes().is_empty() {
            self.comma();
            self.out.extend(part.as_bytes());
        }
        self
    }

    /// Returns the number of bytes written. For an embedded writer, this is the number before escaping.
    pub fn document_len(&self) -> usize {
        let mut escaped = false;
        // Each escape in an embedded document is a backslash and one character.
        let escape = |byte: &&u8| {
            escaped = !escaped && **byte == b'\\';
            escaped
        };
        let bytes = self.as_bytes();
        bytes.len() - if self.embedded { bytes.iter().filter(escape).count() } else { 0 }
    }

    /// Writes an object. `fields` writes keys with their values.
    pub fn object(&mut self, fields: impl FnOnce(&mut Writer)) -> &mut Writer {
        self.between(b'{', fields, b'}')
    }

    /// Writes an array. `values` writes the values.
    pub fn array(&mut self, values: impl FnOnce(&mut Writer)) -> &mut Writer {
        self.between(b'[', values, b']')
    }

    /// Writes a key. A value must follow.
    #[inline]
    pub fn key(&mut self, key: &str) -> &mut Writer {
        self.quoted(key, true);
        self
    }

    /// Writes a key with its value.
    #[inline]
    pub fn field(&mut self, key: &str, value: impl Write) -> &mut Writer {
        self.key(key).value(value)
    }

    #[inline]
    pub fn value(&mut self, value: impl Write) -> &mut Writer {
        value.write(self);
        self
    }

    #[inline]
    pub fn string(&mut self, text: &str) -> &mut Writer {
        self.quoted(text, false);
        self
    }

    pub fn int(&mut self, value: i64) -> &mut Writer {
        self.ascii(itoa::Buffer::new().format(value).as_bytes())
    }

    pub fn unsigned(&mut self, value: u64) -> &mut Writer {
        self.ascii(itoa::Buffer::new().format(value).as_bytes())
    }

    /// Writes nanoseconds as seconds, to the last digit.
    ///
    /// ```
    /// # use spanloom_plugin::json::Writer;
    /// assert_eq!(Writer::default().seconds(1_760_000_000_000_456_789).as_str(), "1760000000.000456789");
    /// ```
    pub fn seconds(&mut self, nano: u64) -> &mut Writer {
        const SECOND: u64 = 1_000_000_000;
        // The sum has ten digits, so that leading zeros are written.
        let mut digits = itoa::Buffer::new();
        let digits = digits.format((SECOND + nano % SECOND) as u32);
        self.unsigned(nano / SECOND).out.mark(Mark::byte(b'.'));
        self.out.extend(digits.as_bytes().last_chunk::<9>().unwrap_or(b"000000000"));
        self
    }

    /// Writes a number, or `null` for NaN and infinity.
    pub fn double(&mut self, value: f64) -> &mut Writer {
        self.comma();
        // Writing to the buffer cannot fail.
        let _ = serde_json::to_writer(&mut self.out, &value);
        self
    }

    pub fn bool(&mut self, value: bool) -> &mut Writer {
        if value { self.ascii(b"true") } else { self.ascii(b"false") }
    }

    pub fn null(&mut self) -> &mut Writer {
        self.ascii(b"null")
    }

    /// Writes a value that is already JSON.
    #[inline]
    pub fn raw(&mut self, json: &str) -> &mut Writer {
        self.comma();
        if self.embedded {
            escape::<false>(&mut self.out, json.as_bytes());
        } else {
            self.out.extend(json.as_bytes());
        }
        self
    }

    /// Writes bytes as a string of lower-case hexadecimal digits, as ids are written.
    pub fn hex(&mut self, bytes: &[u8]) -> &mut Writer {
        let (open, close) = (self.opening_quote(), self.quote());
        self.out.mark(open);
        let (words, rest) = bytes.as_chunks::<4>();
        for word in words {
            self.out.extend(&hex::digits(*word));
        }
        for byte in rest {
            self.out.extend(&hex::of_byte(*byte));
        }
        self.out.mark(close);
        self
    }

    /// Ends a line. Another document may follow.
    pub fn newline(&mut self) {
        self.out.extend(if self.embedded { b"\\n" } else { b"\n" });
        self.follows = false;
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.out.as_bytes()
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Returns the written bytes with their buffer. The writer is empty afterwards and allocates a new
    /// buffer.
    pub fn take(&mut self) -> Vec<u8> {
        self.follows = false;
        self.out.take()
    }

    /// Discards the written bytes and keeps the buffer.
    pub fn clear(&mut self) {
        self.out.clear();
        self.follows = false;
    }

    /// Writes a string that is a value, or a key with its colon.
    // A guest passes four parameters in registers, and this function is called the most.
    #[inline(never)]
    fn quoted(&mut self, text: &str, is_key: bool) {
        let (open, text) = (self.opening_quote(), text.as_bytes());
        let close = if is_key { self.quote().before(b':') } else { self.quote() };
        self.follows = !is_key;
        if !self.out.enclose(open, text, close) {
            self.out.mark(open);
            if self.embedded {
                escape::<true>(&mut self.out, text);
            } else {
                escape::<false>(&mut self.out, text);
            }
            self.out.mark(close);
        }
    }

    /// Writes a value that needs no escaping.
    #[inline]
    fn ascii(&mut self, value: &[u8]) -> &mut Writer {
        self.comma();
        self.out.extend(value);
        self
    }

    #[inline]
    fn comma(&mut self) {
        if std::mem::replace(&mut self.follows, true) {
            self.out.mark(Mark::byte(b','));
        }
    }

    #[inline]
    fn quote(&self) -> Mark {
        if self.embedded { Mark::ESCAPED_QUOTE } else { Mark::QUOTE }
    }

    /// Returns the opening quote, with a comma before it if needed.
    #[inline]
    fn opening_quote(&mut self) -> Mark {
        if std::mem::replace(&mut self.follows, true) { self.quote().after(b',') } else { self.quote() }
    }

    fn between(&mut self, open: u8, inside: impl FnOnce(&mut Writer), close: u8) -> &mut Writer {
        self.comma();
        self.out.mark(Mark::byte(open));
        self.follows = false;
        inside(self);
        self.out.mark(Mark::byte(close));
        self.follows = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ValueRef;

    /// Scenario: strings of every length around a word, with and without characters that need escaping.
    /// Guarantees: serde_json reads the same strings back.
    #[test]
    fn strings_read_back_as_they_were() {
        let alphabet: Vec<char> =
            "\"\\\n\r\t\u{0}\u{8}\u{1f} \u{7f}aé\u{80}漢🦀\u{2028}!#[]".chars().collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for length in (0..40).flat_map(|length| [length; 200]) {
            let mut random = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize
            };
            // Most characters are plain, so that whole words are plain too.
            let one = |_| if random() % 4 == 0 { alphabet[random() % alphabet.len()] } else { 'x' };
            let text: String = (0..length).map(one).collect();
            let mut json = Writer::default();
            json.string(&text);
            assert_eq!(serde_json::from_str::<String>(json.as_str()).ok(), Some(text));
        }
    }

    /// Scenario: a document with every kind of value and character, written plainly and embedded as a string.
    /// Guarantees: the string contains the plain document, and `document_len` is its length.
    #[test]
    fn what_is_embedded_reads_back_as_the_document() {
        let write = |json: &mut Writer| {
            json.object(|json| {
                let text = "a\"b\\c\n\u{1}\u{1f} and more of é漢🦀 than eight";
                json.field("text", text).field(text, -1.5).field("double", f64::NAN);
                json.key("list").array(|json| {
                    json.hex(&[0xaf]).int(7).bool(true).null().raw(r#"{"raw":["x\\n"]}"#);
                });
            });
            json.newline();
        };
        let (mut plain, mut embedded, mut outer) = (Writer::default(), Writer::embedded(), Writer::default());
        write(&mut plain);
        write(&mut embedded);
        outer.array(|json| {
            json.embed(&embedded).int(1);
        });
        let read: (String, u8) = serde_json::from_str(outer.as_str()).expect("JSON");
        assert_eq!(read, (plain.as_str().to_owned(), 1));
        assert_eq!(embedded.document_len(), plain.as_str().len());
        assert_eq!(plain.document_len(), plain.as_str().len());
    }

    #[test]
    fn parts_are_appended_with_a_comma_unless_they_are_empty() {
        let (mut part, mut json) = (Writer::default(), Writer::default());
        part.field("b", 2_u64).field("c", 3_u64);
        json.object(|json| {
            json.append(&Writer::default()).field("a", 1_u64).append(&part).append(&Writer::default());
        });
        assert_eq!(json.as_str(), r#"{"a":1,"b":2,"c":3}"#);
    }

    #[test]
    fn seconds_are_exact() {
        let written = |nano| Writer::default().seconds(nano).as_str().to_owned();
        assert_eq!(written(0), "0.000000000");
        assert_eq!(written(999_999_999), "0.999999999");
        assert_eq!(written(1_760_000_000_123_456_789), "1760000000.123456789");
        assert_eq!(written(u64::MAX), "18446744073.709551615");
    }

    #[test]
    fn documents_nest_and_numbers_are_json() {
        let mut json = Writer::default();
        json.object(|json| {
            json.field("a", 1_u64).field("b", -1_i64).field("c", 0.5).field("d", f64::NAN).field("e", true);
            json.key("f").array(|json| {
                json.null().hex(&[0, 0xaf]).raw("{}");
            });
            json.key("g").object(|_| ()).field("h", ValueRef::Text("x"));
        });
        json.newline();
        json.object(|_| ());
        let expected = r#"{"a":1,"b":-1,"c":0.5,"d":null,"e":true,"f":[null,"00af",{}],"g":{},"h":"x"}"#;
        assert_eq!(json.as_str(), format!("{expected}\n{{}}"));
    }
}
