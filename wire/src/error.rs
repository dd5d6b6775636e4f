use std::fmt;

use crate::Signal;

/// Says why bytes are not a request of their signal: the fault, the field, and the offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    pub signal: Signal,
    pub kind: WireErrorKind,
    /// The path of the field, like `resource_spans[0].scope_spans[1].spans[17].name`. Empty for the request
    /// itself.
    pub path: String,
    /// The offset in bytes from the beginning of the request to the wrong tag, length or value.
    pub offset: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireErrorKind {
    /// The varint is cut short, longer than ten bytes, or more than 64 bits.
    Varint,
    /// The tag has field number 0, a number above 2^29 - 1, or wire type 6 or 7.
    Tag { tag: u64 },
    /// The field is known, but its wire type is not that of the schema.
    WireType { wire_type: u32 },
    /// The value needs `needed` bytes, but its message has only `left`.
    Length { needed: u64, left: usize },
    /// The length of packed 64-bit values is no multiple of eight.
    Packed { length: usize },
    /// A `string` field is not UTF-8.
    Utf8,
    /// A trace id or span id has `length` bytes instead of `expected`.
    Id { length: usize, expected: usize },
    /// Scopes lie in the field that held them until OTLP 0.15.
    FormerScopes,
    /// A group ends without having begun, or never ends.
    Group,
    /// Messages or groups nest deeper than `limit`.
    Depth { limit: usize },
    /// The request has more than `limit` bytes.
    Size { limit: usize },
}

impl WireErrorKind {
    /// Returns whether [`mend`](crate::mend) can keep the rest of the request. Of what nests too deep it can keep
    /// the rest of messages, but not of groups.
    pub fn is_mendable(self) -> bool {
        matches!(self, Self::Utf8 | Self::Id { .. } | Self::FormerScopes | Self::Depth { .. })
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { self.signal.request().name } else { &self.path };
        write!(f, "{path} at byte {}: {}", self.offset, self.kind)
    }
}

impl fmt::Display for WireErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Varint => f.write_str("a varint is cut short or does not fit 64 bits"),
            Self::Tag { tag } => write!(f, "{tag} is not a field's tag"),
            Self::WireType { wire_type } => write!(f, "wire type {wire_type} is not that of this field"),
            Self::Length { needed, left } => {
                write!(f, "length {needed} runs past the end of its message ({left} bytes left)")
            }
            Self::Packed { length } => {
                write!(f, "{length} bytes of packed 64-bit values are no multiple of 8")
            }
            Self::Utf8 => f.write_str("text is not UTF-8"),
            Self::Id { length, expected } => {
                write!(f, "an id of {length} bytes, and it should have {expected}")
            }
            Self::FormerScopes => f.write_str("this field is called scopes since OTLP 0.15"),
            Self::Group => f.write_str("a group does not end as it began"),
            Self::Depth { limit } => write!(f, "nested more than {limit} deep"),
            Self::Size { limit } => write!(f, "a request of more than {limit} bytes"),
        }
    }
}

impl std::error::Error for WireError {}

/// Says why an edit was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditError {
    /// The batch has no such span or resource.
    Row { row: usize, rows: usize },
    /// A list with one entry per row (span or trace) has another length.
    Length { rows: usize, values: usize },
    /// The batch would be split into more parts than are allowed.
    Parts { parts: usize, limit: usize },
    /// The edited bytes would exceed 4 GiB.
    Size,
    /// A list value would nest too deep at its place.
    Depth,
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row { row, rows } => write!(f, "row {row} of {rows}"),
            Self::Length { rows, values } => write!(f, "{values} values for {rows} rows"),
            Self::Parts { parts, limit } => write!(f, "{parts} parts, and {limit} are allowed"),
            Self::Depth => f.write_str("the value nests too deep"),
            Self::Size => f.write_str("edited records would pass 4 GiB"),
        }
    }
}

impl std::error::Error for EditError {}
