//! Histograms of values, with explicit buckets, or with exponential buckets that widen as needed.

use prost::Message;

/// The finest scale. It has 2^20 buckets for each power of two.
const FINEST_SCALE: i32 = 20;

/// The buckets in which values are counted.
#[derive(Clone, PartialEq, Message)]
pub struct Buckets {
    /// The explicit upper bounds, which are inclusive and ascend.
    #[prost(double, repeated, tag = "1")]
    pub bounds: Vec<f64>,
    /// The most exponential buckets, at least 2. The buckets are explicit if this is 0.
    #[prost(uint32, tag = "2")]
    pub max_size: u32,
}

/// The counts of a histogram. Only the [`Buckets`] that they were counted with give them a meaning.
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    #[prost(uint64, tag = "1")]
    pub count: u64,
    #[prost(double, tag = "2")]
    pub sum: f64,
    /// The counts of the buckets. Explicit: one more than there are bounds. Exponential: from bucket `offset`
    /// on.
    #[prost(uint64, repeated, tag = "3")]
    pub counts: Vec<u64>,
    #[prost(sint32, tag = "4")]
    pub offset: i32,
    #[prost(sint32, tag = "5")]
    pub scale: i32,
    #[prost(uint64, tag = "6")]
    pub zero_count: u64,
    #[prost(double, tag = "7")]
    pub min: f64,
    #[prost(double, tag = "8")]
    pub max: f64,
}

impl Buckets {
    pub fn explicit(bounds: Vec<f64>) -> Buckets {
        Buckets { bounds, max_size: 0 }
    }

    pub fn exponential(max_size: u32) -> Buckets {
        Buckets { bounds: Vec::new(), max_size: max_size.max(2) }
    }

    pub fn is_exponential(&self) -> bool {
        self.max_size != 0
    }

    pub fn empty(&self) -> Histogram {
        let counts = if self.is_exponential() { Vec::new() } else { vec![0; self.bounds.len() + 1] };
        Histogram {
            counts,
            scale: FINEST_SCALE,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            ..Default::default()
        }
    }

    /// Returns the most memory that a histogram may take, in bytes.
    pub fn limit_bytes(&self) -> usize {
        let counts = if self.is_exponential() { self.max_size as usize } else { self.bounds.len() + 1 };
        size_of::<Histogram>() + counts * size_of::<u64>()
    }

    /// Counts a value `times` times. The value must not be negative.
    #[inline]
    pub fn observe(&self, histogram: &mut Histogram, value: f64, times: u64) {
        histogram.count = histogram.count.saturating_add(times);
        histogram.sum += value * times as f64;
        if self.is_exponential() {
            histogram.observe_exponential(value, times, self.max_size);
        } else if let Some(count) =
            histogram.counts.get_mut(self.bounds.partition_point(|bound| *bound < value))
        {
            *count = count.saturating_add(times);
        }
    }
}

impl Histogram {
    fn observe_exponential(&mut self, value: f64, times: u64, max_size: u32) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if value <= 0.0 {
            self.zero_count = self.zero_count.saturating_add(times);
            return;
        }
        if self.counts.is_empty() {
            self.scale = FINEST_SCALE;
            self.offset = index(value, self.scale);
            self.counts.push(times);
            return;
        }
        let mut index = index(value, self.scale);
        let last = self.offset + self.counts.len() as i32 - 1;
        let (low, high) = (self.offset.min(index), last.max(index));
        let mut shift = 0;
        while (high >> shift) - (low >> shift) >= max_size as i32 {
            shift += 1;
        }
        if shift > 0 {
            self.coarsen(shift);
            index >>= shift;
        }
        if index < self.offset {
            let missing = self.offset.abs_diff(index) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.offset = index;
        }
        let at = index.abs_diff(self.offset) as usize;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts.get_mut(at).into_iter().for_each(|count| *count = count.saturating_add(times));
    }

    /// Merges each 2^`shift` buckets into one.
    fn coarsen(&mut self, shift: u32) {
        let offset = self.offset >> shift;
        let mut counts: Vec<u64> = Vec::new();
        for (index, count) in (self.offset..).zip(&self.counts) {
            let at = (index >> shift).abs_diff(offset) as usize;
            counts.resize(at + 1, 0);
            counts.last_mut().into_iter().for_each(|sum| *sum = sum.saturating_add(*count));
        }
        self.counts = counts;
        self.offset = offset;
        self.scale -= shift as i32;
    }
}

/// Returns the bucket of a value above 0. Bucket `i` holds values above base^i, up to and including
/// base^(i+1), where base = 2^(2^-scale).
fn index(value: f64, scale: i32) -> i32 {
    const FRACTION_BITS: u32 = 52;
    let bits = value.max(f64::MIN_POSITIVE).to_bits();
    let exponent = (bits >> FRACTION_BITS) as i32 - 1023;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    if scale <= 0 {
        // A power of two is the upper end of the bucket below it.
        return (exponent - i32::from(fraction == 0)) >> -scale;
    }
    let base = exponent << scale;
    if fraction == 0 {
        return base - 1;
    }
    let mantissa = f64::from_bits((1023 << FRACTION_BITS) | fraction);
    let within = (mantissa.log2() * f64::from(1 << scale)) as i32;
    base + within.min((1 << scale) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn observed(buckets: &Buckets, values: &[f64]) -> Histogram {
        let mut histogram = buckets.empty();
        values.iter().for_each(|value| buckets.observe(&mut histogram, *value, 1));
        histogram
    }

    #[test]
    fn a_value_on_a_bound_is_below_it() {
        let buckets = Buckets::explicit(vec![1.0, 2.0]);
        assert_eq!(observed(&buckets, &[0.0, 1.0, 1.5, 2.0, 2.5]).counts, [2, 2, 1]);
    }

    #[test]
    fn powers_of_two_end_their_buckets_at_every_scale() {
        for (value, scale, bucket) in [
            (1.0, 0, -1),
            (2.0, 0, 0),
            (2.1, 0, 1),
            (4.0, 0, 1),
            (4.0, -1, 0),
            (4.1, -1, 1),
            (2.0, 3, 7),
            (1.0, 3, -1),
        ] {
            assert_eq!(index(value, scale), bucket, "{value} at {scale}");
        }
    }

    #[test]
    fn an_exponential_histogram_widens_until_its_values_fit() {
        let histogram = observed(&Buckets::exponential(4), &[1.0, 2.0, 4.0, 8.0]);
        assert_eq!(
            (histogram.scale, histogram.offset, histogram.counts.as_slice()),
            (0, -1, [1; 4].as_slice())
        );
        let histogram = observed(&Buckets::exponential(4), &[1.0, 16.0, 0.0]);
        assert_eq!((histogram.scale, histogram.zero_count), (-1, 1));
        assert_eq!((histogram.min, histogram.max, histogram.sum), (0.0, 16.0, 17.0));
    }

    proptest! {
        #[test]
        fn counts_make_up_the_count_and_each_value_lies_in_its_bucket(
            values in prop::collection::vec(0.0..1e12_f64, 1..200),
            max_size in 2_u32..200,
        ) {
            let histogram = observed(&Buckets::exponential(max_size), &values);
            prop_assert!(histogram.counts.len() <= max_size as usize);
            prop_assert_eq!(histogram.counts.iter().sum::<u64>() + histogram.zero_count, values.len() as u64);
            let base = 2_f64.powf(2_f64.powi(-histogram.scale));
            for value in values.iter().filter(|value| **value > 0.0) {
                let bucket = index(*value, histogram.scale);
                prop_assert!((histogram.offset..histogram.offset + histogram.counts.len() as i32).contains(&bucket));
                prop_assert!(base.powi(bucket) <= *value * (1.0 + 1e-9));
                prop_assert!(*value <= base.powi(bucket + 1) * (1.0 + 1e-9));
            }
        }
    }
}
