//! Takes spans over into the shards.

use std::{
    hash::BuildHasher,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use wire::SpanBatch;

use super::{Assembly, lock, waits};
use crate::{
    cpu::{self, Work},
    pipeline::{Batch, Refused, batch::Owed},
    receipt::{Code, Failure, Reason},
    sampling::{
        budget::{Budget, Taken},
        decisions::By,
        shard::{Added, Asks, AtOnce, ORIGIN_OVERHEAD_BYTES, SPAN_OVERHEAD_BYTES, TraceId},
    },
};

/// How long a sender waits for room before its batch is refused.
const PATIENCE: Duration = Duration::from_secs(5);
/// Batches of more spans than this are copied away from the threads that serve.
const INLINE_SPANS: usize = 10_000;

/// What is left of a batch whose other spans are held.
#[derive(Default)]
struct Late {
    /// The spans of traces that were kept.
    kept: Option<Batch>,
    not_sampled: Option<Owed>,
    is_all: bool,
}

impl Assembly {
    /// Takes over a batch of spans, or refuses it if there is no room in time.
    pub(in crate::sampling) async fn add(self: &Arc<Self>, batch: Batch) -> Result<(), Box<Refused>> {
        let of_origins = batch.items().min(self.shards.len()) * ORIGIN_OVERHEAD_BYTES;
        let bytes = batch.data.encoded_len() + batch.items() * SPAN_OVERHEAD_BYTES + of_origins;
        let limit_bytes = self.budget.limit_bytes();
        if bytes > limit_bytes {
            let message = format!(
                "a request that takes {bytes} bytes when it is held, more than may be held in all (`max_mib`)"
            );
            if let Some(withheld) = self.too_large.admit_about(batch.items()) {
                let (processor, items) = (&self.metrics.processor, batch.items() as u64 + withheld.items);
                tracing::warn!(processor, items, "refused: {message}");
            }
            let failure = Failure::permanent(Reason::TooLarge, message).with_code(Code::InvalidArgument);
            return Err(batch.refused(failure));
        }
        let full = |what: String| Failure::retryable(Reason::QueueFull, what);
        self.weigh_stress();
        let give_back = || {
            self.weigh_stress();
            self.wake_all();
        };
        let Some(taken) = Budget::take(&self.budget, bytes, PATIENCE, give_back).await else {
            let message =
                format!("{} MiB of traces are held, and no more may be (`max_mib`)", limit_bytes >> 20);
            return Err(batch.refused(full(message)));
        };
        if !self.budget.wait_until(PATIENCE, || self.has_room_for_traces()).await {
            let limit = self.settings().max_traces;
            let message = format!("{limit} traces are held, and no more may be (`num_traces`)");
            return Err(batch.refused(full(message)));
        }
        let late = match batch.take_apart() {
            (wire::Batch::Spans(spans), owed) if spans.items() <= INLINE_SPANS => {
                self.hold(spans, owed, taken)
            }
            (wire::Batch::Spans(spans), owed) => {
                let assembly = self.clone();
                cpu::run(Work::Short, move || assembly.hold(spans, owed, taken)).await
            }
            (other, owed) => {
                let failure = Failure::permanent(Reason::Rejected, "only spans belong to traces");
                return Err(owed.batch(other).refused(failure));
            }
        };
        self.pass_late(late).await
    }

    /// Returns whether senders need not wait for traces to leave.
    fn has_room_for_traces(&self) -> bool {
        let settings = self.settings();
        !settings.blocks
            || self.traces.load(Relaxed) < settings.max_traces
            || self.deciding().is_some_and(|deciding| deciding.relief.is_on())
    }

    /// Copies the spans into their shards, and replaces what was taken of the budget for that by what it took. Returns
    /// what is left of spans that came too late.
    fn hold(&self, mut spans: SpanBatch, mut owed: Owed, mut taken: Taken) -> Late {
        let settings = self.settings();
        let parents = settings.wait_after_root.map(|_| spans.parent_span_ids());
        let decisions = self.deciding().map(|deciding| &*deciding.decisions);
        let share = self.share_at_once(settings);
        let states = share.map(|_| spans.trace_states()).unwrap_or_default();
        let states: Vec<(u32, &str)> = states.iter().collect();
        let relief = share.map(|share| AtOnce { share, states: &states });
        let max_trace_bytes = settings.max_trace_bytes;
        let former = self.former.upgrade();
        let former = former.as_deref();
        let asks = Asks { decisions, parents, max_trace_bytes, relief, former, now: self.now() };
        let frames = spans.frames();
        let (mut kept, mut at_once, mut not_sampled) = (Vec::new(), Vec::new(), 0);
        for (worker, rows) in self.shards.iter().zip(&self.rows(frames.trace_ids())) {
            if rows.is_empty() {
                continue;
            }
            let (mut added, must_wake) = self.change(worker, Some(&mut taken), |shard| {
                let due = shard.due(waits(settings));
                let added = shard.add(&frames, rows, &mut owed, asks);
                let is_earlier = shard.due(waits(settings)) != due;
                (added, is_earlier || shard.traces() > self.max_traces(settings))
            });
            if must_wake {
                worker.wake.notify_one();
            }
            self.metrics.new_traces.increment(added.new_traces as u64);
            self.drop_too_large(&mut added);
            if let Some(deciding) = self.deciding() {
                deciding.metrics.late(&added);
                added.at_once.iter().for_each(|(_, decision)| deciding.count_at_once(*decision));
            }
            kept.append(&mut added.kept);
            at_once.append(&mut added.at_once);
            not_sampled += added.not_sampled;
        }
        drop(taken);
        if let Some(deciding) = self.deciding().filter(|_| !at_once.is_empty()) {
            deciding.relief.noted.note(&spans, &at_once);
        }
        if kept.is_empty() && not_sampled == 0 {
            return Late::default();
        }
        let is_all = kept.len() + not_sampled == spans.items();
        let not_sampled = (not_sampled > 0).then(|| owed.split_off(not_sampled));
        let kept = (!kept.is_empty()).then(|| {
            kept.sort_unstable_by_key(|kept| kept.row);
            spans.retain(|row| kept.binary_search_by_key(&(row as u32), |kept| kept.row).is_ok());
            if let Some(deciding) = self.deciding() {
                let known =
                    |row: usize| kept.get(row).map_or((By::Sampler, None), |kept| (kept.by, kept.rate));
                deciding.behind.complete(&mut spans, known);
            }
            owed.batch(wire::Batch::Spans(spans))
        });
        Late { kept, not_sampled, is_all }
    }

    /// Returns the rows of each shard.
    fn rows(&self, ids: &[[u8; 16]]) -> Vec<Vec<u32>> {
        let count = self.shards.len();
        let mut rows: Vec<Vec<u32>> = vec![Vec::with_capacity(ids.len() / count + 1); count];
        for (row, id) in ids.iter().enumerate() {
            if let Some(rows) = rows.get_mut(self.shard_of(id)) {
                rows.push(row as u32);
            }
        }
        rows
    }

    fn shard_of(&self, id: &TraceId) -> usize {
        self.hasher.hash_one(u128::from_ne_bytes(*id)) as usize % self.shards.len()
    }

    /// Returns whether a trace is held here, or decided at this moment, or so in the assembly that this one replaces.
    pub(in crate::sampling) fn holds(&self, id: &TraceId) -> bool {
        let worker = self.shards.get(self.shard_of(id));
        worker.is_some_and(|worker| lock(&worker.shard).has(id))
            || self.former.upgrade().is_some_and(|former| former.holds(id))
    }

    fn drop_too_large(&self, added: &mut Added) {
        for batch in added.too_large.drain(..) {
            self.metrics.traces_too_large.increment(1);
            let message = "a trace is larger than `maximum_trace_size_bytes`";
            batch.dropped(&Failure::permanent(Reason::TooLarge, message));
        }
    }

    /// Passes on the spans of traces that were kept. They are refused if that is all there is of the request.
    async fn pass_late(&self, late: Late) -> Result<(), Box<Refused>> {
        let Late { kept, not_sampled, is_all } = late;
        if let (Some(batch), Some(deciding)) = (kept, self.deciding()) {
            match deciding.behind.next.consume(batch).await {
                Err(mut refused) if is_all => {
                    if let Some(owed) = not_sampled {
                        refused.batch.join(owed.without_data());
                    }
                    return Err(refused);
                }
                Err(refused) if refused.failure.is_retryable() => {
                    deciding.behind.pass_on(refused.batch).await
                }
                Err(refused) => refused.batch.dropped(&refused.failure),
                Ok(()) => {}
            }
        }
        if let Some(owed) = not_sampled {
            owed.sampled_out();
        }
        Ok(())
    }
}
