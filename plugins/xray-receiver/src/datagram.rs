//! Takes a datagram apart: a line of JSON that says what follows, and the document.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use crate::surrogates;

/// The reason why a datagram has no spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejected {
    /// There is no header, or it is not JSON.
    Header,
    /// The header names another format or version than `json` and 1.
    Format,
    /// Nothing follows the header.
    Empty,
    /// The document is not a JSON object, or nests too deep.
    Json,
    Name,
    Id,
    TraceId,
    ParentId,
    StartTime,
    EndTime,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    version: f64,
}

impl Rejected {
    /// Returns the reason as a label of metrics, and for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Rejected::Header => "no header",
            Rejected::Format => "format of the header",
            Rejected::Empty => "no document",
            Rejected::Json => "no JSON object",
            Rejected::Name => "name",
            Rejected::Id => "id",
            Rejected::TraceId => "trace_id",
            Rejected::ParentId => "parent_id",
            Rejected::StartTime => "start_time",
            Rejected::EndTime => "end_time",
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rejected::Header => r#"the datagram does not begin with the line {"format":"json","version":1}"#,
            Rejected::Format => "the header names another format than json, or another version than 1",
            Rejected::Empty => "no document follows the header",
            Rejected::Json => "the document is not a JSON object that nests at most 127 deep",
            Rejected::Name => "`name` is missing or empty",
            Rejected::Id => "`id` is not 16 hexadecimal digits",
            Rejected::TraceId => "`trace_id` is not like 1-58406520-a006649127e371903a2de979",
            Rejected::ParentId => "`parent_id` is not 16 hexadecimal digits",
            Rejected::StartTime => "`start_time` is not a time in seconds since 1970",
            Rejected::EndTime => "`end_time` is not a time in seconds since 1970",
        })
    }
}

impl std::error::Error for Rejected {}

/// Returns the document, which is not parsed yet. U+FFFD replaces what is not Unicode.
pub(crate) fn document(datagram: &[u8]) -> Result<Cow<'_, str>, Rejected> {
    let end = datagram.iter().position(|byte| *byte == b'\n').ok_or(Rejected::Header)?;
    let (header, rest) = datagram.split_at(end);
    let header: Header<'_> = serde_json::from_slice(header).map_err(|_| Rejected::Header)?;
    if !header.format.eq_ignore_ascii_case("json") || header.version != 1.0 {
        return Err(Rejected::Format);
    }
    let document = String::from_utf8_lossy(rest.get(1..).unwrap_or_default());
    if document.trim_ascii().is_empty() {
        return Err(Rejected::Empty);
    }
    Ok(surrogates::mend(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_stands_before_the_document() {
        let check = |datagram: &[u8], expected: Result<&str, Rejected>| {
            let found = document(datagram);
            assert_eq!(found.as_deref().map_err(|rejected| *rejected), expected);
        };
        check(b"{\"format\":\"json\",\"version\":1}\n{}", Ok("{}"));
        check(b"{\"format\": \"JSON\", \"version\": 1.0, \"x\": 2}\r\n{\n}\n", Ok("{\n}\n"));
        check(b"{\"format\":\"json\",\"version\":1}\n\xff", Ok("\u{fffd}"));
        check(b"{\"format\":\"json\",\"version\":1}\n \n", Err(Rejected::Empty));
        check(b"{\"format\":\"json\",\"version\":1}\n", Err(Rejected::Empty));
        check(b"{\"format\":\"json\",\"version\":1}", Err(Rejected::Header));
        check(b"{\"format\":\"json\"}\n{}", Err(Rejected::Header));
        check(b"[]\n{}", Err(Rejected::Header));
        check(b"\n{}", Err(Rejected::Header));
        check(b"", Err(Rejected::Header));
        check(b"{\"format\":\"xml\",\"version\":1}\n{}", Err(Rejected::Format));
        check(b"{\"format\":\"json\",\"version\":2}\n{}", Err(Rejected::Format));
    }
}
