//! Token buckets, as Go's `golang.org/x/time/rate` fills them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::columns::{Moment, Trace};

/// Lets traces pass as long as their spans or bytes are below a rate.
#[derive(Debug)]
pub(crate) struct Limit {
    cost: Cost,
    /// If there is a key, this is the bucket of traces without a value.
    bucket: Bucket,
    keyed: Option<Keyed>,
}

/// A bucket for each value of a key.
#[derive(Debug)]
struct Keyed {
    key: String,
    buckets: HashMap<String, Bucket>,
}

/// The buckets that are kept. Traces of further values share the bucket of those without a value.
const MAX_BUCKETS: usize = 10_000;

/// What a trace takes from the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    Spans,
    /// The bytes of the trace as an OTLP request.
    Bytes,
}

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    burst: i64,
    level: Level,
}

/// How full a bucket is. An instance hands it over to the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Level {
    tokens: f64,
    /// `None` before the first trace.
    at_nano: Option<u64>,
}

/// How full the buckets of a limit are. An instance hands it over to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Levels {
    level: Level,
    by_value: Vec<(String, Level)>,
}

impl Limit {
    /// Makes a limit. With a key that is not empty, each of its values has a bucket of its own.
    pub(crate) fn new(cost: Cost, bucket: Bucket, key: &str) -> Limit {
        let keyed = || Keyed { key: key.to_owned(), buckets: HashMap::new() };
        Limit { cost, bucket, keyed: (!key.is_empty()).then(keyed) }
    }

    /// Takes the trace's cost if there is room for it. Otherwise takes nothing.
    pub(crate) fn admits(&mut self, trace: Trace<'_>) -> bool {
        let cost = match self.cost {
            Cost::Spans => trace.batch.span_counts().get(trace.row).map_or(0, |count| u64::from(*count)),
            Cost::Bytes => trace.batch.lengths_bytes().get(trace.row).copied().unwrap_or_default(),
        };
        let (cost, now) = (i64::try_from(cost).unwrap_or(i64::MAX), trace.batch.now);
        let Some(keyed) = &mut self.keyed else { return self.bucket.take(cost, now) };
        let value = trace.batch.values(&keyed.key).get(trace.row).map_or("", String::as_str);
        match keyed.bucket(value, self.bucket.per_second, self.bucket.burst, now) {
            Some(bucket) => bucket.take(cost, now),
            None => self.bucket.take(cost, now),
        }
    }

    pub(crate) fn levels(&self) -> Levels {
        let buckets = self.keyed.iter().flat_map(|keyed| &keyed.buckets);
        let by_value = buckets.map(|(value, bucket)| (value.clone(), bucket.level)).collect();
        Levels { level: self.bucket.level, by_value }
    }

    pub(crate) fn set_levels(&mut self, levels: Levels) {
        let with = |level: Level, bucket: &Bucket| Bucket { level, ..bucket.clone() };
        self.bucket = with(levels.level, &self.bucket);
        if let Some(keyed) = &mut self.keyed {
            let buckets = levels.by_value.into_iter();
            keyed.buckets = buckets.map(|(value, level)| (value, with(level, &self.bucket))).collect();
        }
    }
}

impl Keyed {
    /// Returns the bucket of a value, or `None` if it has none of its own.
    fn bucket(&mut self, value: &str, per_second: f64, burst: i64, now: Moment) -> Option<&mut Bucket> {
        if value.is_empty() {
            return None;
        }
        if !self.buckets.contains_key(value) {
            if self.buckets.len() >= MAX_BUCKETS {
                // A full bucket is as good as a new one.
                self.buckets.retain(|_, bucket| bucket.tokens(now) < bucket.burst as f64);
            }
            if self.buckets.len() >= MAX_BUCKETS {
                return None;
            }
            self.buckets.insert(value.to_owned(), Bucket::full(per_second, burst));
        }
        self.buckets.get_mut(value)
    }
}

impl Bucket {
    /// Makes a full bucket. A burst of zero or less means twice the rate.
    pub(crate) fn new(per_second: i64, burst: i64) -> Bucket {
        Bucket::full(per_second as f64, if burst > 0 { burst } else { per_second.saturating_mul(2) })
    }

    fn full(per_second: f64, burst: i64) -> Bucket {
        Bucket { per_second, burst, level: Level { tokens: burst as f64, at_nano: None } }
    }

    fn tokens(&self, now: Moment) -> f64 {
        let elapsed_nano = self.level.at_nano.map_or(0, |at| now.monotonic_nano.saturating_sub(at));
        let gained = if self.per_second > 0.0 { elapsed_nano as f64 / 1e9 * self.per_second } else { 0.0 };
        (self.level.tokens + gained).min(self.burst as f64)
    }

    fn take(&mut self, cost: i64, now: Moment) -> bool {
        let tokens = self.tokens(now) - cost as f64;
        // Go rounds a wait below a nanosecond to none.
        let waits = tokens < 0.0 && !(self.per_second > 0.0 && -tokens / self.per_second * 1e9 < 1.0);
        if cost > self.burst || waits {
            return false;
        }
        self.level = Level { tokens, at_nano: Some(now.monotonic_nano) };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_millis(millis: u64) -> Moment {
        Moment { monotonic_nano: millis * 1_000_000, unix_seconds: 0 }
    }

    /// Guarantees: a bucket starts full, gains its rate, and never has more than its burst.
    #[test]
    fn a_bucket_gains_its_rate_up_to_its_burst() {
        let mut bucket = Bucket::new(10, 0);
        let taken = [(0, 20), (0, 1), (50, 1), (100, 1), (100, 1), (60_000, 21), (60_000, 20), (60_000, 1)]
            .map(|(millis, cost)| bucket.take(cost, at_millis(millis)));
        assert_eq!(taken, [true, false, false, true, false, false, true, false]);
    }

    /// Guarantees: a sender of ever new values fills no memory, and used up buckets stay used up.
    #[test]
    fn the_buckets_of_a_key_are_bounded() {
        let mut keyed = Keyed { key: String::new(), buckets: HashMap::new() };
        let mut take = |value: &str, millis: u64| {
            keyed.bucket(value, 1.0, 1, at_millis(millis)).map(|bucket| bucket.take(1, at_millis(millis)))
        };
        for number in 0..MAX_BUCKETS {
            assert_eq!(take(&number.to_string(), 0), Some(true));
        }
        assert_eq!([take("more", 0), take("7", 0), take("more", 500)], [None, Some(false), None]);
        assert_eq!([take("more", 1000), take("more", 1000), take("", 1000)], [Some(true), Some(false), None]);
    }

    #[test]
    fn a_rate_of_zero_admits_nothing_but_its_burst() {
        assert!(!Bucket::new(0, 0).take(1, at_millis(0)));
        let mut bucket = Bucket::new(0, 5);
        assert!(bucket.take(5, at_millis(0)));
        assert!(!bucket.take(1, at_millis(100_000)));
        assert!(!Bucket::new(-1, 0).take(1, at_millis(0)));
    }
}
