//! Every field of every span in packed lists: `flat-spans` of the plugin interface (`wit/spans.wit`).

mod pool;
mod walk;

/// Every field of every span, for who writes them all out.
///
/// Texts lie in one arena and are named by number: text `i` is `arena[ends[i-1]..ends[i]]`, text 0 is empty. Each
/// attribute key is one text, however many spans have it. What no longer fits 4 GiB of texts (or of bytes) reads
/// as empty.
///
/// `…_ends` say where the entries of row `i` end in the list they speak of; those of row 0 start at 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatSpans {
    pub arena: String,
    /// In bytes of UTF-8.
    pub ends: Vec<u32>,
    /// The values of kind bytes, one after another.
    pub bytes: Vec<u8>,

    /// 16 bytes a span; all zeros where the sender's id was not 16 bytes.
    pub trace_ids: Vec<u8>,
    /// 8 bytes a span; all zeros where the sender's id was not 8 bytes.
    pub span_ids: Vec<u8>,
    /// 8 bytes a span, all zeros for a root.
    pub parent_span_ids: Vec<u8>,
    pub start_times_unix_nano: Vec<u64>,
    pub end_times_unix_nano: Vec<u64>,
    /// `SpanKind`; 0 for what is none.
    pub kinds: Vec<u8>,
    /// `StatusCode`; 0 for what is none.
    pub status_codes: Vec<u8>,
    pub flags: Vec<u32>,
    /// Text numbers.
    pub names: Vec<u32>,
    /// Text numbers.
    pub status_messages: Vec<u32>,
    /// Text numbers.
    pub trace_states: Vec<u32>,
    /// In `scope_table`.
    pub scopes: Vec<u32>,
    /// In `attributes`.
    pub attribute_ends: Vec<u32>,
    /// In `events`.
    pub event_ends: Vec<u32>,
    /// In `links`.
    pub link_ends: Vec<u32>,

    pub attributes: FlatAttributes,
    pub events: FlatEvents,
    pub links: FlatLinks,
    pub scope_table: FlatScopes,
    pub resource_table: FlatResources,
}

/// An entry an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatAttributes {
    /// Text numbers.
    pub keys: Vec<u32>,
    /// 0 text, 1 int, 2 double, 3 bool, 4 bytes, 5 JSON (of an array, a map or an empty value).
    pub kinds: Vec<u8>,
    /// Text, JSON: the text number. Int, double, bool: the 64 bits. Bytes: the offset in `bytes` in the high 32
    /// bits, the length in the low.
    pub values: Vec<u64>,
}

/// An entry an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatEvents {
    pub times_unix_nano: Vec<u64>,
    /// Text numbers.
    pub names: Vec<u32>,
    pub attribute_ends: Vec<u32>,
    pub attributes: FlatAttributes,
}

/// An entry a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatLinks {
    /// 16 bytes a link; all zeros where the sender's id was not 16 bytes.
    pub trace_ids: Vec<u8>,
    /// 8 bytes a link; all zeros where the sender's id was not 8 bytes.
    pub span_ids: Vec<u8>,
    /// Text numbers.
    pub trace_states: Vec<u32>,
    pub flags: Vec<u32>,
    pub attribute_ends: Vec<u32>,
    pub attributes: FlatAttributes,
}

/// An entry a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatScopes {
    /// In `resource_table`.
    pub resources: Vec<u32>,
    /// Text numbers.
    pub names: Vec<u32>,
    /// Text numbers.
    pub versions: Vec<u32>,
    /// Text numbers.
    pub schema_urls: Vec<u32>,
    pub attribute_ends: Vec<u32>,
    pub attributes: FlatAttributes,
}

/// An entry a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatResources {
    /// Text numbers.
    pub schema_urls: Vec<u32>,
    pub attribute_ends: Vec<u32>,
    pub attributes: FlatAttributes,
}

impl FlatSpans {
    /// A text by its number; empty if there is no such text.
    pub fn text(&self, number: u32) -> &str {
        let number = number as usize;
        let end_of = |number: usize| self.ends.get(number).map(|end| *end as usize);
        let start = number.checked_sub(1).and_then(end_of).unwrap_or(0);
        end_of(number).and_then(|end| self.arena.get(start..end)).unwrap_or_default()
    }
}

impl FlatAttributes {
    fn with_capacity(entries: usize) -> FlatAttributes {
        FlatAttributes {
            keys: Vec::with_capacity(entries),
            kinds: Vec::with_capacity(entries),
            values: Vec::with_capacity(entries),
        }
    }

    fn push(&mut self, key: u32, kind: u8, value: u64) {
        self.keys.push(key);
        self.kinds.push(kind);
        self.values.push(value);
    }

    /// How many there are so far: where those of the last row end.
    fn end(&self) -> u32 {
        self.keys.len() as u32
    }
}
