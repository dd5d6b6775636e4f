//! The traces of one shard.

use hashbrown::{HashMap, HashSet, hash_map::Entry};
use wire::{Frame, Frames, SpanBatch};

use super::{
    assembly::Assembly,
    blocks::{self, Blocks, Held, Place},
    decisions::{By, Decision, Decisions, Known},
    order::{self, Leaves, Order, Rule, Stamp, Waits, stamp},
    origins::{self, Origins},
    relief::Share,
};
use crate::{
    pipeline::{Batch, batch::Owed, kept::KeptAt},
    receipt::{Failure, Reason},
};

pub(super) type TraceId = [u8; 16];

/// The memory that a trace takes beside its spans, about: its entries in the map and in the order.
const TRACE_BYTES: usize = 60 + order::ENTRY_BYTES;
/// Traces leave together, up to this size.
const BATCH_BYTES: usize = 1 << 20;
/// A trace that is larger than this leaves in several batches, since a destination would not take it in one. A sampler
/// is given the whole of it.
pub(super) const MAX_BATCH_BYTES: usize = 64 << 20;

/// An upper bound of the memory that a span takes beside its own bytes, if it is the first of its trace.
pub(super) const SPAN_OVERHEAD_BYTES: usize = blocks::OVERHEAD_BYTES + TRACE_BYTES + order::ENTRY_BYTES;
/// The same for the first span of a resource, a scope and a request.
pub(super) const ORIGIN_OVERHEAD_BYTES: usize = origins::OVERHEAD_BYTES;

/// Holds spans by trace, as copies of their wire bytes.
#[derive(Default)]
pub(super) struct Shard {
    blocks: Blocks,
    origins: Origins,
    traces: HashMap<TraceId, Trace>,
    order: Order,
    /// The traces that left last, about which the sampler may be asked at this moment.
    leaving: HashSet<TraceId>,
}

/// Milliseconds since the start of the assembly.
pub(super) type Millis = u64;

pub(super) struct Trace {
    last: Place,
    /// The length of its spans, with their part of the envelopes.
    bytes: u32,
    /// When its first span came.
    pub(super) since: Stamp,
    /// When its root came.
    pub(super) root: Option<Stamp>,
}

/// What an assembly asks of its shards.
#[derive(Clone, Copy)]
pub(super) struct Asks<'a> {
    /// The decisions that were made, if a sampler makes any.
    pub(super) decisions: Option<&'a Decisions>,
    /// The parents of the spans, if roots matter.
    pub(super) parents: Option<&'a [[u8; 8]]>,
    pub(super) max_trace_bytes: Option<usize>,
    /// How new traces are decided if they are not to be held.
    pub(super) relief: Option<AtOnce<'a>>,
    /// The assembly that this one replaces, as long as it drains.
    pub(super) former: Option<&'a Assembly>,
    pub(super) now: Millis,
}

/// Decides new traces by their ids.
#[derive(Clone, Copy)]
pub(super) struct AtOnce<'a> {
    pub(super) share: Share,
    /// The trace states of the spans that have one, in the order of their rows.
    pub(super) states: &'a [(u32, &'a str)],
}

/// A span that is to be held.
#[derive(Clone, Copy)]
struct Arriving<'a> {
    row: usize,
    origin: u32,
    /// The field `spans` that holds it, with tag and length.
    bytes: &'a [u8],
    /// Its part of the envelopes.
    fields_bytes: usize,
}

/// What became of spans that were not held.
#[derive(Default)]
pub(super) struct Added {
    pub(super) new_traces: usize,
    /// The spans whose trace was kept.
    pub(super) kept: Vec<KeptSpan>,
    /// How many spans are of traces that were not sampled.
    pub(super) not_sampled: usize,
    /// The new traces that were not held, and what was decided about them.
    pub(super) at_once: Vec<(TraceId, Decision)>,
    /// How many spans came after the sampler's decision about their trace, which was kept, or not sampled.
    pub(super) late_kept: usize,
    pub(super) late_not_sampled: usize,
    /// The ages of the decisions that spans came too late for.
    pub(super) ages_secs: Vec<u64>,
    /// Traces that are too large. They are to be dropped.
    pub(super) too_large: Vec<Batch>,
}

/// A span of a trace that was kept.
#[derive(Clone, Copy)]
pub(super) struct KeptSpan {
    pub(super) row: u32,
    pub(super) by: By,
    /// The rate that the other spans of its trace say.
    pub(super) rate: Option<KeptAt>,
}

/// Traces that leave, in parts by what is known of them.
#[derive(Default)]
pub(super) struct Released {
    pub(super) undecided: Option<Batch>,
    /// The traces of `undecided`.
    pub(super) ids: Vec<TraceId>,
    /// Spans of traces that were decided while these spans came.
    pub(super) kept: Option<Batch>,
    /// The decisions about the traces of `kept`.
    pub(super) known: HashMap<TraceId, (By, Decision)>,
    pub(super) not_sampled: Option<Owed>,
    pub(super) traces: usize,
    pub(super) spans: usize,
    /// How many of the traces leave before their time: because there are too many, and for their memory.
    pub(super) too_many: usize,
    pub(super) short: usize,
    /// How long each trace was held.
    pub(super) ages: Vec<Millis>,
}

impl Shard {
    pub(super) fn traces(&self) -> usize {
        self.traces.len()
    }

    /// Returns whether spans of a trace are held, or the sampler may be asked about the trace at this moment.
    pub(super) fn has(&self, id: &TraceId) -> bool {
        self.traces.contains_key(id) || self.leaving.contains(id)
    }

    /// Returns how much memory the shard takes, in bytes, about.
    pub(super) fn held_bytes(&self) -> usize {
        let of_traces = self.traces.len() * TRACE_BYTES + self.order.extra_bytes(self.traces.len());
        self.blocks.held_bytes() + self.origins.held_bytes() + of_traces
    }

    /// Returns for how long a trace has been due that has not left yet.
    pub(super) fn overdue(&mut self, now: Millis, waits: Waits) -> Millis {
        self.order.drop_stale(&self.traces);
        self.order.due(waits).map_or(0, |due| now.saturating_sub(due))
    }

    /// Returns when the next trace leaves.
    pub(super) fn due(&self, waits: Waits) -> Option<Millis> {
        self.order.due(waits)
    }

    /// Copies spans, except those of traces that were decided. Takes from `owed` what is owed for the spans that it
    /// holds.
    pub(super) fn add(
        &mut self,
        frames: &Frames<'_>,
        rows: &[u32],
        owed: &mut Owed,
        asks: Asks<'_>,
    ) -> Added {
        let (mut resource_fields, mut scope_fields) = (Vec::new(), Vec::new());
        let mut added = Added::default();
        let scope = |row: &u32| frames.scope(*row as usize);
        for run in rows.chunk_by(|one, next| scope(one) == scope(next)) {
            resource_fields.clear();
            scope_fields.clear();
            let scope = run.first().map_or(usize::MAX, scope);
            frames.write_resource(scope, &mut resource_fields);
            frames.write_scope(scope, &mut scope_fields);
            let of_run = owed.split_off(run.len());
            let origin = self.origins.enter(run.len(), &resource_fields, &scope_fields, of_run);
            let fields_bytes = (resource_fields.len() + scope_fields.len()) / run.len().max(1);
            let mut late = 0;
            for row in run {
                let span =
                    Arriving { row: *row as usize, origin, bytes: frames.span(*row as usize), fields_bytes };
                let id = frames.trace_ids().get(span.row).copied().unwrap_or_default();
                let Some((by, decision)) = self.push(id, span, asks, &mut added) else { continue };
                match decision {
                    Decision::NotSampled => added.not_sampled += 1,
                    Decision::Kept => added.kept.push(KeptSpan { row: *row, by, rate: None }),
                    Decision::KeptAt(kept) => added.kept.push(KeptSpan { row: *row, by, rate: Some(kept) }),
                }
                late += 1;
            }
            if late > 0
                && let Some(back) = self.origins.leave(origin, late)
            {
                owed.join(back);
            }
        }
        self.order.compact(&self.traces);
        added
    }

    /// Holds a span, or returns what was decided about its trace, and by whom.
    fn push(
        &mut self,
        id: TraceId,
        span: Arriving<'_>,
        asks: Asks<'_>,
        added: &mut Added,
    ) -> Option<(By, Decision)> {
        let Arriving { row, origin, bytes: span, fields_bytes } = span;
        let bytes = u32::try_from(span.len() + fields_bytes).unwrap_or(u32::MAX);
        let is_root = asks.parents.is_some_and(|parents| parents.get(row) == Some(&[0; 8]));
        let trace = match self.traces.entry(id) {
            Entry::Occupied(trace) => {
                let trace = trace.into_mut();
                trace.last = self.blocks.push(Held { before: Some(trace.last), origin, span });
                trace.bytes = trace.bytes.saturating_add(bytes);
                trace
            }
            Entry::Vacant(entry) => {
                if let Some(known) = asks.decisions.and_then(|decisions| decisions.get(&id)) {
                    added.is_late(known);
                    return Some((known.by, known.decision));
                }
                if let Some(relief) = asks.relief
                    && !self.leaving.contains(&id)
                    && !asks.former.is_some_and(|former| former.holds(&id))
                {
                    let decision = relief.decide(row, &id);
                    let stands = asks.decisions.map(|decisions| decisions.note(&id, decision, By::Relief));
                    added.at_once.push((id, stands.unwrap_or(decision)));
                    return Some((By::Relief, stands.unwrap_or(decision)));
                }
                // More of a trace that the sampler is asked about is no new trace.
                added.new_traces += usize::from(!self.leaving.contains(&id));
                self.order.push(id, asks.now);
                let last = self.blocks.push(Held { before: None, origin, span });
                entry.insert(Trace { last, bytes, since: stamp(asks.now), root: None })
            }
        };
        if is_root && trace.root.is_none() {
            trace.root = Some(stamp(asks.now));
            self.order.push_root(id, asks.now);
        }
        if asks.max_trace_bytes.is_some_and(|max_bytes| trace.bytes as usize > max_bytes) {
            if let Some(decisions) = asks.decisions {
                decisions.note(&id, Decision::NotSampled, By::Sampler);
            }
            added.too_large.extend(self.take_trace(id));
        }
        None
    }

    /// Takes out the traces that leave by `rule`, as many as fit into a batch. Returns `None` if none leaves.
    pub(super) fn release(&mut self, rule: Rule, decisions: Option<&Decisions>) -> Option<Released> {
        let (mut undecided, mut kept, mut not_sampled) = (Vec::new(), Vec::new(), Vec::new());
        let (mut released, mut bytes) = (Released::default(), 0);
        self.leaving.clear();
        while let Some((id, leaves)) = self.order.next(rule, &self.traces) {
            let Some(trace) = self.traces.get_mut(&id) else { break };
            if bytes > 0 && bytes + trace.bytes as usize > BATCH_BYTES {
                break;
            }
            bytes += (trace.bytes as usize).max(1);
            let known = decisions.and_then(|decisions| decisions.get(&id));
            let whole_for_sampler = if decisions.is_some() { usize::MAX } else { MAX_BATCH_BYTES };
            let (places, max_bytes) = match known.map(|known| known.decision) {
                None => (&mut undecided, whole_for_sampler),
                Some(Decision::Kept | Decision::KeptAt(_)) => (&mut kept, MAX_BATCH_BYTES),
                Some(Decision::NotSampled) => (&mut not_sampled, MAX_BATCH_BYTES),
            };
            match known {
                None => released.ids.push(id),
                Some(known) if known.decision == Decision::NotSampled => {}
                Some(known) => drop(released.known.insert(id, (known.by, known.decision))),
            }
            // The rest of a trace that is too large for a batch.
            if let Some((last, left_bytes)) = take(&self.blocks, trace, places, max_bytes) {
                (trace.last, trace.bytes) = (last, left_bytes);
                break;
            }
            released.traces += 1;
            // Spans that came while their trace was decided do not leave before their time.
            let is_early = |early: Leaves| usize::from(known.is_none() && leaves == early);
            released.too_many += is_early(Leaves::TooMany);
            released.short += is_early(Leaves::Short);
            released.ages.push(trace.age(rule.now));
            self.traces.remove(&id);
        }
        if bytes == 0 {
            return None;
        }
        if decisions.is_some() {
            self.leaving.extend(&released.ids);
        }
        released.spans = undecided.len() + kept.len() + not_sampled.len();
        released.undecided = self.take_out(&undecided);
        released.kept = self.take_out(&kept);
        let origins = self.with_origins(&not_sampled);
        released.not_sampled = self.forget(&origins);
        Some(released)
    }

    /// Takes out a whole trace.
    fn take_trace(&mut self, id: TraceId) -> Vec<Batch> {
        let mut batches = Vec::new();
        let Some(mut trace) = self.traces.remove(&id) else { return batches };
        loop {
            let mut places = Vec::new();
            let rest = take(&self.blocks, &trace, &mut places, MAX_BATCH_BYTES);
            batches.extend(self.take_out(&places));
            match rest {
                Some((last, bytes)) => (trace.last, trace.bytes) = (last, bytes),
                None => return batches,
            }
        }
    }

    /// Returns spans with their resources and origins, sorted by these.
    fn with_origins(&self, places: &[Place]) -> Vec<(u32, u32, Place)> {
        let origin_of = |place: &Place| {
            let origin = self.blocks.get(*place)?.origin;
            Some((self.origins.get(origin)?.resource, origin, *place))
        };
        let mut origins: Vec<(u32, u32, Place)> = places.iter().filter_map(origin_of).collect();
        origins.sort_by_key(|(resource, origin, _)| (*resource, *origin));
        origins
    }

    /// Makes a batch of spans, and forgets them.
    fn take_out(&mut self, places: &[Place]) -> Option<Batch> {
        // Spans of one resource and scope share their envelopes.
        let origins = self.with_origins(places);
        let frames: Vec<Frame<'_>> =
            origins.iter().filter_map(|(_, origin, place)| self.frame(*origin, *place)).collect();
        let spans = SpanBatch::of_frames(&frames);
        let owed = self.forget(&origins)?;
        match spans {
            Ok(spans) => Some(owed.batch(wire::Batch::Spans(spans))),
            Err(error) => {
                owed.dropped(&Failure::permanent(Reason::TooLarge, error.to_string()));
                None
            }
        }
    }

    /// Forgets spans. Returns what is owed for them.
    fn forget(&mut self, origins: &[(u32, u32, Place)]) -> Option<Owed> {
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
        owed
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

impl AtOnce<'_> {
    fn decide(&self, row: usize, id: &TraceId) -> Decision {
        let state = self.states.binary_search_by_key(&(row as u32), |(of, _)| *of);
        let state = state.ok().and_then(|at| self.states.get(at)).map_or("", |(_, state)| *state);
        let kept = self.share.kept_at();
        match self.share.keeps(id, state) {
            true if kept.is_written() => Decision::KeptAt(kept),
            true => Decision::Kept,
            false => Decision::NotSampled,
        }
    }
}

impl Added {
    /// Counts a span whose trace was decided before. Those that follow stress relief are not late: their trace was decided
    /// with its first span.
    fn is_late(&mut self, known: Known) {
        if known.by == By::Relief {
            return;
        }
        self.ages_secs.push(known.age_secs);
        match known.decision {
            Decision::NotSampled => self.late_not_sampled += 1,
            Decision::Kept | Decision::KeptAt(_) => self.late_kept += 1,
        }
    }
}

impl Trace {
    fn age(&self, now: Millis) -> Millis {
        Millis::from(stamp(now).wrapping_sub(self.since))
    }
}

/// Adds the places of a trace's spans in their order. Of a trace that is larger than a batch may be, it adds the last
/// ones, and returns the last place and the length of the rest.
fn take(blocks: &Blocks, trace: &Trace, places: &mut Vec<Place>, max_bytes: usize) -> Option<(Place, u32)> {
    let first = places.len();
    let (mut bytes, mut next) = (0, Some(trace.last));
    while let Some(place) = next {
        let Some(held) = blocks.get(place) else { break };
        if bytes > 0 && bytes + held.span.len() > max_bytes {
            break;
        }
        bytes += held.span.len();
        places.push(place);
        next = held.before;
    }
    places.get_mut(first..).unwrap_or_default().reverse();
    next.map(|last| (last, trace.bytes.saturating_sub(bytes as u32)))
}
