//! The counts for one combination of dimension values.

use prost::Message;
use spanloom_aggregate::{Exemplar, Histogram, Key, OVERFLOW, Table};

use crate::ends::{self, Ends};
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
    /// The key with the types of the values that came first, or empty if the key tells them.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) typed_key: Vec<u8>,
}

/// What a series that may be new needs to know.
pub(crate) struct Place<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) family: &'a Family,
    /// The number of the family in the shape.
    pub(crate) number: usize,
    /// The key of the resource.
    pub(crate) resource: &'a [u8],
    pub(crate) ends: &'a Ends,
    pub(crate) now_unix_nano: u64,
    /// Packs the key with types.
    pub(crate) typed_key: &'a dyn Fn() -> Vec<u8>,
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
    /// Returns how much memory a series takes at most. `keys_bytes` is the length of its keys.
    pub(crate) fn cost_bytes(&self, family: &Family, shape: &Shape, keys_bytes: usize) -> usize {
        let buckets = shape.buckets.as_ref().filter(|_| family.durations);
        let histogram = buckets.map_or(0, |buckets| buckets.limit_bytes());
        ENTRY_BYTES + keys_bytes + histogram + self.exemplars * EXEMPLAR_BYTES
    }

    /// Returns the series with that key. A new key gets a new series if the limits allow one. Otherwise returns
    /// the overflow series and false.
    #[inline]
    pub(crate) fn series<'t>(
        &mut self,
        table: &'t mut Table<Series>,
        key: &Key,
        place: &Place<'_>,
    ) -> Option<(&'t mut Series, bool)> {
        let (at, is_own) = match table.find(key.hash(), key.as_bytes()) {
            Some(at) => (at, true),
            None => self.add(table, key, place),
        };
        Some((table.get_mut(at)?, is_own))
    }

    #[cold]
    fn add(&mut self, table: &mut Table<Series>, key: &Key, place: &Place<'_>) -> (usize, bool) {
        let Place { shape, family, .. } = place;
        let keys = if key.lost_types() { 2 } else { 1 };
        let is_own = self.has_room(table, self.cost_bytes(family, shape, keys * key.as_bytes().len()));
        if let Some(at) = overflow(table).filter(|_| !is_own) {
            return (at, false);
        }
        let typed_key = if is_own && key.lost_types() { (place.typed_key)() } else { Vec::new() };
        let key = if is_own { key.as_bytes() } else { OVERFLOW };
        self.used_bytes += self.cost_bytes(family, shape, key.len() + typed_key.len());
        let buckets = shape.buckets.as_ref().filter(|_| family.durations);
        let durations = buckets.map(|buckets| buckets.empty());
        let last_end = place.ends.get(ends::id(place.resource, place.number, key));
        let start_unix_nano = last_end.unwrap_or(place.now_unix_nano);
        let series = Series { start_unix_nano, durations, typed_key, ..Series::default() };
        (table.insert(key, series), is_own)
    }

    fn has_room(&self, table: &Table<Series>, cost_bytes: usize) -> bool {
        let len = || table.len() - usize::from(overflow(table).is_some());
        (self.series == 0 || len() < self.series) && self.used_bytes + cost_bytes <= LIMIT_BYTES
    }
}

fn overflow(table: &Table<Series>) -> Option<usize> {
    table.find(spanloom_aggregate::hash(OVERFLOW), OVERFLOW)
}

impl Series {
    /// Returns the time of a point that is emitted now. It is after the start, even if the wall clock has jumped
    /// back.
    pub(crate) fn end_unix_nano(&self, now_unix_nano: u64) -> u64 {
        now_unix_nano.max(self.start_unix_nano.saturating_add(1))
    }

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
}
