//! Encodes a batch. Unedited parts are slices of the sources. The remains of edited envelopes are copied and
//! get new lengths.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::fields::Fields;
use crate::layout::{Envelope, HEAD, Layout, Place, RESOURCE_ENVELOPE, Record, SCOPE_ENVELOPE};
use crate::schema::LEN;
use crate::varint;

/// Runs shorter than this are copied, because copying is cheaper than a slice of their own.
const MIN_SLICE_BYTES: usize = 4096;

/// The input of encoding: the sources, and where records and envelopes lie in them.
pub(crate) struct Plan<'a> {
    pub(crate) sources: &'a [Bytes],
    pub(crate) layout: &'a Layout,
    /// Ordered by their scopes.
    pub(crate) records: &'a [Record],
    /// Whether the layout's loose fields are written too.
    pub(crate) loose: bool,
}

/// Consecutive records of one scope.
struct ScopeRun<'a> {
    scope: &'a Envelope,
    records: &'a [Record],
    /// The length of the payload after encoding.
    len_bytes: usize,
    /// Whether all records of the scope are present and unedited.
    intact: bool,
}

impl Plan<'_> {
    /// Returns one request in pieces, and the total length of the buffers that the pieces keep alive.
    /// Envelopes without records are left out.
    pub(crate) fn encode(&self) -> (SmallVec<[Bytes; 1]>, usize) {
        let runs = self.runs();
        let mut out = Splicer::new(self.sources);
        for place in self.loose() {
            out.copy(*place);
        }
        for runs in runs.chunk_by(|a, b| a.scope.parent == b.scope.parent) {
            self.resource(runs, &mut out);
        }
        out.finish()
    }

    /// Returns the length of the request that `encode` returns, in bytes.
    pub(crate) fn encoded_len(&self) -> usize {
        let loose: usize = self.loose().iter().map(|place| place.len()).sum();
        let runs = self.runs();
        let resources = runs.chunk_by(|a, b| a.scope.parent == b.scope.parent);
        loose + resources.map(|runs| self.resource_len(runs)).sum::<usize>()
    }

    fn loose(&self) -> &[Place] {
        if self.loose { &self.layout.loose } else { &[] }
    }

    fn runs(&self) -> Vec<ScopeRun<'_>> {
        let by_scope = self.records.chunk_by(|a, b| a.scope == b.scope);
        by_scope.filter_map(|records| self.run(records)).collect()
    }

    fn run<'a>(&'a self, records: &'a [Record]) -> Option<ScopeRun<'a>> {
        let scope = self.layout.scopes.get(records.first()?.scope as usize)?;
        let within = |record: &Record| record.place.source == scope.frame.source;
        let intact = records.len() == scope.members as usize && records.iter().all(within);
        let records_len: usize = records.iter().map(|record| record.place.len()).sum();
        let rests_len: usize = self.layout.rests(scope).iter().map(|place| place.len()).sum();
        Some(ScopeRun { scope, records, len_bytes: records_len + rests_len, intact })
    }

    fn resource(&self, runs: &[ScopeRun<'_>], out: &mut Splicer<'_>) {
        let Some(resource) = self.resource_of(runs) else { return };
        if is_intact(resource, runs) {
            return out.copy(resource.frame);
        }
        out.open(RESOURCE_ENVELOPE, self.body_len(resource, runs));
        self.head(resource, out);
        for run in runs {
            if run.intact {
                out.copy(run.scope.frame);
                continue;
            }
            out.open(SCOPE_ENVELOPE, run.len_bytes);
            for place in self.layout.rests(run.scope) {
                out.copy(*place);
            }
            for record in run.records {
                out.copy(record.place);
            }
        }
    }

    fn resource_of(&self, runs: &[ScopeRun<'_>]) -> Option<&Envelope> {
        self.layout.resources.get(runs.first()?.scope.parent as usize)
    }

    fn resource_len(&self, runs: &[ScopeRun<'_>]) -> usize {
        match self.resource_of(runs) {
            Some(resource) if is_intact(resource, runs) => resource.frame.len(),
            Some(resource) => framed_len(RESOURCE_ENVELOPE, self.body_len(resource, runs)),
            None => 0,
        }
    }

    fn body_len(&self, resource: &Envelope, runs: &[ScopeRun<'_>]) -> usize {
        let scopes = runs.iter().map(|run| match run.intact {
            true => run.scope.frame.len(),
            false => framed_len(SCOPE_ENVELOPE, run.len_bytes),
        });
        let mut head = 0;
        self.each_of_head(resource, |place| head += place.len());
        head + scopes.sum::<usize>()
    }

    fn head(&self, resource: &Envelope, out: &mut Splicer<'_>) {
        self.each_of_head(resource, |place| out.copy(place));
    }

    /// Visits the fields of the resource envelope other than its scopes. An edited resource replaces the one
    /// that arrived.
    pub(crate) fn each_of_head(&self, resource: &Envelope, mut each: impl FnMut(Place)) {
        let rests = self.layout.rests(resource).iter();
        let Some(head) = resource.head else { return rests.for_each(|place| each(*place)) };
        each(head);
        for rest in rests {
            let Some(bytes) = bytes_at(self.sources, *rest) else { continue };
            for field in Fields::of(bytes).filter(|field| field.delimited(HEAD).is_none()) {
                let (start, end) = (rest.start + field.start as u32, rest.start + field.end as u32);
                each(Place { source: rest.source, start, end });
            }
        }
    }
}

fn is_intact(resource: &Envelope, runs: &[ScopeRun<'_>]) -> bool {
    resource.head.is_none() && runs.len() == resource.members as usize && runs.iter().all(|run| run.intact)
}

pub(crate) fn framed_len(number: u32, len_bytes: usize) -> usize {
    varint::encoded_len(u64::from(number << 3)) + varint::encoded_len(len_bytes as u64) + len_bytes
}

#[inline]
pub(crate) fn open(out: &mut Vec<u8>, number: u32, len_bytes: usize) {
    if number < 16 && len_bytes < 0x80 {
        return out.extend_from_slice(&[(number << 3 | LEN) as u8, len_bytes as u8]);
    }
    varint::write(out, u64::from(number << 3 | LEN));
    varint::write(out, len_bytes as u64);
}

pub(crate) fn bytes_at(sources: &[Bytes], place: Place) -> Option<&[u8]> {
    sources.get(place.source as usize)?.get(place.start as usize..place.end as usize)
}

/// Does the same as `bytes_at`, and shares the source.
fn slice_at(sources: &[Bytes], place: Place) -> Option<Bytes> {
    let bytes = bytes_at(sources, place)?;
    Some(sources.get(place.source as usize)?.slice_ref(bytes))
}

/// Collects pieces: long runs become slices of their source, and all other bytes go into one buffer.
struct Splicer<'a> {
    sources: &'a [Bytes],
    /// The last run, which may still grow.
    run: Option<Place>,
    scratch: Vec<u8>,
    pieces: Vec<Piece>,
}

enum Piece {
    Slice(Place),
    /// The bytes of the buffer up to this offset.
    Scratch(usize),
}

impl<'a> Splicer<'a> {
    fn new(sources: &'a [Bytes]) -> Splicer<'a> {
        Splicer { sources, run: None, scratch: Vec::new(), pieces: Vec::new() }
    }

    fn open(&mut self, number: u32, len_bytes: usize) {
        self.flush();
        open(&mut self.scratch, number, len_bytes);
    }

    fn copy(&mut self, place: Place) {
        match &mut self.run {
            Some(run) if run.source == place.source && run.end == place.start => run.end = place.end,
            _ => {
                self.flush();
                self.run = Some(place);
            }
        }
    }

    fn flush(&mut self) {
        let Some(run) = self.run.take() else { return };
        if run.len() < MIN_SLICE_BYTES {
            self.scratch.extend_from_slice(bytes_at(self.sources, run).unwrap_or_default());
        } else {
            self.seal();
            self.pieces.push(Piece::Slice(run));
        }
    }

    /// Makes a piece of the bytes copied so far.
    fn seal(&mut self) {
        if !self.scratch.is_empty() {
            self.pieces.push(Piece::Scratch(self.scratch.len()));
        }
    }

    fn finish(mut self) -> (SmallVec<[Bytes; 1]>, usize) {
        self.flush();
        self.seal();
        self.scratch.shrink_to_fit();
        let held_bytes = self.held_bytes();
        let mut scratch = Bytes::from(self.scratch);
        let mut sealed = 0;
        let slice = |piece| match piece {
            Piece::Scratch(end) => {
                let bytes = scratch.split_to(end - sealed);
                sealed = end;
                bytes
            }
            Piece::Slice(place) => slice_at(self.sources, place).unwrap_or_default(),
        };
        (self.pieces.into_iter().map(slice).filter(|piece| !piece.is_empty()).collect(), held_bytes)
    }

    fn held_bytes(&self) -> usize {
        let source = |piece: &Piece| match piece {
            Piece::Slice(place) => Some(place.source),
            Piece::Scratch(_) => None,
        };
        let mut sources: Vec<u32> = self.pieces.iter().filter_map(source).collect();
        sources.sort_unstable();
        sources.dedup();
        let lengths = sources.iter().filter_map(|source| Some(self.sources.get(*source as usize)?.len()));
        lengths.sum::<usize>() + self.scratch.len()
    }
}
