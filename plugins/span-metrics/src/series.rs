//! What is counted for each set of dimension values.

use prost::Message;
use spanloom_aggregate::{Histogram, Key, OVERFLOW, Table};
use spanloom_otlp::{Exemplar, exemplar};

use crate::shape::{Family, Shape};

/// How much memory the series of all resources may come to take; those that would take more go into the overflow.
const LIMIT_BYTES: usize = 20 << 20;
/// Of a table's entry, beside key, histogram and exemplars.
const ENTRY_BYTES: usize = 160;
const EXEMPLAR_BYTES: usize = 120;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Series {
    #[prost(fixed64, tag = "1")]
    pub(crate) start_unix_nano: u64,
    #[prost(fixed64, tag = "2")]
    pub(crate) last_seen_unix_nano: u64,
    /// Adjusted by what a sampled span stands for. Of events, how many.
    #[prost(uint64, tag = "3")]
    pub(crate) calls: u64,
    #[prost(message, optional, tag = "4")]
    pub(crate) durations: Option<Histogram>,
    /// Since the last points.
    #[prost(message, repeated, tag = "5")]
    pub(crate) exemplars: Vec<Exemplar>,
}

/// One span, to be counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    pub(crate) now_unix_nano: u64,
    /// In the unit of the histogram.
    pub(crate) duration: f64,
    /// How many spans it stands for.
    pub(crate) times: u64,
    /// Its ids, if exemplars are wanted and it has a trace id.
    pub(crate) ids: Option<([u8; 16], [u8; 8])>,
}

/// What holds the number of series down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// Of one metric of one resource, without the overflow. 0: none.
    pub(crate) series: usize,
    pub(crate) exemplars: usize,
    /// How much memory the series may have come to take.
    pub(crate) used_bytes: usize,
}

impl Limits {
    pub(crate) fn cost_bytes(&self, family: &Family, shape: &Shape, key: &[u8]) -> usize {
        let buckets = shape.buckets.as_ref().filter(|_| family.durations);
        let histogram = buckets.map_or(0, |buckets| buckets.limit_bytes());
        ENTRY_BYTES + key.len() + histogram + self.exemplars * EXEMPLAR_BYTES
    }

    /// The series of that key; a new one if there may be one more, else the overflow.
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
            // What is kept of them is only when they were last told of.
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

    /// The series of that key goes. Always true.
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
        // A span may say that it stands for 2^52.
        self.calls = self.calls.saturating_add(span.times);
        if let (Some(durations), Some(buckets)) = (&mut self.durations, &shape.buckets) {
            buckets.observe(durations, span.duration, span.times);
        }
        if let Some((trace_id, span_id)) = span.ids
            && self.exemplars.len() < max_exemplars
        {
            self.exemplars.push(Exemplar {
                filtered_attributes: Vec::new(),
                time_unix_nano: 0,
                value: Some(exemplar::Value::AsDouble(span.duration)),
                span_id: span_id.to_vec(),
                trace_id: trace_id.to_vec(),
            });
        }
    }

    /// Begins anew at that time.
    pub(crate) fn restart(&mut self, now_unix_nano: u64, shape: &Shape) {
        self.start_unix_nano = now_unix_nano;
        self.calls = 0;
        self.exemplars.clear();
        if let (Some(durations), Some(buckets)) = (&mut self.durations, &shape.buckets) {
            durations.clear(buckets);
        }
    }
}
