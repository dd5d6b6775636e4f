//! Reads the fields of a metric that every verbosity prints. Field numbers are those of OTLP's `metrics.proto`.

use std::f64::consts::LN_2;

use wire::MessageView;

/// The members of a metric's oneof, each of which has the data points of its type.
pub(super) const GAUGE: u32 = 5;
pub(super) const SUM: u32 = 7;
pub(super) const HISTOGRAM: u32 = 9;
pub(super) const EXPONENTIAL_HISTOGRAM: u32 = 10;
pub(super) const SUMMARY: u32 = 11;

/// The most bucket counts that are held at a time.
const WINDOW: usize = 1 << 20;

/// The bounds of an exponential histogram's buckets.
pub(super) struct Scale(f64);

/// The buckets of an exponential histogram's positive or negative values.
pub(super) struct Buckets<'a> {
    message: MessageView<'a>,
    offset: f64,
}

/// Returns the number of the metric's type, or 0 if it has none.
pub(super) fn kind(metric: &MessageView<'_>) -> u32 {
    metric.last_of(&[GAUGE, SUM, HISTOGRAM, EXPONENTIAL_HISTOGRAM, SUMMARY]).unwrap_or_default()
}

impl Scale {
    /// Reads the scale of a data point.
    pub(super) fn of(point: &MessageView<'_>) -> Scale {
        Scale(LN_2 * 2f64.powi(point.sint32(6).saturating_neg()))
    }

    /// Returns the lower bound of a positive bucket, which is the upper bound of the one before it.
    pub(super) fn bound(&self, buckets: &Buckets<'_>, at: usize) -> f64 {
        ((buckets.offset + at as f64) * self.0).exp()
    }
}

impl<'a> Buckets<'a> {
    pub(super) fn positive(point: &MessageView<'a>) -> Buckets<'a> {
        Buckets::of(point.message(8))
    }

    pub(super) fn negative(point: &MessageView<'a>) -> Buckets<'a> {
        Buckets::of(point.message(9))
    }

    fn of(message: MessageView<'a>) -> Buckets<'a> {
        let offset = f64::from(message.sint32(1));
        Buckets { message, offset }
    }

    /// Iterates over the places and counts.
    pub(super) fn counts(&self) -> impl Iterator<Item = (usize, u64)> + use<'a> {
        self.message.varints(2).enumerate()
    }

    /// Calls `each` with the places and counts, the last first.
    pub(super) fn each_from_last<E>(
        &self,
        mut each: impl FnMut(usize, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut end = self.message.varints(2).count();
        while end > 0 {
            let start = end.saturating_sub(WINDOW);
            let window: Vec<u64> = self.message.varints(2).skip(start).take(end - start).collect();
            for (at, count) in window.into_iter().enumerate().rev() {
                each(start + at, count)?;
            }
            end = start;
        }
        Ok(())
    }
}
