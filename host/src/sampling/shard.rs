//! The traces of one shard.

use std::collections::VecDeque;

use hashbrown::HashMap;
use wire::{Frame, Frames, SpanBatch};

use super::{
    blocks::{self, Blocks, Held, Place},
    origins::{self, Origins},
};
use crate::{
    pipeline::{Batch, batch::Owed},
    receipt::{Failure, Reason},
};

pub(super) type TraceId = [u8; 16];

/// The memory that a trace takes beside its spans, about: its entries in the map and in the order.
const TRACE_BYTES: usize = 80;
/// Traces leave together, up to this size.
const BATCH_BYTES: usize = 1 << 20;
/// A trace that is larger than this leaves in several batches.
const MAX_BATCH_BYTES: usize = 64 << 20;

/// An upper bound of the memory that a span takes beside its own bytes, if it is the first of its trace.
pub(super) const SPAN_OVERHEAD_BYTES: usize = blocks::OVERHEAD_BYTES + TRACE_BYTES;
/// The same for the first span of a resource, a scope and a request.
pub(super) const ORIGIN_OVERHEAD_BYTES: usize = origins::OVERHEAD_BYTES;

/// Holds spans by trace, as copies of their wire bytes.
#[derive(Default)]
pub(super) struct Shard {
    blocks: Blocks,
    origins: Origins,
    traces: HashMap<TraceId, Trace>,
    /// The traces in the order in which their first spans came, with the time of that.
    order: VecDeque<(Millis, TraceId)>,
}

/// Milliseconds since the start of the assembly.
pub(super) type Millis = u64;

struct Trace {
    last: Place,
    /// The length of its spans, with their part of the envelopes.
    bytes: usize,
}

/// Traces that leave.
pub(super) struct Released {
    pub(super) batch: Batch,
    pub(super) traces: usize,
    /// How many of them leave before their time.
    pub(super) early: usize,
}

/// Why a trace leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    /// It was held for as long as it should be.
    Due,
    /// There is no room for others.
    Early,
}

impl Shard {
    pub(super) fn traces(&self) -> usize {
        self.traces.len()
    }

    /// Returns how much memory the shard takes, in bytes, about.
    pub(super) fn held_bytes(&self) -> usize {
        self.blocks.held_bytes() + self.origins.held_bytes() + self.traces.len() * TRACE_BYTES
    }

    /// Returns when the first span of the oldest trace came.
    pub(super) fn oldest(&self) -> Option<Millis> {
        self.order.front().map(|(since, _)| *since)
    }

    /// Copies spans. Takes from `owed` what is owed for them.
    pub(super) fn add(&mut self, frames: &Frames<'_>, rows: &[u32], owed: &mut Owed, now: Millis) {
        let (mut resource_fields, mut scope_fields) = (Vec::new(), Vec::new());
        let scope = |row: &u32| frames.scope(*row as usize);
        for run in rows.chunk_by(|one, next| scope(one) == scope(next)) {
            resource_fields.clear();
            scope_fields.clear();
            let scope = run.first().map_or(usize::MAX, scope);
            frames.write_resource(scope, &mut resource_fields);
            frames.write_scope(scope, &mut scope_fields);
            let owed = owed.split_off(run.len());
            let origin = self.origins.enter(run.len(), &resource_fields, &scope_fields, owed);
            let fields_bytes = (resource_fields.len() + scope_fields.len()) / run.len().max(1);
            for row in run {
                let id = frames.trace_ids().get(*row as usize).copied().unwrap_or_default();
                self.push(id, origin, frames.span(*row as usize), fields_bytes, now);
            }
        }
    }

    fn push(&mut self, id: TraceId, origin: u32, span: &[u8], fields_bytes: usize, now: Millis) {
        let bytes = span.len() + fields_bytes;
        match self.traces.get_mut(&id) {
            Some(trace) => {
                trace.last = self.blocks.push(Held { before: Some(trace.last), origin, span });
                trace.bytes += bytes;
            }
            None => {
                let last = self.blocks.push(Held { before: None, origin, span });
                self.traces.insert(id, Trace { last, bytes });
                self.order.push_back((now, id));
            }
        }
    }

    /// Takes out the oldest traces that leave by `leaves`, as many as fit into a batch. `leaves` is given the time
    /// of a trace's first span, and how many traces there are.
    pub(super) fn release(&mut self, leaves: impl Fn(Millis, usize) -> Option<Leaves>) -> Option<Released> {
        let (mut places, mut bytes, mut traces, mut early) = (Vec::new(), 0, 0, 0);
        while let Some((since, id)) = self.order.front().copied()
            && let Some(leaves) = leaves(since, self.traces.len())
        {
            let Some(trace) = self.traces.get_mut(&id) else {
                self.order.pop_front();
                continue;
            };
            if !places.is_empty() && bytes + trace.bytes > BATCH_BYTES {
                break;
            }
            bytes += trace.bytes;
            match take(&self.blocks, trace, &mut places) {
                // The rest of a trace that is too large for a batch.
                Some(rest) => {
                    *trace = rest;
                    break;
                }
                None => {
                    self.order.pop_front();
                    self.traces.remove(&id);
                    traces += 1;
                    early += usize::from(leaves == Leaves::Early);
                }
            }
        }
        let batch = self.take_out(&places)?;
        Some(Released { batch, traces, early })
    }

    /// Makes a batch of spans, and forgets them.
    fn take_out(&mut self, places: &[Place]) -> Option<Batch> {
        let origin_of = |place: &Place| {
            let origin = self.blocks.get(*place)?.origin;
            Some((self.origins.get(origin)?.resource, origin, *place))
        };
        let mut origins: Vec<(u32, u32, Place)> = places.iter().filter_map(origin_of).collect();
        // Spans of one resource and scope share their envelopes.
        origins.sort_by_key(|(resource, origin, _)| (*resource, *origin));
        let frames: Vec<Frame<'_>> =
            origins.iter().filter_map(|(_, origin, place)| self.frame(*origin, *place)).collect();
        let spans = SpanBatch::of_frames(&frames);
        let mut owed: Option<Owed> = None;
        for run in origins.chunk_by(|one, next| one.1 == next.1) {
            let of_run = run.first().and_then(|(_, origin, _)| self.origins.leave(*origin, run.len()));
            match (&mut owed, of_run) {
                (Some(owed), Some(of_run)) => owed.join(of_run),
                (owed @ None, of_run) => *owed = of_run,
                (Some(_), None) => {}
            }
        }
        origins.iter().for_each(|(_, _, place)| self.blocks.remove(*place));
        match spans {
            Ok(spans) => Some(owed?.batch(wire::Batch::Spans(spans))),
            Err(error) => {
                owed?.dropped(&Failure::permanent(Reason::TooLarge, error.to_string()));
                None
            }
        }
    }

    fn frame(&self, origin: u32, place: Place) -> Option<Frame<'_>> {
        let envelopes = self.origins.get(origin)?;
        Some(Frame {
            resource: envelopes.resource,
            scope: origin,
            resource_fields: envelopes.resource_fields,
            scope_fields: envelopes.scope_fields,
            span: self.blocks.get(place)?.span,
        })
    }
}

/// Adds the places of a trace's spans in their order. Of a trace that is too large for a batch, it adds the last
/// ones, and returns the rest.
fn take(blocks: &Blocks, trace: &Trace, places: &mut Vec<Place>) -> Option<Trace> {
    let first = places.len();
    let (mut bytes, mut next) = (0, Some(trace.last));
    while let Some(place) = next {
        let Some(held) = blocks.get(place) else { break };
        if bytes > 0 && bytes + held.span.len() > MAX_BATCH_BYTES {
            break;
        }
        bytes += held.span.len();
        places.push(place);
        next = held.before;
    }
    places.get_mut(first..).unwrap_or_default().reverse();
    next.map(|last| Trace { last, bytes: trace.bytes.saturating_sub(bytes) })
}
