//! The counts for one combination of dimension values.

use prost::Message;
use spanloom_aggregate::{Exemplar, Histogram, Key, OVERFLOW, Table};

use crate::shape::{Family, Shape};

/// The most memory that the series of all resources may take. Spans that need more are counted in the
/// overflow series.
const LIMIT_BYTES: usize = 20 << 20;
/// The size of a table entry without its key, histogram and exemplars.
const ENTRY_BYTES: usize = 160;
const EXEMPLAR_BYTES: usize = 120;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Series {
    #[prost(fixed64, tag = "1")]
    pub(crate) start_unix_nano: u64,
    #[prost(fixed64, tag = "2")]
    pub(crate) last_seen_unix_nano: u64,
    /// The number of spans, adjusted for sampling, or of events.
    #[prost(uint64, tag = "3")]
    pub(crate) calls: u64,
    #[prost(message, optional, tag = "4")]
    pub(crate) durations: Option<Histogram>,
    /// The exemplars since the last points.
    #[prost(message, repeated, tag = "5")]
    pub(crate) exemplars: Vec<Exemplar>,
}

/// One span to count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    pub(crate) now_unix_nano: u64,
    /// The duration in the unit of the histogram.
    pub(crate) duration: f64,
    /// How many spans it stands for.
    pub(crate) times: u64,
    /// The span's ids, if exemplars are enabled and the span has a trace id.
    pub(crate) ids: Option<([u8; 16], [u8; 8])>,
}

/// Limits the number of series.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// The most series of one metric of one resource, without the overflow series. 0: no limit.
    pub(crate) series: usize,
    pub(crate) exemplars: usize,
    /// How much memory the series may take at most, as estimated by `cost_bytes`.
    pub(crate) used_bytes: usize,
}

impl Limits {
    pub(crate) fn cost_bytes(&self, family: &Family, shape: &Shape, key: &[u8]) -> usize {
        let buckets = shape.buckets.as_ref().filter(|_| family.durations);
        let histogram = buckets.map_or(0, |buckets| buckets.limit_bytes());
        ENTRY_BYTES + key.len() + histogram + self.exemplars * EXEMPLAR_BYTES
    }

    /// Returns the series with that key. A new key gets a new series if the limits allow one, else the
    /// overflow series.
    #[inline]
    pub(crate) fn series<'t>(
        &mut self,
        table: &'t mut Table<Series>,
        family: &Family,
        shape: &Shape,
        key: &Key,
        now_unix_nano: u64,
    ) -> Option<&'t mut Series> {
        let at = match table.find(key.hash(), key.as_bytes()) {
            Some(at) => at,
            None => self.add(table, family, shape, key, now_unix_nano),
        };
        table.get_mut(at)
    }

    #[cold]
    fn add(
        &mut self,
        table: &mut Table<Series>,
        family: &Family,
        shape: &Shape,
        key: &Key,
        now: u64,
    ) -> usize {
        let cost = self.cost_bytes(family, shape, key.as_bytes());
        if shape.delta && !self.has_room(table, cost) {
            // Idle delta series are kept only to remember when their last points ended, so they make room.
            table.retain(|entry| entry.series.calls > 0 || !self.release(family, shape, &entry.key));
        }
        let key = if self.has_room(table, cost) { key.as_bytes() } else { OVERFLOW };
        if let Some(at) = overflow(table).filter(|_| key == OVERFLOW) {
            return at;
        }
        self.used_bytes += self.cost_bytes(family, shape, key);
        let buckets = shape.buckets.as_ref().filter(|_| family.durations);
        let durations = buckets.map(|buckets| buckets.empty());
        table.insert(key, Series { start_unix_nano: now, durations, ..Series::default() })
    }

    fn has_room(&self, table: &Table<Series>, cost_bytes: usize) -> bool {
        let len = || table.len() - usize::from(overflow(table).is_some());
        (self.series == 0 || len() < self.series) && self.used_bytes + cost_bytes <= LIMIT_BYTES
    }

    /// Releases the memory of a series that is removed. Always returns true.
    pub(crate) fn release(&mut self, family: &Family, shape: &Shape, key: &[u8]) -> bool {
        self.used_bytes = self.used_bytes.saturating_sub(self.cost_bytes(family, shape, key));
        true
    }
}

fn overflow(table: &Table<Series>) -> Option<usize> {
    table.find(spanloom_aggregate::hash(OVERFLOW), OVERFLOW)
}

impl Series {
    #[inline]
    pub(crate) fn count(&mut self, span: &Observation, shape: &Shape, max_exemplars: usize) {
        self.last_seen_unix_nano = span.now_unix_nano;
        // The count saturates, because a span may claim to stand for 2^52.
        self.calls = self.calls.saturating_add(span.times);
        if let (Some(durations), Some(buckets)) = (&mut self.durations, &shape.buckets) {
            buckets.observe(durations, span.duration, span.times);
        }
        if let Some((trace_id, span_id)) = span.ids
            && self.exemplars.len() < max_exemplars
        {
            let (trace_id, span_id) = (trace_id.to_vec(), span_id.to_vec());
            self.exemplars.push(Exemplar { value: span.duration, span_id, trace_id });
        }
    }

    /// Restarts the series at that time.
    pub(crate) fn restart(&mut self, now_unix_nano: u64, shape: &Shape) {
        self.start_unix_nano = now_unix_nano;
        self.calls = 0;
        self.exemplars.clear();
        if let (Some(durations), Some(buckets)) = (&mut self.durations, &shape.buckets) {
            durations.clear(buckets);
        }
    }
}
