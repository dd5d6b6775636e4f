//! Histograms with explicit bounds.

use std::{cmp::Ordering, rc::Rc};

use spanloom_plugin::wire::metrics::HistogramDataPoint;

use super::Dropped;

/// The most buckets of a point.
const BUCKETS_LIMIT: usize = 10_000;

/// A histogram with counts that are not cumulative. There is one more count than there are bounds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    pub(crate) bounds: Rc<Bounds>,
    pub(crate) counts: Box<[u64]>,
    pub(crate) count: u64,
    /// `None` if measurements can be negative.
    pub(crate) sum: Option<f64>,
}

/// The inclusive upper bounds, ascending and without `+Inf`. The series of a family share them.
pub(crate) type Bounds = [f64];

impl Histogram {
    /// Reads a point. `known` are the bounds of the family's last point; they are shared if they are equal.
    pub(crate) fn of(point: &HistogramDataPoint<'_>, known: &mut Rc<Bounds>) -> Result<Histogram, Dropped> {
        let mut counts = Vec::with_capacity(known.len() + 1);
        counts.extend(point.bucket_counts().take(BUCKETS_LIMIT + 1));
        if !point.explicit_bounds().eq(known.iter().copied()) || counts.len() != known.len() + 1 {
            let bounds = bounds(point, &mut counts)?;
            if **known != *bounds {
                *known = bounds.into();
            }
        }
        let in_buckets = counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let count = in_buckets.max(point.count);
        if let Some(last) = counts.last_mut() {
            *last = last.saturating_add(count - in_buckets);
        }
        Ok(Histogram { bounds: known.clone(), counts: counts.into(), count, sum: point.sum })
    }

    /// Adds an earlier histogram. Returns false if the bounds differ.
    pub(crate) fn add(&mut self, before: &Histogram) -> bool {
        if self.bounds != before.bounds {
            return false;
        }
        for (count, before) in self.counts.iter_mut().zip(&before.counts) {
            *count = count.saturating_add(*before);
        }
        self.count = self.count.saturating_add(before.count);
        self.sum = self.sum.zip(before.sum).map(|(sum, before)| sum + before);
        true
    }
}

/// Returns the bounds to store, and adjusts the counts to them.
fn bounds(point: &HistogramDataPoint<'_>, counts: &mut Vec<u64>) -> Result<Vec<f64>, Dropped> {
    let mut bounds: Vec<f64> = point.explicit_bounds().take(BUCKETS_LIMIT).collect();
    if counts.is_empty() && bounds.is_empty() {
        counts.push(point.count);
    }
    if counts.len() != bounds.len() + 1 || counts.len() > BUCKETS_LIMIT {
        return Err(Dropped::Invalid);
    }
    if bounds.iter().any(|bound| bound.is_nan() || *bound == f64::NEG_INFINITY) {
        return Err(Dropped::Invalid);
    }
    if !bounds.is_sorted_by(|a, b| a < b) {
        sort(&mut bounds, counts);
    }
    // The last bucket reaches to infinity in any case.
    if bounds.pop_if(|last| *last == f64::INFINITY).is_some() {
        let beyond = counts.pop().unwrap_or_default();
        if let Some(last) = counts.last_mut() {
            *last = last.saturating_add(beyond);
        }
    }
    Ok(bounds)
}

/// Sorts the buckets by their bounds. Of several buckets with one bound the first stays, and what the others
/// count is in none but the last, as in the Collector.
fn sort(bounds: &mut Vec<f64>, counts: &mut Vec<u64>) {
    let mut last = counts.pop().unwrap_or_default();
    let mut buckets: Vec<(f64, u64)> = bounds.iter().copied().zip(counts.iter().copied()).collect();
    buckets.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
    buckets.dedup_by(|again, first| {
        let is_again = again.0 == first.0;
        if is_again {
            last = last.saturating_add(again.1);
        }
        is_again
    });
    (*bounds, *counts) = buckets.into_iter().unzip();
    counts.push(last);
}

#[cfg(test)]
mod tests {
    use spanloom_otlp::HistogramDataPoint;

    use super::*;
    use crate::encoded;

    fn of(bounds: &[f64], counts: &[u64], count: u64) -> Result<Histogram, Dropped> {
        let point = HistogramDataPoint {
            explicit_bounds: bounds.into(),
            bucket_counts: counts.into(),
            count,
            ..HistogramDataPoint::default()
        };
        Histogram::of(&encoded::histogram(point), &mut Rc::default())
    }

    #[test]
    fn a_histogram_without_buckets_has_one() {
        assert_eq!(*of(&[], &[], 7).unwrap().counts, [7]);
    }

    #[test]
    fn a_bound_at_infinity_is_no_other_bucket() {
        let histogram = of(&[1.0, f64::INFINITY], &[1, 2, 3], 6).unwrap();
        assert_eq!((&*histogram.bounds, &*histogram.counts), (&[1.0][..], &[1, 5][..]));
    }

    #[test]
    fn the_buckets_hold_all_that_is_counted() {
        assert_eq!(of(&[1.0], &[1, 2], 5).unwrap().counts[1], 4);
        assert_eq!(of(&[1.0], &[1, 2], 0).unwrap().count, 3);
        assert_eq!(of(&[1.0], &[u64::MAX, 2], 0).unwrap().count, u64::MAX);
    }

    #[test]
    fn buckets_are_sorted_by_their_bounds() {
        let sorted = |bounds: &[f64], counts: &[u64]| {
            let histogram = of(bounds, counts, 6).unwrap();
            (histogram.bounds.to_vec(), histogram.counts.to_vec())
        };
        assert_eq!(sorted(&[5.0, 1.0], &[1, 2, 3]), (vec![1.0, 5.0], vec![2, 1, 3]));
        assert_eq!(sorted(&[1.0, 1.0], &[1, 2, 3]), (vec![1.0], vec![1, 5]));
        assert_eq!(sorted(&[f64::INFINITY, 1.0], &[1, 2, 3]), (vec![1.0], vec![2, 4]));
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        for (bounds, counts) in
            [(&[f64::NAN][..], &[1, 2][..]), (&[f64::NEG_INFINITY], &[1, 2]), (&[1.0], &[1]), (&[], &[1, 2])]
        {
            assert_eq!(of(bounds, counts, 3), Err(Dropped::Invalid), "{bounds:?}");
        }
    }
}
