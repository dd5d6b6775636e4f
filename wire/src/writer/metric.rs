use super::value::AttributesWriter;
use super::{
    Body, ExponentialHistogramPointWriter, HistogramPointWriter, IN_METRIC, NumberPointWriter,
    SummaryPointWriter, Tail,
};

/// The point from which each data point counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregationTemporality {
    /// From the data point before it.
    Delta = 1,
    /// From the start of the series.
    Cumulative = 2,
}

impl From<AggregationTemporality> for i32 {
    fn from(temporality: AggregationTemporality) -> i32 {
        temporality as i32
    }
}

/// Writes a `Metric`. A metric has data of one kind, so choosing the kind consumes the writer.
#[must_use = "a metric without data has no points"]
#[derive(Debug)]
pub struct MetricWriter<'w> {
    body: &'w mut Body,
}

const NAME: u32 = 1;
const DESCRIPTION: u32 = 2;
const UNIT: u32 = 3;
const GAUGE: u32 = 5;
const SUM: u32 = 7;
const HISTOGRAM: u32 = 9;
const EXPONENTIAL_HISTOGRAM: u32 = 10;
const SUMMARY: u32 = 11;
const METADATA: u32 = 12;
/// The field of each kind of data that has its points.
const DATA_POINTS: u32 = 1;

impl<'w> MetricWriter<'w> {
    pub(super) fn new(body: &'w mut Body, name: &str, description: &str, unit: &str) -> MetricWriter<'w> {
        body.encoder.text(NAME, name);
        body.encoder.text(DESCRIPTION, description);
        body.encoder.text(UNIT, unit);
        MetricWriter { body }
    }

    /// Writes the metadata of the metric.
    pub fn metadata(self, write: impl FnOnce(&mut AttributesWriter<'_>)) -> MetricWriter<'w> {
        write(&mut AttributesWriter::new(&mut self.body.encoder, METADATA));
        self
    }

    pub fn gauge(self) -> NumberPoints<'w> {
        NumberPoints { body: self.data(GAUGE, Tail::default()) }
    }

    /// `aggregation_temporality` is an [`AggregationTemporality`] or its number.
    pub fn sum(self, aggregation_temporality: impl Into<i32>, is_monotonic: bool) -> NumberPoints<'w> {
        let tail = Tail { aggregation_temporality: aggregation_temporality.into(), is_monotonic };
        NumberPoints { body: self.data(SUM, tail) }
    }

    /// A histogram with explicit bounds.
    pub fn histogram(self, aggregation_temporality: impl Into<i32>) -> HistogramPoints<'w> {
        let tail = Tail::of_histogram(aggregation_temporality.into());
        HistogramPoints { body: self.data(HISTOGRAM, tail) }
    }

    pub fn exponential_histogram(
        self,
        aggregation_temporality: impl Into<i32>,
    ) -> ExponentialHistogramPoints<'w> {
        let tail = Tail::of_histogram(aggregation_temporality.into());
        ExponentialHistogramPoints { body: self.data(EXPONENTIAL_HISTOGRAM, tail) }
    }

    pub fn summary(self) -> SummaryPoints<'w> {
        SummaryPoints { body: self.data(SUMMARY, Tail::default()) }
    }

    fn data(self, number: u32, tail: Tail) -> &'w mut Body {
        self.body.open(IN_METRIC, number, tail);
        self.body
    }
}

impl Tail {
    fn of_histogram(aggregation_temporality: i32) -> Tail {
        Tail { aggregation_temporality, is_monotonic: false }
    }
}

macro_rules! points {
    ($points:ident of $writer:ident) => {
        #[doc = concat!("Writes the data points of a metric, each with a [`", stringify!($writer), "`].")]
        #[derive(Debug)]
        pub struct $points<'w> {
            body: &'w mut Body,
        }

        impl $points<'_> {
            /// Writes a data point.
            pub fn point(&mut self, write: impl FnOnce(&mut $writer<'_>)) -> &mut Self {
                self.body.items += 1;
                self.body.encoder.message(DATA_POINTS, |encoder| write(&mut $writer::new(encoder)));
                self
            }
        }
    };
}

points!(NumberPoints of NumberPointWriter);
points!(HistogramPoints of HistogramPointWriter);
points!(ExponentialHistogramPoints of ExponentialHistogramPointWriter);
points!(SummaryPoints of SummaryPointWriter);
