//! Exponential histograms in the form of Prometheus's native histograms, and as classic ones for formats
//! without native histograms.

use spanloom_plugin::wire::metrics::{Buckets, ExponentialHistogramDataPoint};

use super::Dropped;

/// The schemas that a native histogram may have.
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// The threshold if the sender gives none.
const ZERO_THRESHOLD: f64 = 1e-128;

/// The most buckets on one side of a point.
const BUCKETS_LIMIT: usize = 100_000;

/// The most classic buckets per side. Neighbours are joined until the side fits.
const CLASSIC_LIMIT: usize = 40;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exponential {
    /// The scale of the buckets: their base is 2^(2^-schema).
    pub(crate) schema: i32,
    pub(crate) zero_threshold: f64,
    pub(crate) zero_count: u64,
    pub(crate) count: u64,
    /// `None` if measurements can be negative.
    pub(crate) sum: Option<f64>,
    pub(crate) positive: Side,
    pub(crate) negative: Side,
}

/// The buckets of the positive or of the negative values. The first and the last bucket are not empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Side {
    /// The index of the first bucket. Bucket `i` of `counts` ends at base^(first + i), inclusive.
    pub(crate) first: i32,
    pub(crate) counts: Box<[u64]>,
}

/// An upper bound with the count of all values up to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Classic {
    pub(crate) bound: f64,
    pub(crate) cumulative: u64,
}

impl Exponential {
    pub(crate) fn of(point: &ExponentialHistogramDataPoint<'_>) -> Result<Exponential, Dropped> {
        if point.scale < *SCHEMAS.start() {
            return Err(Dropped::Scale);
        }
        let schema = point.scale.min(*SCHEMAS.end());
        let by = point.scale.saturating_sub(schema).unsigned_abs();
        let (positive, negative) =
            (Side::of(point.positive.as_ref(), by)?, Side::of(point.negative.as_ref(), by)?);
        if !(point.zero_threshold >= 0.0 && point.zero_threshold.is_finite()) {
            return Err(Dropped::Invalid);
        }
        let in_buckets = positive.sum().saturating_add(negative.sum()).saturating_add(point.zero_count);
        Ok(Exponential {
            schema,
            zero_threshold: if point.zero_threshold == 0.0 { ZERO_THRESHOLD } else { point.zero_threshold },
            zero_count: point.zero_count,
            count: in_buckets.max(point.count),
            sum: point.sum,
            positive,
            negative,
        })
    }

    /// Returns the most [`classic`](Exponential::classic) buckets that there can be.
    pub(crate) fn classic_len(&self) -> usize {
        [&self.positive, &self.negative]
            .iter()
            .map(|side| side.counts.len().min(CLASSIC_LIMIT))
            .sum::<usize>()
            + 2
    }

    /// Returns classic buckets in ascending order, without `+Inf`. When the scale of a series shrinks, bounds
    /// disappear, but no new bounds appear between the others.
    pub(crate) fn classic(&self) -> Vec<Classic> {
        let (negative, negative_schema) = self.negative.narrowed(self.schema);
        let (positive, positive_schema) = self.positive.narrowed(self.schema);
        let mut cumulative: u64 = 0;
        let mut buckets = Vec::with_capacity(self.classic_len());
        let mut negative_bucket = negative.first.saturating_add(negative.counts.len() as i32 - 1);
        for count in negative.counts.iter().rev() {
            cumulative = cumulative.saturating_add(*count);
            negative_bucket = negative_bucket.saturating_sub(1);
            push(&mut buckets, -bound(negative_schema, negative_bucket), cumulative);
        }
        if self.zero_count > 0 || !negative.counts.is_empty() {
            cumulative = cumulative.saturating_add(self.zero_count);
            push(&mut buckets, self.zero_threshold, cumulative);
        }
        if !positive.counts.is_empty() {
            push(&mut buckets, bound(positive_schema, positive.first.saturating_sub(1)), cumulative);
        }
        for (bucket, count) in (positive.first..).zip(&positive.counts) {
            cumulative = cumulative.saturating_add(*count);
            push(&mut buckets, bound(positive_schema, bucket), cumulative);
        }
        buckets
    }
}

impl Side {
    /// Reads one side, and joins 2^`by` neighbours into one bucket.
    fn of(buckets: Option<&Buckets<'_>>, by: u32) -> Result<Side, Dropped> {
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

    fn sum(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Removes the empty buckets at both ends.
    fn trimmed(self) -> Side {
        let filled = |count: &u64| *count > 0;
        let begin = self.counts.iter().position(filled).unwrap_or(self.counts.len());
        let end = self.counts.iter().rposition(filled).map_or(begin, |last| last + 1);
        let counts = self.counts.get(begin..end).unwrap_or_default();
        Side { first: if counts.is_empty() { 0 } else { self.first + begin as i32 }, counts: counts.into() }
    }

    /// Joins 2^`by` neighbours into one bucket. The new bounds are a subset of the old ones.
    fn joined(&self, by: u32) -> Side {
        let wide = |bucket: i32| ((i64::from(bucket) - 1) >> by.min(40)) as i32 + 1;
        let first = wide(self.first);
        let last = wide(self.first.saturating_add(self.counts.len() as i32 - 1));
        if by == 0 || self.counts.is_empty() {
            return self.clone();
        }
        let mut counts = vec![0_u64; (last - first) as usize + 1];
        for (bucket, count) in (self.first..).zip(&self.counts) {
            if let Some(joined) = counts.get_mut((wide(bucket) - first) as usize) {
                *joined = joined.saturating_add(*count);
            }
        }
        Side { first, counts: counts.into() }
    }

    /// Joins buckets until there are few enough, and returns them with their schema.
    fn narrowed(&self, schema: i32) -> (Side, i32) {
        let mut by = 0;
        let mut side = self.clone();
        while side.counts.len() > CLASSIC_LIMIT {
            by += 1;
            side = self.joined(by as u32);
        }
        (side, schema - by)
    }
}

/// Returns the upper bound of a bucket, or 0 or infinity if the bound is out of range.
fn bound(schema: i32, bucket: i32) -> f64 {
    let exponent = f64::from(bucket) * f64::from(-schema).exp2();
    exponent.exp2()
}

/// Adds a bucket. Different bounds may round to one number, and an infinite bound is left out.
fn push(buckets: &mut Vec<Classic>, bound: f64, cumulative: u64) {
    match buckets.last_mut() {
        Some(last) if bound <= last.bound => last.cumulative = cumulative,
        _ if bound.is_finite() => buckets.push(Classic { bound, cumulative }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use spanloom_otlp::{ExponentialHistogramDataPoint, exponential_histogram_data_point::Buckets};

    use super::*;
    use crate::encoded;

    fn of(point: ExponentialHistogramDataPoint) -> Result<Exponential, Dropped> {
        Exponential::of(&encoded::exponential(point))
    }

    fn point(scale: i32, offset: i32, counts: &[u64]) -> ExponentialHistogramDataPoint {
        let positive = Some(Buckets { offset, bucket_counts: counts.into() });
        ExponentialHistogramDataPoint { scale, positive, ..ExponentialHistogramDataPoint::default() }
    }

    fn classic(point: ExponentialHistogramDataPoint) -> Vec<(f64, u64)> {
        let buckets = of(point).unwrap().classic();
        buckets.iter().map(|bucket| (bucket.bound, bucket.cumulative)).collect()
    }

    #[test]
    fn buckets_are_counted_by_their_upper_bounds() {
        let exponential = of(point(0, -1, &[0, 2, 3, 0])).unwrap();
        assert_eq!(exponential.positive, Side { first: 1, counts: [2, 3].into() });
        assert_eq!((exponential.count, exponential.zero_threshold), (5, ZERO_THRESHOLD));
        assert_eq!(classic(point(0, -1, &[0, 2, 3, 0])), [(1.0, 0), (2.0, 2), (4.0, 5)]);
    }

    #[test]
    fn a_finer_scale_than_eight_is_made_coarser_without_losing_a_count() {
        let exponential = of(point(10, -3, &[1, 2, 4, 8, 16, 32, 64])).unwrap();
        assert_eq!(exponential.schema, 8);
        // The bounds are powers of 2^(1/1024). The buckets above -3, -2, -1 | 0, 1, 2, 3 are joined into
        // those of 2^(1/256).
        assert_eq!(exponential.positive, Side { first: 0, counts: [7, 120].into() });
    }

    #[test]
    fn a_coarser_scale_than_minus_four_is_refused() {
        assert_eq!(of(point(-5, 0, &[1])), Err(Dropped::Scale));
        assert_eq!(of(point(-4, i32::MAX, &[1])), Err(Dropped::Invalid));
        assert!(of(point(i32::MAX, i32::MIN, &[1, 2])).is_ok());
    }

    #[test]
    fn negative_values_and_zeros_come_first() {
        let negative = Some(Buckets { offset: 0, bucket_counts: vec![1, 2] });
        let point = ExponentialHistogramDataPoint {
            negative,
            zero_count: 4,
            zero_threshold: 0.25,
            ..point(0, 1, &[8])
        };
        // The buckets are (-4, -2], (-2, -1], around zero, (2, 4].
        assert_eq!(classic(point), [(-2.0, 2), (-1.0, 3), (0.25, 7), (2.0, 7), (4.0, 15)]);
    }

    #[test]
    fn many_buckets_are_shown_as_fewer_and_bounds_are_among_those_of_a_coarser_scale() {
        let fine = classic(point(3, 0, &[1; 160]));
        assert!(fine.len() <= of(point(3, 0, &[1; 160])).unwrap().classic_len(), "{}", fine.len());
        assert_eq!(fine.last().unwrap().1, 160);
        let coarse = classic(point(0, 0, &[8; 20]));
        assert!(coarse.iter().all(|(bound, count)| fine.iter().all(|(b, c)| b != bound || c == count)));
    }

    #[test]
    fn bounds_that_no_number_can_tell_are_left_out() {
        assert_eq!(classic(point(-4, 1_000_000, &[1])), [] as [(f64, u64); 0]);
        let tiny = classic(point(-4, -1_000_000, &[1, 2]));
        assert_eq!(tiny, [(0.0, 3)]);
    }
}
