//! Records where the envelopes of a batch lie in its sources. All three signals have one shape: a request
//! holds resource envelopes (field 1), which hold scope envelopes (field 2), which hold records (field 2).
//! Records are spans, metrics or log records.

use std::ops::Range;

use crate::fields::{Field, Fields};
use crate::varint;

/// The field of a request that holds `resource_spans` or the like.
pub(crate) const RESOURCE_ENVELOPE: u32 = 1;
/// The field of a resource envelope that holds `scope_spans` or the like.
pub(crate) const SCOPE_ENVELOPE: u32 = 2;
/// The field of a scope envelope that holds `spans` or the like.
pub(crate) const RECORD: u32 = 2;
/// The field that holds `resource` in a resource envelope and `scope` in a scope envelope.
pub(crate) const HEAD: u32 = 1;

/// A range of bytes of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) source: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// The place of a record in its scope envelope. The place includes tag and length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) place: Place,
    pub(crate) scope: u32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) resources: Vec<Envelope>,
    pub(crate) scopes: Vec<Envelope>,
    /// The fields of requests that are not resource envelopes. The schema does not know them, but they are
    /// kept.
    pub(crate) loose: Vec<Place>,
    /// The fields of envelopes that are not members. Each envelope has a range of this list.
    rests: Vec<Place>,
}

/// A resource or scope envelope.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    /// The whole envelope, including tag and length.
    pub(crate) frame: Place,
    /// The index of the resource envelope around a scope envelope. Meaningless in a resource envelope.
    pub(crate) parent: u32,
    /// The number of scopes or records in the envelope when it arrived.
    pub(crate) members: u32,
    rests: Range<u32>,
    /// The fields that replace all original `resource` fields. Present once the resource was edited.
    pub(crate) head: Option<Place>,
}

impl Place {
    pub(crate) fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

impl Layout {
    /// Walks one request and calls `push` with every record and its payload.
    pub(crate) fn add(&mut self, source: u32, request: &[u8], mut push: impl FnMut(Record, &[u8])) {
        for field in Fields::of(request) {
            match field.delimited(RESOURCE_ENVELOPE) {
                Some(body) => self.add_resource(&Region::whole(source).inside(&field), body, &mut push),
                None => join(&mut self.loose, Region::whole(source).place(&field)),
            }
        }
    }

    fn add_resource(&mut self, region: &Region, body: &[u8], push: &mut impl FnMut(Record, &[u8])) {
        let parent = self.resources.len() as u32;
        let scopes = self.scopes.len() as u32;
        let mut rests = Vec::new();
        for field in Fields::of(body) {
            match field.delimited(SCOPE_ENVELOPE) {
                Some(body) => self.add_scope(parent, &region.inside(&field), body, push),
                None => join(&mut rests, region.place(&field)),
            }
        }
        let members = self.scopes.len() as u32 - scopes;
        let rests = self.keep(rests);
        self.resources.push(Envelope { frame: region.frame, parent, members, rests, head: None });
    }

    fn add_scope(&mut self, parent: u32, region: &Region, body: &[u8], push: &mut impl FnMut(Record, &[u8])) {
        let scope = self.scopes.len() as u32;
        let mut rests = Vec::new();
        let mut members = 0;
        for field in Fields::of(body) {
            match field.delimited(RECORD) {
                Some(body) => {
                    members += 1;
                    push(Record { place: region.place(&field), scope }, body);
                }
                None => join(&mut rests, region.place(&field)),
            }
        }
        let rests = self.keep(rests);
        self.scopes.push(Envelope { frame: region.frame, parent, members, rests, head: None });
    }

    fn keep(&mut self, rests: Vec<Place>) -> Range<u32> {
        let start = self.rests.len() as u32;
        self.rests.extend(rests);
        start..self.rests.len() as u32
    }

    /// Returns the fields of an envelope that are not members, as they arrived.
    pub(crate) fn rests(&self, envelope: &Envelope) -> &[Place] {
        self.rests.get(envelope.rests.start as usize..envelope.rests.end as usize).unwrap_or(&[])
    }

    /// Returns how many bytes of memory the layout takes.
    pub(crate) fn held_bytes(&self) -> usize {
        let places = self.loose.len() + self.rests.len();
        (self.resources.len() + self.scopes.len()) * size_of::<Envelope>() + places * size_of::<Place>()
    }
}

/// A message within a source. Converts offsets within the message into places.
struct Region {
    frame: Place,
    /// The offset of the payload.
    base: u32,
}

impl Region {
    fn whole(source: u32) -> Region {
        Region { frame: Place { source, start: 0, end: 0 }, base: 0 }
    }

    fn place(&self, field: &Field<'_>) -> Place {
        let source = self.frame.source;
        Place { source, start: self.base + field.start as u32, end: self.base + field.end as u32 }
    }

    fn inside(&self, field: &Field<'_>) -> Region {
        let frame = self.place(field);
        Region { frame, base: frame.end - field.value.len() as u32 }
    }
}

/// Adds a place, or extends the last place if the two touch.
fn join(places: &mut Vec<Place>, place: Place) {
    match places.last_mut() {
        Some(last) if last.source == place.source && last.end == place.start => last.end = place.end,
        _ => places.push(place),
    }
}

/// Returns the payload of a record or envelope that is given with its tag and length.
pub(crate) fn payload(frame: &[u8]) -> &[u8] {
    let after_tag = varint::read(frame).map_or(frame, |(_, rest)| rest);
    varint::read(after_tag).map_or(after_tag, |(_, rest)| rest)
}
