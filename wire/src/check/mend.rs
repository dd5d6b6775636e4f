//! Repairs a request in which some texts are not UTF-8, some ids have a wrong length, some values nest too deep, or
//! scopes are in the field of OTLP before 0.15.
//!
//! One more walk notes the changes in the order of the bytes, and one pass copies the bytes and applies them.
//! Both are linear, whatever is wrong. A change gives the messages around it new lengths, and a longer length
//! may lengthen the messages further out.

use std::ops::Range;

use super::{Kind, delimited, locate, offset_in, trace::Trace, walk, within_size};
use crate::fields::Fields;
use crate::schema::{LEN, Message, SCOPES};
use crate::{Signal, WireError, varint};

/// A request whose faults are repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    pub bytes: Vec<u8>,
    /// The number of texts in which U+FFFD replaced bytes that were not UTF-8.
    pub texts: usize,
    /// The number of messages left out because they nested too deep. All are parts of values.
    pub cuts: usize,
    /// The number of items left out because of an id.
    pub refused: usize,
    /// The fault of the first id for which an item was left out.
    pub first_refused: Option<WireError>,
}

/// The most changes to one request, and the most bytes by which its texts may grow. A request that needs more
/// is refused.
const EDITS_LIMIT: usize = 1 << 20;
const GROWTH_LIMIT_BYTES: usize = 1 << 20;

/// Replaces bytes that are not UTF-8 by U+FFFD, leaves out items (spans, data points, log records) that have an
/// id of a wrong length, cuts values where they begin to nest too deep, and moves scopes from their former field to
/// today's. As the protocol says, the former field is left out if the resource has scopes in today's field too. Any
/// other fault is an error, as in [`check`](super::check()). What is left out is not checked.
pub fn mend(signal: Signal, bytes: &[u8]) -> Result<Mended, WireError> {
    within_size(signal, bytes)?;
    let mut mender = Mender::new(bytes);
    if let Err(fault) = walk(signal.request(), 0, bytes, &mut mender) {
        return Err(locate(signal, bytes, fault.kind, offset_in(bytes, fault.at)));
    }
    Ok(Mended {
        bytes: mender.write(),
        texts: mender.texts,
        cuts: mender.cuts,
        refused: mender.refused,
        first_refused: mender.first_refused.map(|(kind, at)| locate(signal, bytes, kind, at)),
    })
}

struct Mender<'a> {
    bytes: &'a [u8],
    /// The offset of the field that the walk is at.
    field_at: usize,
    /// The messages that the walk is in, without the request itself.
    levels: Vec<Level>,
    /// Ordered by place; no edit lies within another.
    edits: Vec<Edit>,
    texts: usize,
    cuts: usize,
    /// The number of bytes by which texts have grown.
    grown_bytes: usize,
    refused: usize,
    /// The fault of the first id for which an item was left out, and its offset.
    first_refused: Option<(Kind, usize)>,
    /// Whether the message that the walk enters next is left out, without being refused.
    skips_next: bool,
}

struct Level {
    tag_at: usize,
    len_at: usize,
    body: Range<usize>,
    is_item: bool,
    is_refused: bool,
    /// Whether the message is left out and nobody misses it.
    is_skipped: bool,
    /// Whether the message is a resource with scopes in today's field; `None` if nobody has asked.
    has_scopes: Option<bool>,
    /// The index of the edit that changes the length of this message.
    edit: Option<usize>,
    /// The number of bytes by which the content grows; negative if it shrinks.
    growth: isize,
    texts_before: usize,
    cuts_before: usize,
    refused_before: usize,
    first_refused_before: Option<(Kind, usize)>,
}

/// A replacement for the bytes of `old`.
struct Edit {
    old: Range<usize>,
    new: New,
}

enum New {
    Nothing,
    /// The tag of scopes.
    Scopes,
    /// The length of a message.
    Length(usize),
    /// A text, with its length before it.
    Text(Range<usize>),
}

impl<'a> Mender<'a> {
    fn new(bytes: &'a [u8]) -> Mender<'a> {
        Mender {
            bytes,
            field_at: 0,
            levels: Vec::new(),
            edits: Vec::new(),
            texts: 0,
            cuts: 0,
            grown_bytes: 0,
            refused: 0,
            first_refused: None,
            skips_next: false,
        }
    }

    fn offset(&self, at: &[u8]) -> usize {
        offset_in(self.bytes, at)
    }

    /// Notes a change within the messages that the walk is in.
    fn edit(&mut self, old: Range<usize>, new: New) {
        let known = self.levels.iter().rposition(|level| level.edit.is_some()).map_or(0, |last| last + 1);
        for level in self.levels.iter_mut().skip(known) {
            level.edit = Some(self.edits.len());
            let edit = Edit { old: level.len_at..level.body.start, new: New::Length(level.body.len()) };
            self.edits.push(edit);
        }
        self.grow(new.len(self.bytes) as isize - old.len() as isize);
        self.edits.push(Edit { old, new });
    }

    /// Records that the content of the innermost message grows by `by` bytes.
    fn grow(&mut self, by: isize) {
        if let Some(level) = self.levels.last_mut() {
            level.growth += by;
        }
    }

    fn leave_out(&mut self, message: &Level) {
        while self.edits.pop_if(|edit| edit.old.start >= message.tag_at).is_some() {}
        self.texts = message.texts_before;
        self.cuts = message.cuts_before;
        self.refused = message.refused_before + usize::from(message.is_refused);
        if message.is_skipped {
            self.first_refused = message.first_refused_before;
        }
        self.edit(message.tag_at..message.body.end, New::Nothing);
    }

    /// Moves the scopes that the walk enters next to today's field, or leaves them out.
    fn move_scopes(&mut self, len_at: &[u8]) {
        let Some(resource) = self.levels.last_mut() else { return };
        let body = self.bytes.get(resource.body.clone()).unwrap_or_default();
        let has_scopes =
            *resource.has_scopes.get_or_insert_with(|| Fields::of(body).any(|field| field.number == SCOPES));
        if has_scopes {
            self.skips_next = true;
        } else {
            self.edit(self.field_at..self.offset(len_at), New::Scopes);
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len());
        let mut copied = 0;
        for Edit { old, new } in &self.edits {
            out.extend_from_slice(self.bytes.get(copied..old.start).unwrap_or_default());
            new.write(self.bytes, &mut out);
            copied = old.end;
        }
        out.extend_from_slice(self.bytes.get(copied..).unwrap_or_default());
        out
    }
}

impl Trace for Mender<'_> {
    fn field(&mut self, at: &[u8]) {
        self.field_at = self.offset(at);
    }

    fn enter(&mut self, _: &'static Message, is_item: bool, len_at: &[u8], body: &[u8]) {
        let (len_at, start) = (self.offset(len_at), self.offset(body));
        self.levels.push(Level {
            tag_at: self.field_at,
            len_at,
            body: start..start + body.len(),
            is_item,
            is_refused: false,
            is_skipped: std::mem::take(&mut self.skips_next),
            has_scopes: None,
            edit: None,
            growth: 0,
            texts_before: self.texts,
            cuts_before: self.cuts,
            refused_before: self.refused,
            first_refused_before: self.first_refused,
        });
    }

    fn leave(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        if level.is_refused || level.is_skipped {
            return self.leave_out(&level);
        }
        let Some(edit) = level.edit.and_then(|edit| self.edits.get_mut(edit)) else { return };
        let len = level.body.len().saturating_add_signed(level.growth);
        edit.new = New::Length(len);
        let (before, now) = (edit.old.len(), varint::encoded_len(len as u64));
        self.grow(level.growth + now as isize - before as isize);
    }

    fn forgives(&mut self, kind: Kind, len_at: &[u8], value: &[u8]) -> bool {
        // The messages that the walk is in may each need an edit of their length.
        if self.edits.len() + self.levels.len() >= EDITS_LIMIT {
            return false;
        }
        match kind {
            Kind::Utf8 => {
                let start = self.offset(value);
                let text = start..start + value.len();
                self.texts += 1;
                self.grown_bytes += pieces(self.bytes, &text).map(str::len).sum::<usize>() - text.len();
                self.edit(self.offset(len_at)..text.end, New::Text(text));
                self.grown_bytes <= GROWTH_LIMIT_BYTES
            }
            Kind::Id { .. } => {
                let Some(item) = self.levels.iter_mut().rfind(|level| level.is_item) else { return false };
                item.is_refused = true;
                let at = self.offset(value);
                self.first_refused.get_or_insert((kind, at));
                true
            }
            Kind::FormerScopes => {
                self.move_scopes(len_at);
                true
            }
            Kind::Depth { .. } => {
                let Ok((_, rest)) = delimited(len_at) else { return false };
                self.cuts += 1;
                self.edit(self.field_at..self.offset(rest), New::Nothing);
                true
            }
            _ => false,
        }
    }
}

impl New {
    fn len(&self, bytes: &[u8]) -> usize {
        match self {
            New::Nothing => 0,
            New::Scopes => 1,
            New::Length(len) => varint::encoded_len(*len as u64),
            New::Text(text) => {
                let len = pieces(bytes, text).map(str::len).sum::<usize>();
                varint::encoded_len(len as u64) + len
            }
        }
    }

    fn write(&self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            New::Nothing => {}
            New::Scopes => out.push((SCOPES << 3 | LEN) as u8),
            New::Length(len) => varint::write(out, *len as u64),
            New::Text(text) => {
                let len = pieces(bytes, text).map(str::len).sum::<usize>();
                varint::write(out, len as u64);
                pieces(bytes, text).for_each(|piece| out.extend_from_slice(piece.as_bytes()));
            }
        }
    }
}

/// Yields the valid parts of the text, and U+FFFD for each invalid part between them.
fn pieces<'a>(bytes: &'a [u8], text: &Range<usize>) -> impl Iterator<Item = &'a str> {
    let text = bytes.get(text.clone()).unwrap_or_default();
    text.utf8_chunks()
        .flat_map(|chunk| [chunk.valid(), if chunk.invalid().is_empty() { "" } else { "\u{fffd}" }])
}
