//! Exponential histograms in the form of Prometheus's native histograms.

mod side;

use spanloom_plugin::wire::metrics::ExponentialHistogramDataPoint;

use super::Dropped;

pub(crate) use side::Side;

/// The schemas that a native histogram may have.
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// The threshold if the sender gives none.
const ZERO_THRESHOLD: f64 = 1e-128;

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
        let exponential = Exponential {
            schema,
            zero_threshold: if point.zero_threshold == 0.0 { ZERO_THRESHOLD } else { point.zero_threshold },
            zero_count: point.zero_count,
            count: point.count,
            sum: point.sum,
            positive,
            negative,
        };
        exponential.whole().ok_or(Dropped::Count)
    }

    /// Returns the histogram if its buckets hold all that it counts. Otherwise Prometheus would reject the
    /// whole scrape. A measurement that is not a number is in no bucket, and makes the sum one.
    pub(crate) fn whole(self) -> Option<Exponential> {
        let in_buckets = u128::from(self.zero_count) + self.positive.sum() + self.negative.sum();
        let count = u128::from(self.count);
        let holds_all = match self.sum {
            Some(sum) if sum.is_nan() => in_buckets <= count,
            _ => in_buckets == count,
        };
        // Prometheus reads differences between buckets as signed numbers.
        (holds_all && i64::try_from(self.count).is_ok()).then_some(self)
    }

    /// Adds an earlier histogram. Returns false if the two cannot be added; the histogram then stays as it
    /// is.
    pub(crate) fn add(&mut self, before: &Exponential) -> bool {
        let added = self.plus(before);
        let can_be = added.is_some();
        if let Some(added) = added {
            *self = added;
        }
        can_be
    }

    /// Adds two histograms with the larger threshold of the two, and with the finest scale in which their
    /// buckets are few enough.
    fn plus(&self, before: &Exponential) -> Option<Exponential> {
        let zero_threshold = self.zero_threshold.max(before.zero_threshold);
        let finest = self.schema.min(before.schema);
        let (schema, positive, negative, zero_counts) =
            (*SCHEMAS.start()..=finest).rev().find_map(|schema| {
                let (new, old) = (self.wide(schema, zero_threshold), before.wide(schema, zero_threshold));
                let (positive, negative) =
                    (new.positive.plus(&old.positive)?, new.negative.plus(&old.negative)?);
                Some((schema, positive, negative, (new.zero_count, old.zero_count)))
            })?;
        let added = Exponential {
            schema,
            zero_threshold,
            zero_count: zero_counts.0.checked_add(zero_counts.1)?,
            count: self.count.checked_add(before.count)?,
            sum: self.sum.zip(before.sum).map(|(sum, before)| sum + before),
            positive,
            negative,
        };
        added.whole()
    }

    /// Returns the histogram with a coarser scale and a larger threshold. The buckets that lie below the
    /// threshold are counted with the zeros.
    fn wide(&self, schema: i32, zero_threshold: f64) -> Exponential {
        let by = self.schema.saturating_sub(schema).unsigned_abs();
        let mut wide = Exponential {
            schema,
            zero_threshold,
            positive: self.positive.joined(by),
            negative: self.negative.joined(by),
            ..*self
        };
        if zero_threshold > self.zero_threshold {
            for side in [&mut wide.positive, &mut wide.negative] {
                let small = side.remove_up_to(zero_threshold, schema);
                wide.zero_count = wide.zero_count.saturating_add(small);
            }
        }
        wide
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
        let count = counts.iter().fold(0, |sum: u64, count| sum.wrapping_add(*count));
        ExponentialHistogramDataPoint { scale, positive, count, ..ExponentialHistogramDataPoint::default() }
    }

    fn sum(
        first: ExponentialHistogramDataPoint,
        second: ExponentialHistogramDataPoint,
    ) -> Option<Exponential> {
        let (first, mut second) = (of(first).unwrap(), of(second).unwrap());
        let alone = second.clone();
        match second.add(&first) {
            true => Some(second),
            false => {
                assert_eq!(second, alone, "what cannot be added stays");
                None
            }
        }
    }

    #[test]
    fn buckets_are_counted_by_their_upper_bounds() {
        let exponential = of(point(0, -1, &[0, 2, 3, 0])).unwrap();
        assert_eq!(exponential.positive, Side { first: 1, counts: [2, 3].into() });
        assert_eq!((exponential.count, exponential.zero_threshold), (5, ZERO_THRESHOLD));
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
    fn the_buckets_must_hold_all_that_is_counted() {
        let counted = |count, sum| of(ExponentialHistogramDataPoint { count, sum, ..point(0, 0, &[1, 2]) });
        assert!(counted(3, None).is_ok());
        assert_eq!(counted(4, Some(1.0)), Err(Dropped::Count));
        assert_eq!(counted(2, None), Err(Dropped::Count));
        assert!(counted(4, Some(f64::NAN)).is_ok(), "one of them was not a number");
        assert_eq!(counted(2, Some(f64::NAN)), Err(Dropped::Count));
        let huge = ExponentialHistogramDataPoint { count: u64::MAX, ..point(0, 0, &[u64::MAX]) };
        assert_eq!(of(huge), Err(Dropped::Count));
        assert_eq!(of(point(0, 0, &[u64::MAX, 5])), Err(Dropped::Count));
    }

    #[test]
    fn deltas_are_added_bucket_by_bucket() {
        let delta = |sum| ExponentialHistogramDataPoint {
            count: 5,
            sum: Some(sum),
            zero_count: 1,
            ..point(1, 2, &[1, 3])
        };
        let added = sum(delta(9.0), delta(1.5)).unwrap();
        assert_eq!((added.count, added.zero_count, added.sum), (10, 2, Some(10.5)));
        assert_eq!(added.positive, Side { first: 3, counts: [2, 6].into() });
    }

    #[test]
    fn the_coarser_scale_of_two_counts() {
        // The buckets of scale 1 that end at 2^0.5 and 2^1 are in that of scale 0 which ends at 2.
        let added = sum(point(1, 0, &[1, 2]), point(0, 1, &[4])).unwrap();
        assert_eq!((added.schema, added.count), (0, 7));
        assert_eq!(added.positive, Side { first: 1, counts: [3, 4].into() });
    }

    #[test]
    fn the_larger_threshold_of_two_counts() {
        let wide = ExponentialHistogramDataPoint { zero_threshold: 2.0, ..point(0, 3, &[5]) };
        // These buckets end at 1, 2 and 4.
        let added = sum(point(0, -1, &[1, 2, 4]), wide).unwrap();
        assert_eq!((added.zero_threshold, added.zero_count, added.count), (2.0, 3, 12));
        assert_eq!(added.positive, Side { first: 2, counts: [4, 0, 5].into() });
    }

    #[test]
    fn buckets_far_apart_make_the_scale_coarser_and_never_take_much_memory() {
        let added = sum(point(8, -2_000, &[1]), point(8, 2_000, &[1])).unwrap();
        assert!(added.schema < 8 && added.schema > 0, "{}", added.schema);
        assert_eq!(added.positive.sum(), 2);
        assert_eq!(sum(point(-4, -1_000_000_000, &[1]), point(-4, 1_000_000_000, &[1])), None);
    }
}
