//! JSON, written fast into one buffer.

use crate::ValueRef;

/// Appends to a buffer that is kept from one document to the next.
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
    /// UTF-8 altogether: texts as they are, and ASCII between them.
    out: Vec<u8>,
    /// A value stands before, so that the next one needs a comma.
    follows: bool,
    /// What is written is to stand in a string, and is escaped as it is written.
    embedded: bool,
}

/// What can be written as one JSON value.
pub trait Write {
    fn write(&self, json: &mut Writer);
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Writer {
    /// A writer of JSON that is to be a string of other JSON, as some services take their documents: what it writes can
    /// be [embedded](Writer::embed) as it is, which spares escaping it in a second pass.
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

    /// What an embedded writer has written, as one string.
    pub fn embed(&mut self, document: &Writer) -> &mut Writer {
        self.comma();
        self.quote();
        self.out.extend_from_slice(&document.out);
        self.quote();
        self
    }

    /// What another writer of the same kind has written: values of an array, or keys with their values.
    pub fn append(&mut self, part: &Writer) -> &mut Writer {
        if !part.out.is_empty() {
            self.comma();
            self.out.extend_from_slice(&part.out);
        }
        self
    }

    /// The bytes that were written, before they were escaped if they are to be embedded.
    pub fn document_len(&self) -> usize {
        let mut escaped = false;
        // Each escape of what is embedded is a backslash and one character.
        let escape = |byte: &&u8| {
            escaped = !escaped && **byte == b'\\';
            escaped
        };
        self.out.len() - if self.embedded { self.out.iter().filter(escape).count() } else { 0 }
    }

    /// What is written between braces: keys with their values.
    pub fn object(&mut self, fields: impl FnOnce(&mut Writer)) -> &mut Writer {
        self.between(b'{', fields, b'}')
    }

    /// What is written between brackets: values.
    pub fn array(&mut self, values: impl FnOnce(&mut Writer)) -> &mut Writer {
        self.between(b'[', values, b']')
    }

    /// A key; its value follows.
    #[inline]
    pub fn key(&mut self, key: &str) -> &mut Writer {
        self.string(key);
        self.out.push(b':');
        self.follows = false;
        self
    }

    /// A key with its value.
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
        self.comma();
        self.quote();
        if self.embedded {
            escape::<true>(&mut self.out, text.as_bytes());
        } else {
            escape::<false>(&mut self.out, text.as_bytes());
        }
        self.quote();
        self
    }

    pub fn int(&mut self, value: i64) -> &mut Writer {
        self.raw(itoa::Buffer::new().format(value))
    }

    pub fn unsigned(&mut self, value: u64) -> &mut Writer {
        self.raw(itoa::Buffer::new().format(value))
    }

    /// A number, or `null` for what JSON has no number for.
    pub fn double(&mut self, value: f64) -> &mut Writer {
        self.comma();
        // Writing to a vector does not fail.
        let _ = serde_json::to_writer(&mut self.out, &value);
        self
    }

    pub fn bool(&mut self, value: bool) -> &mut Writer {
        self.raw(if value { "true" } else { "false" })
    }

    pub fn null(&mut self) -> &mut Writer {
        self.raw("null")
    }

    /// A value that is JSON already.
    #[inline]
    pub fn raw(&mut self, json: &str) -> &mut Writer {
        self.comma();
        if self.embedded {
            escape::<false>(&mut self.out, json.as_bytes());
        } else {
            self.out.extend_from_slice(json.as_bytes());
        }
        self
    }

    /// Bytes as a string of lower-case hexadecimal digits, as ids are written.
    pub fn hex(&mut self, bytes: &[u8]) -> &mut Writer {
        self.comma();
        self.quote();
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
        self.out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
        self.quote();
        self
    }

    /// Ends a line; another document may follow.
    pub fn newline(&mut self) {
        self.out.extend_from_slice(if self.embedded { b"\\n" } else { b"\n" });
        self.follows = false;
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap_or_default()
    }

    /// What was written; the writer is empty, and has to get a buffer anew.
    pub fn take(&mut self) -> Vec<u8> {
        self.follows = false;
        std::mem::take(&mut self.out)
    }

    /// Forgets what was written and keeps the buffer.
    pub fn clear(&mut self) {
        self.out.clear();
        self.follows = false;
    }

    #[inline]
    fn comma(&mut self) {
        if std::mem::replace(&mut self.follows, true) {
            self.out.push(b',');
        }
    }

    #[inline]
    fn quote(&mut self) {
        if self.embedded {
            self.out.push(b'\\');
        }
        self.out.push(b'"');
    }

    fn between(&mut self, open: u8, inside: impl FnOnce(&mut Writer), close: u8) -> &mut Writer {
        self.comma();
        self.out.push(open);
        self.follows = false;
        inside(self);
        self.out.push(close);
        self.follows = true;
        self
    }
}

/// Appends text with what JSON wants escaped: in one piece if nothing is, else eight bytes at a time.
#[inline]
fn escape<const TWICE: bool>(out: &mut Vec<u8>, text: &[u8]) {
    let (plain, rest) = text.split_at_checked(plain_len(text)).unwrap_or((text, &[]));
    out.extend_from_slice(plain);
    if !rest.is_empty() {
        escape_rest::<TWICE>(out, rest);
    }
}

#[inline(never)]
fn escape_rest<const TWICE: bool>(out: &mut Vec<u8>, text: &[u8]) {
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        if needs_escape(u64::from_le_bytes(*word)) {
            escape_bytes::<TWICE>(out, word);
        } else {
            out.extend_from_slice(word);
        }
    }
    escape_bytes::<TWICE>(out, rest);
}

/// How many bytes, in eights but for the last, come before some that want escaping.
#[inline]
fn plain_len(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    let plain = words.iter().take_while(|word| !needs_escape(u64::from_le_bytes(**word))).count();
    if plain < words.len() {
        return 8 * plain;
    }
    let last =
        rest.iter().rev().fold(u64::from_le_bytes(*b"        "), |word, byte| word << 8 | u64::from(*byte));
    if needs_escape(last) { 8 * plain } else { text.len() }
}

/// Whether any of eight bytes is a quote, a backslash or a control character.
#[inline]
fn needs_escape(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    // A byte that is zero, or below `n`, borrows from its high bit; bytes of a longer character have it set themselves.
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word & HIGHS;
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    below(word, 0x20) | below(quote, 1) | below(backslash, 1) != 0
}

/// Escapes what is to be read as a string, or as a string of a string.
fn escape_bytes<const TWICE: bool>(out: &mut Vec<u8>, bytes: &[u8]) {
    if TWICE { twice(out, bytes) } else { once(out, bytes) }
}

#[inline]
fn once(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
            other => out.push(*other),
        }
    }
}

fn twice(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'"' => out.extend_from_slice(b"\\\\\\\""),
            b'\\' => out.extend_from_slice(b"\\\\\\\\"),
            0..0x20 => {
                // The escape begins with its only backslash.
                out.push(b'\\');
                once(out, &[*byte]);
            }
            other => out.push(*other),
        }
    }
}

impl<W: Write + ?Sized> Write for &W {
    #[inline]
    fn write(&self, json: &mut Writer) {
        (**self).write(json);
    }
}

impl Write for str {
    #[inline]
    fn write(&self, json: &mut Writer) {
        json.string(self);
    }
}

impl Write for String {
    fn write(&self, json: &mut Writer) {
        json.string(self);
    }
}

impl Write for i64 {
    fn write(&self, json: &mut Writer) {
        json.int(*self);
    }
}

impl Write for u64 {
    fn write(&self, json: &mut Writer) {
        json.unsigned(*self);
    }
}

impl Write for f64 {
    fn write(&self, json: &mut Writer) {
        json.double(*self);
    }
}

impl Write for bool {
    fn write(&self, json: &mut Writer) {
        json.bool(*self);
    }
}

/// Bytes as hexadecimal digits.
impl Write for ValueRef<'_> {
    #[inline]
    fn write(&self, json: &mut Writer) {
        match *self {
            ValueRef::Text(text) => json.string(text),
            ValueRef::Int(value) => json.int(value),
            ValueRef::Double(value) => json.double(value),
            ValueRef::Bool(value) => json.bool(value),
            ValueRef::Bytes(bytes) => json.hex(bytes),
            ValueRef::Json(value) => json.raw(value),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: strings of every length around a word, of characters that want escaping and of those that do not.
    /// Guarantees: what serde_json writes, byte for byte but for the escapes JSON has two ways to write.
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
            // Mostly plain, so that whole words are plain too.
            let one = |_| if random() % 4 == 0 { alphabet[random() % alphabet.len()] } else { 'x' };
            let text: String = (0..length).map(one).collect();
            let mut json = Writer::default();
            json.string(&text);
            assert_eq!(serde_json::from_str::<String>(json.as_str()).ok(), Some(text));
        }
    }

    #[test]
    fn every_byte_is_escaped_where_json_wants_it_in_each_place_of_a_word() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                let mut word = [b'x'; 8];
                word[place] = byte;
                let wants = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(needs_escape(u64::from_le_bytes(word)), wants, "{byte:#x} at {place}");
            }
        }
    }

    /// Scenario: a document of every kind of value and character, and the same as a string of another.
    /// Guarantees: the string is the document, and as long as it says.
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
