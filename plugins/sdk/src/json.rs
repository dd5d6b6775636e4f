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
}

/// What can be written as one JSON value.
pub trait Write {
    fn write(&self, json: &mut Writer);
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Writer {
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
        self.out.push(b'"');
        escape(&mut self.out, text.as_bytes());
        self.out.push(b'"');
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
        self.out.extend_from_slice(json.as_bytes());
        self
    }

    /// Bytes as a string of lower-case hexadecimal digits, as ids are written.
    pub fn hex(&mut self, bytes: &[u8]) -> &mut Writer {
        self.comma();
        self.out.push(b'"');
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
        self.out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
        self.out.push(b'"');
        self
    }

    /// Ends a line; another document may follow.
    pub fn newline(&mut self) {
        self.out.push(b'\n');
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

/// Appends text with what JSON wants escaped; eight bytes at a time where nothing is.
#[inline]
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        if needs_escape(u64::from_le_bytes(*word)) {
            escape_bytes(out, word);
        } else {
            out.extend_from_slice(word);
        }
    }
    escape_bytes(out, rest);
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

fn escape_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
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
