//! The stored metrics: families by name, and in each family its series by the text of their labels.

mod exemplar;
mod exponential;
mod family;
mod histogram;
mod identity;
mod store;
mod summary;

pub(crate) use exemplar::{Exemplar, Exemplars};
pub(crate) use exponential::{Exponential, Side};
pub(crate) use family::{Family, Place};
pub(crate) use histogram::{Bounds, Histogram};
pub(crate) use identity::{Identities, Identity};
pub(crate) use store::{InUse, Kept, Opened, Store, Target};
pub(crate) use summary::Summary;

/// The type of a metric in Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Unknown,
    Gauge,
    Counter,
    Histogram,
    Summary,
}

/// A series: a number, or the buckets or quantiles that share its labels. It takes at most 72 bytes, without
/// the memory that it points to.
#[derive(Debug)]
pub(crate) struct Series {
    /// The labels as text, like `a="1",b="2"`.
    pub(crate) labels: Box<str>,
    pub(crate) point: Point,
    /// When the last point arrived, on the host's monotonic clock. [`ENDED`] if the series has ended.
    pub(crate) updated_ms: u64,
    /// Keeps the target of the series in the scrapes.
    pub(crate) target: Option<InUse>,
}

/// The last point of a series, or the sum of its deltas.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    /// 0 if unknown.
    pub(crate) start_time_unix_nano: u64,
    pub(crate) time_unix_nano: u64,
    pub(crate) value: Value,
    /// `None` for most points.
    pub(crate) exemplars: Option<Box<Exemplars>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Histogram(Box<Histogram>),
    Exponential(Box<Exponential>),
    Summary(Box<Summary>),
}

/// The earlier point since which a data point counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temporality {
    /// The start of the series, or the value is not a count.
    Cumulative,
    /// The point before it.
    Delta,
}

/// The reason why a point is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Dropped {
    /// The name belongs to a metric of another type.
    Conflict,
    /// The number of series has reached the limit.
    SeriesLimit,
    /// A later point has already arrived.
    OutOfOrder,
    /// A delta overlaps with the sum of earlier ones.
    Misaligned,
    /// The deltas do not add up to a type that Prometheus has.
    Temporality,
    /// No valid character is left of the name, or the name is too long.
    Name,
    /// The labels are too long.
    Labels,
    /// The point violates the OTLP specification.
    Invalid,
    /// The count of an exponential histogram is not that of its buckets.
    Count,
    /// The scale of an exponential histogram is below -4.
    Scale,
}

/// The value of `updated_ms` of a series that has ended.
pub(crate) const ENDED: u64 = u64::MAX;

impl Kind {
    /// Returns the suffixes that the text formats may append to the name. No two metrics may then share a
    /// name. OpenMetrics also reserves the plain name of a histogram, although no sample has it.
    pub(crate) fn suffixes(self) -> &'static [&'static str] {
        match self {
            Kind::Unknown | Kind::Gauge | Kind::Counter => &[""],
            Kind::Histogram => &["", "_bucket", "_count", "_sum", "_created"],
            Kind::Summary => &["", "_count", "_sum", "_created"],
        }
    }

    /// Returns the label that distinguishes buckets or quantiles.
    pub(crate) fn structural_label(self) -> &'static str {
        match self {
            Kind::Unknown | Kind::Gauge | Kind::Counter => "",
            Kind::Histogram => "le",
            Kind::Summary => "quantile",
        }
    }
}

impl Dropped {
    pub(crate) const ALL: [Dropped; 10] = [
        Dropped::Conflict,
        Dropped::SeriesLimit,
        Dropped::OutOfOrder,
        Dropped::Misaligned,
        Dropped::Temporality,
        Dropped::Name,
        Dropped::Labels,
        Dropped::Invalid,
        Dropped::Count,
        Dropped::Scale,
    ];

    /// Returns the value of the label `reason`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Dropped::Conflict => "conflict",
            Dropped::SeriesLimit => "series_limit",
            Dropped::OutOfOrder => "out_of_order",
            Dropped::Misaligned => "misaligned",
            Dropped::Temporality => "temporality",
            Dropped::Name => "name",
            Dropped::Labels => "labels",
            Dropped::Invalid => "invalid",
            Dropped::Count => "count",
            Dropped::Scale => "scale",
        }
    }
}

impl Series {
    pub(crate) fn is_alive(&self) -> bool {
        self.updated_ms != ENDED
    }

    /// Takes the next point. A delta that begins where the last point ended is added to the sum. A delta that
    /// begins later restarts the sum. A delta that overlaps is dropped.
    #[inline(always)]
    pub(crate) fn take(
        &mut self,
        mut next: Point,
        temporality: Temporality,
        now_ms: u64,
    ) -> Result<(), Dropped> {
        if self.is_alive() {
            match temporality {
                Temporality::Cumulative if next.time_unix_nano < self.point.time_unix_nano => {
                    return Err(Dropped::OutOfOrder);
                }
                Temporality::Cumulative => {}
                Temporality::Delta => next.add_to(&self.point)?,
            }
            if next.exemplars.is_none() {
                next.exemplars = self.point.exemplars.take();
            }
        }
        self.point = next;
        self.updated_ms = now_ms;
        Ok(())
    }
}

impl Point {
    /// Adds the sum of earlier points to this delta.
    fn add_to(&mut self, before: &Point) -> Result<(), Dropped> {
        let (start, last) = (self.start_time_unix_nano, before.time_unix_nano);
        // Without a start time, only the order can be checked.
        let aligned = start == last || (start == 0 && self.time_unix_nano > last);
        if !aligned && start <= last {
            return Err(Dropped::Misaligned);
        }
        if aligned && self.value.add(&before.value) {
            self.start_time_unix_nano = before.start_time_unix_nano;
        }
        Ok(())
    }
}

impl Value {
    /// Returns about how many lines of text the value takes.
    pub(crate) fn samples(&self) -> usize {
        match self {
            Value::Number(_) => 1,
            Value::Histogram(histogram) => histogram.counts.len() + 2,
            Value::Exponential(_) => 3,
            Value::Summary(summary) => summary.quantiles.len() + 2,
        }
    }

    /// Adds an earlier value. Returns false if the two cannot be added; the value then stays as it is.
    fn add(&mut self, before: &Value) -> bool {
        match (self, before) {
            (Value::Number(number), Value::Number(before)) => {
                *number += before;
                true
            }
            (Value::Histogram(histogram), Value::Histogram(before)) => histogram.add(before),
            (Value::Exponential(histogram), Value::Exponential(before)) => histogram.add(before),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(start: u64, time: u64, value: f64) -> Point {
        Point {
            start_time_unix_nano: start,
            time_unix_nano: time,
            value: Value::Number(value),
            exemplars: None,
        }
    }

    fn after(points: &[(u64, u64, f64)], temporality: Temporality) -> (Point, Vec<Result<(), Dropped>>) {
        let mut series =
            Series { labels: "".into(), point: point(0, 0, 0.0), updated_ms: ENDED, target: None };
        let took = points
            .iter()
            .map(|(start, time, value)| series.take(point(*start, *time, *value), temporality, 1));
        let took = took.collect();
        (series.point, took)
    }

    #[test]
    fn a_series_is_small() {
        assert!(size_of::<Series>() <= 72, "{}", size_of::<Series>());
    }

    #[test]
    fn deltas_that_follow_each_other_add_up_from_the_first_start() {
        let (last, _) = after(&[(10, 20, 1.0), (20, 30, 2.0), (30, 40, 4.0)], Temporality::Delta);
        assert_eq!(last, point(10, 40, 7.0));
    }

    #[test]
    fn a_delta_after_a_gap_starts_anew_and_one_that_overlaps_is_dropped() {
        let (last, took) = after(&[(10, 20, 1.0), (15, 25, 2.0), (25, 30, 4.0)], Temporality::Delta);
        assert_eq!(took, [Ok(()), Err(Dropped::Misaligned), Ok(())]);
        assert_eq!(last, point(25, 30, 4.0));
    }

    #[test]
    fn a_delta_that_comes_twice_counts_once() {
        let (last, took) = after(&[(10, 20, 1.0), (10, 20, 1.0)], Temporality::Delta);
        assert_eq!((last, took), (point(10, 20, 1.0), vec![Ok(()), Err(Dropped::Misaligned)]));
    }

    #[test]
    fn deltas_without_a_start_add_up_in_their_order() {
        let (last, took) = after(&[(0, 20, 1.0), (0, 30, 2.0), (0, 25, 4.0)], Temporality::Delta);
        assert_eq!((last, took[2]), (point(0, 30, 3.0), Err(Dropped::Misaligned)));
    }

    #[test]
    fn of_cumulative_points_the_latest_counts_and_a_reset_is_as_good() {
        let (last, took) = after(&[(10, 20, 5.0), (10, 15, 4.0), (22, 30, 1.0)], Temporality::Cumulative);
        assert_eq!((last, took[1]), (point(22, 30, 1.0), Err(Dropped::OutOfOrder)));
    }
}
