//! Where the envelopes of a batch lie in its sources. All three signals share one shape: a request holds
//! resource envelopes (field 1), these hold scope envelopes (field 2), these hold records (field 2):
//! spans, metrics or log records.

use std::ops::Range;

use crate::fields::{Field, Fields};
use crate::varint;

/// `resource_spans` and its siblings in a request.
pub(crate) const RESOURCE_ENVELOPE: u32 = 1;
/// `scope_spans` and its siblings in a resource envelope.
pub(crate) const SCOPE_ENVELOPE: u32 = 2;
/// `spans` and its siblings in a scope envelope.
pub(crate) const RECORD: u32 = 2;
/// `resource` in a resource envelope, `scope` in a scope envelope.
pub(crate) const HEAD: u32 = 1;

/// Some bytes of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) source: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A record as it lies in its scope envelope, tag and length included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) place: Place,
    pub(crate) scope: u32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) resources: Vec<Envelope>,
    pub(crate) scopes: Vec<Envelope>,
    /// Fields of requests that are no resource envelope: unknown to the schema, kept all the same.
    pub(crate) loose: Vec<Place>,
    /// What envelopes hold beside their members; each names its share by a range.
    rests: Vec<Place>,
}

/// A resource or scope envelope.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    /// Tag and length included.
    pub(crate) frame: Place,
    /// The resource envelope around a scope envelope; of no meaning to a resource envelope.
    pub(crate) parent: u32,
    /// How many scopes or records it held when it arrived.
    pub(crate) members: u32,
    rests: Range<u32>,
    /// Whole fields that stand for all `resource` fields that arrived: someone edited the resource.
    pub(crate) head: Option<Place>,
}

impl Place {
    pub(crate) fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

impl Layout {
    /// Walks one request and tells every record to `push`, with its payload.
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

    /// What an envelope holds beside its members, as it arrived.
    pub(crate) fn rests(&self, envelope: &Envelope) -> &[Place] {
        self.rests.get(envelope.rests.start as usize..envelope.rests.end as usize).unwrap_or(&[])
    }

    /// The bytes of memory that the layout takes.
    pub(crate) fn held_bytes(&self) -> usize {
        let places = self.loose.len() + self.rests.len();
        (self.resources.len() + self.scopes.len()) * size_of::<Envelope>() + places * size_of::<Place>()
    }
}

/// A message within a source: what turns offsets within it into places.
struct Region {
    frame: Place,
    /// Where its payload begins.
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

/// Adds a place, as part of the one before if they touch.
fn join(places: &mut Vec<Place>, place: Place) {
    match places.last_mut() {
        Some(last) if last.source == place.source && last.end == place.start => last.end = place.end,
        _ => places.push(place),
    }
}

/// The payload of a record or envelope, given it with its tag and length.
pub(crate) fn payload(frame: &[u8]) -> &[u8] {
    let after_tag = varint::read(frame).map_or(frame, |(_, rest)| rest);
    varint::read(after_tag).map_or(after_tag, |(_, rest)| rest)
}
