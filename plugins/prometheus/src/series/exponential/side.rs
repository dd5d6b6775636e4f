use spanloom_plugin::wire::metrics::Buckets;

use super::Dropped;

/// The most buckets on one side of a point.
const BUCKETS_LIMIT: usize = 100_000;

/// The most buckets of a sum, unless one of the two sides has more. Twice what the SDKs keep.
const ADDED_LIMIT: usize = 320;

/// The buckets of the positive or of the negative values. The first and the last bucket are not empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Side {
    /// The index of the first bucket. Bucket `i` of `counts` ends at base^(first + i), inclusive.
    pub(crate) first: i32,
    pub(crate) counts: Box<[u64]>,
}

impl Side {
    /// Reads one side, and joins 2^`by` neighbours into one bucket.
    pub(super) fn of(buckets: Option<&Buckets<'_>>, by: u32) -> Result<Side, Dropped> {
        let Some(buckets) = buckets else { return Ok(Side::default()) };
        let counts: Vec<u64> = buckets.bucket_counts().take(BUCKETS_LIMIT + 1).collect();
        if counts.len() > BUCKETS_LIMIT {
            return Err(Dropped::Invalid);
        }
        // OTLP counts buckets by their lower bounds.
        let first = buckets.offset().checked_add(1).ok_or(Dropped::Invalid)?;
        first.checked_add_unsigned(counts.len() as u32).ok_or(Dropped::Invalid)?;
        Ok(Side { first, counts: counts.into() }.trimmed().joined(by))
    }

    pub(super) fn sum(&self) -> u128 {
        self.counts.iter().map(|count| u128::from(*count)).sum()
    }

    /// Joins 2^`by` neighbours into one bucket. The new bounds are a subset of the old ones.
    pub(super) fn joined(&self, by: u32) -> Side {
        let wide = |bucket: i32| ((i64::from(bucket) - 1) >> by.min(40)) as i32 + 1;
        let first = wide(self.first);
        let last = wide(self.first.saturating_add(self.counts.len() as i32 - 1));
        if by == 0 || self.counts.is_empty() {
            return self.clone();
        }
        let mut counts = vec![0_u64; (last - first) as usize + 1];
        for (count, bucket) in self.counts.iter().zip(self.first..) {
            if let Some(joined) = counts.get_mut((wide(bucket) - first) as usize) {
                *joined = joined.saturating_add(*count);
            }
        }
        Side { first, counts: counts.into() }
    }

    /// Adds a side with the same scale. Returns `None` if there would be too many buckets, or too much in
    /// one.
    pub(super) fn plus(&self, other: &Side) -> Option<Side> {
        if self.counts.is_empty() || other.counts.is_empty() {
            return Some(if self.counts.is_empty() { other } else { self }.clone());
        }
        let first = self.first.min(other.first);
        let place = |side: &Side| i64::from(side.first).abs_diff(i64::from(first));
        let length = [self, other].map(|side| place(side) + side.counts.len() as u64);
        let limit = ADDED_LIMIT.max(self.counts.len()).max(other.counts.len());
        let length = length.into_iter().max().filter(|length| *length <= limit as u64)?;
        let mut counts = vec![0_u64; length as usize];
        for side in [self, other] {
            for (sum, count) in counts.iter_mut().skip(place(side) as usize).zip(&side.counts) {
                *sum = sum.checked_add(*count)?;
            }
        }
        Some(Side { first, counts: counts.into() })
    }

    /// Removes the buckets that end at the threshold or below it, and returns what they count.
    pub(super) fn remove_up_to(&mut self, threshold: f64, schema: i32) -> u64 {
        let is_small = |(_, bucket): &(&u64, i32)| upper_bound(*bucket, schema) <= threshold;
        let small = self.counts.iter().zip(self.first..).take_while(is_small).count();
        let (removed, rest) = self.counts.split_at_checked(small).unwrap_or_default();
        let removed = removed.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        if small > 0 {
            let first = self.first.saturating_add(small as i32);
            *self = Side { first, counts: rest.into() }.trimmed();
        }
        removed
    }

    /// Removes the empty buckets at both ends.
    fn trimmed(self) -> Side {
        let filled = |count: &u64| *count > 0;
        let begin = self.counts.iter().position(filled).unwrap_or(self.counts.len());
        let end = self.counts.iter().rposition(filled).map_or(begin, |last| last + 1);
        let counts = self.counts.get(begin..end).unwrap_or_default();
        Side { first: if counts.is_empty() { 0 } else { self.first + begin as i32 }, counts: counts.into() }
    }
}

/// Returns the upper bound of a bucket, or 0 or infinity if the bound is out of range.
fn upper_bound(bucket: i32, schema: i32) -> f64 {
    (f64::from(bucket) * f64::from(-schema).exp2()).exp2()
}
