//! Every field of every span in packed lists: `flat-spans` of the plugin interface (`wit/0.1.0/spans.wit`).

mod pool;
mod walk;

/// Holds every field of every span, for exporters that write all of them.
///
/// Texts lie in one arena and have numbers: text `i` is `arena[ends[i-1]..ends[i]]`, and text 0 is empty.
/// Each attribute key is one text, however many spans have it. Texts (or bytes) after the first 4 GiB read as
/// empty.
///
/// Lists named `…_ends` say where the entries of row `i` end in another list. The entries of row 0 begin at
/// 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatSpans {
    pub arena: String,
    /// Offsets in bytes of UTF-8.
    pub ends: Vec<u32>,
    /// The values of kind bytes, one after another.
    pub bytes: Vec<u8>,

    /// 16 bytes per span; all zeros if the sender's id was not 16 bytes.
    pub trace_ids: Vec<u8>,
    /// 8 bytes per span; all zeros if the sender's id was not 8 bytes.
    pub span_ids: Vec<u8>,
    /// 8 bytes per span; all zeros for a root.
    pub parent_span_ids: Vec<u8>,
    pub start_times_unix_nano: Vec<u64>,
    pub end_times_unix_nano: Vec<u64>,
    /// Each `SpanKind`; 0 for an unknown number.
    pub kinds: Vec<u8>,
    /// Each `StatusCode`; 0 for an unknown number.
    pub status_codes: Vec<u8>,
    pub flags: Vec<u32>,
    /// Numbers of texts.
    pub names: Vec<u32>,
    /// Numbers of texts.
    pub status_messages: Vec<u32>,
    /// Numbers of texts.
    pub trace_states: Vec<u32>,
    /// Indexes in `scope_table`.
    pub scopes: Vec<u32>,
    /// Ends in `attributes`.
    pub attribute_ends: Vec<u32>,
    /// Ends in `events`.
    pub event_ends: Vec<u32>,
    /// Ends in `links`.
    pub link_ends: Vec<u32>,

    pub attributes: FlatAttributes,
    pub events: FlatEvents,
    pub links: FlatLinks,
    pub scope_table: FlatScopes,
    pub resource_table: FlatResources,
}

/// The attributes, one entry each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatAttributes {
    /// Numbers of texts.
    pub keys: Vec<u32>,
    /// The kind of value: 0 text, 1 int, 2 double, 3 bool, 4 bytes, 5 JSON (of an array, a map or an empty
    /// value).
    pub kinds: Vec<u8>,
    /// For text and JSON, the number of the text. For int, double and bool, the 64 bits. For bytes, the
    /// offset in `bytes` in the high 32 bits and the length in the low 32 bits.
    pub values: Vec<u64>,
}

/// The events, one entry each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatEvents {
    pub times_unix_nano: Vec<u64>,
    /// Numbers of texts.
    pub names: Vec<u32>,
    pub attribute_ends: Vec<u32>,
    pub attributes: FlatAttributes,
}

/// The links, one entry each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatLinks {
    /// 16 bytes per link; all zeros if the sender's id was not 16 bytes.
    pub trace_ids: Vec<u8>,
    /// 8 bytes per link; all zeros if the sender's id was not 8 bytes.
    pub span_ids: Vec<u8>,
    /// Numbers of texts.
    pub trace_states: Vec<u32>,
    pub flags: Vec<u32>,
    pub attribute_ends: Vec<u32>,
    pub attributes: FlatAttributes,
}

/// The scopes, one entry each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatScopes {
    /// Indexes in `resource_table`.
    pub resources: Vec<u32>,
    /// Numbers of texts.
    pub names: Vec<u32>,
    /// Numbers of texts.
    pub versions: Vec<u32>,
    /// Numbers of texts.
    pub schema_urls: Vec<u32>,
    pub attribute_ends: Vec<u32>,
    pub attributes: FlatAttributes,
}

/// The resources, one entry each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlatResources {
    /// Numbers of texts.
    pub schema_urls: Vec<u32>,
    pub attribute_ends: Vec<u32>,
    pub attributes: FlatAttributes,
}

impl FlatSpans {
    /// Returns the text with this number, or an empty text if there is none.
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

    /// Returns the number of attributes so far, which is where those of the last row end.
    fn end(&self) -> u32 {
        self.keys.len() as u32
    }
}
