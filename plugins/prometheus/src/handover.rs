//! The state that one instance hands to the next: records, each with its length before it.

use std::rc::Rc;

use prost::{DecodeError, Message, Oneof};

use crate::{
    config::Shape,
    name::MetricName,
    series::{
        Exemplar, Exemplars, Exponential, Histogram, InUse, Kept, Kind, Point, Series, Side, Store, Summary,
        Value,
    },
};

/// The format of the records. A version that reads these records keeps the number.
const FORMAT: u32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(oneof = "What", tags = "1, 2, 3, 4")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
enum What {
    /// The first record.
    #[prost(message, tag = "1")]
    Head(HeadRecord),
    /// The series that follow belong to this family.
    #[prost(message, tag = "2")]
    Family(FamilyRecord),
    #[prost(message, tag = "3")]
    Series(SeriesRecord),
    #[prost(message, tag = "4")]
    Target(TargetRecord),
}

#[derive(Clone, PartialEq, Message)]
struct HeadRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    /// The shape of the config. Series of another shape would appear beside those of this config.
    #[prost(string, tag = "2")]
    shape: String,
}

#[derive(Clone, PartialEq, Message)]
struct FamilyRecord {
    #[prost(string, tag = "1")]
    name: String,
    /// The index in [`KINDS`].
    #[prost(uint32, tag = "2")]
    kind: u32,
    #[prost(string, tag = "3")]
    help: String,
    #[prost(string, tag = "4")]
    unit: String,
}

#[derive(Clone, PartialEq, Message)]
struct SeriesRecord {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(fixed64, tag = "2")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    time_unix_nano: u64,
    #[prost(uint64, tag = "4")]
    age_ms: u64,
    #[prost(message, repeated, tag = "5")]
    exemplars: Vec<ExemplarRecord>,
    #[prost(oneof = "ValueRecord", tags = "6, 7, 8, 9")]
    value: Option<ValueRecord>,
    /// The place of its target among the targets, counted from 1. 0: it has none.
    #[prost(uint32, tag = "10")]
    target: u32,
}

#[derive(Clone, PartialEq, Oneof)]
enum ValueRecord {
    #[prost(double, tag = "6")]
    Number(f64),
    #[prost(message, tag = "7")]
    Histogram(HistogramRecord),
    #[prost(message, tag = "8")]
    Exponential(ExponentialRecord),
    #[prost(message, tag = "9")]
    Summary(SummaryRecord),
}

#[derive(Clone, PartialEq, Message)]
struct HistogramRecord {
    #[prost(double, repeated, tag = "1")]
    bounds: Vec<f64>,
    #[prost(uint64, repeated, tag = "2")]
    counts: Vec<u64>,
    #[prost(uint64, tag = "3")]
    count: u64,
    #[prost(double, optional, tag = "4")]
    sum: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct ExponentialRecord {
    #[prost(sint32, tag = "1")]
    schema: i32,
    #[prost(double, tag = "2")]
    zero_threshold: f64,
    #[prost(uint64, tag = "3")]
    zero_count: u64,
    #[prost(uint64, tag = "4")]
    count: u64,
    #[prost(double, optional, tag = "5")]
    sum: Option<f64>,
    #[prost(sint32, tag = "6")]
    positive_first: i32,
    #[prost(uint64, repeated, tag = "7")]
    positive: Vec<u64>,
    #[prost(sint32, tag = "8")]
    negative_first: i32,
    #[prost(uint64, repeated, tag = "9")]
    negative: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryRecord {
    #[prost(uint64, tag = "1")]
    count: u64,
    /// Always present: without presence, -0 would become 0.
    #[prost(double, optional, tag = "2")]
    sum: Option<f64>,
    #[prost(double, repeated, tag = "3")]
    quantiles: Vec<f64>,
    #[prost(double, repeated, tag = "4")]
    values: Vec<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct ExemplarRecord {
    #[prost(string, tag = "1")]
    labels: String,
    /// Always present, like the sum of a summary.
    #[prost(double, optional, tag = "2")]
    value: Option<f64>,
    #[prost(fixed64, tag = "3")]
    time_unix_nano: u64,
}

#[derive(Clone, PartialEq, Message)]
struct TargetRecord {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    labels: String,
    // Tag 3 was the age, which is that of the series now.
}

const KINDS: [Kind; 5] = [Kind::Unknown, Kind::Gauge, Kind::Counter, Kind::Histogram, Kind::Summary];

/// Saves the store. Series are converted one at a time, because all records at once would double the memory.
pub(crate) fn save(store: &Store, shape: &Shape, now_ms: u64) -> Vec<u8> {
    let mut state = Vec::new();
    let mut push = |what| {
        // Writing to a vector cannot fail.
        let _ = Record { what: Some(what) }.encode_length_delimited(&mut state);
    };
    push(What::Head(HeadRecord { format: FORMAT, shape: format!("{shape:?}") }));
    for ((key, target), number) in store.targets().zip(1..) {
        target.in_use.set_number(number);
        push(What::Target(TargetRecord { key: key.into(), labels: (&*target.labels).into() }));
    }
    for (name, family) in store.families() {
        let kind = KINDS.iter().position(|kind| *kind == family.kind).unwrap_or_default() as u32;
        let (help, unit) = ((&*family.help).into(), (&*family.unit).into());
        push(What::Family(FamilyRecord { name: name.into(), kind, help, unit }));
        for series in family.series() {
            push(What::Series(SeriesRecord::of(series, now_ms)));
        }
    }
    state
}

/// Restores a store that was saved with the same shape. Returns `None` if the shape or the format differs.
pub(crate) fn restore(
    mut state: &[u8],
    shape: &Shape,
    (now_ms, limit): (u64, usize),
) -> Result<Option<Store>, DecodeError> {
    let mut store = Store::default();
    let mut family = None;
    let mut targets: Vec<Option<InUse>> = Vec::new();
    let mut bounds: Rc<[f64]> = Rc::default();
    let mut is_ours = false;
    while !state.is_empty() {
        match Record::decode_length_delimited(&mut state)?.what {
            Some(What::Head(head)) => {
                is_ours = head.format == FORMAT && head.shape == format!("{shape:?}");
            }
            _ if !is_ours => return Ok(None),
            Some(What::Target(target)) => {
                // If the limit has shrunk, surplus targets are dropped.
                targets.push(store.target(&target.key, &target.labels, limit).ok());
            }
            Some(What::Family(of)) => {
                let kind = KINDS.get(of.kind as usize).copied();
                family = kind.map(|kind| (MetricName { name: of.name, unit: of.unit }, of.help, kind));
            }
            Some(What::Series(series)) => {
                let updated_ms = now_ms.saturating_sub(series.age_ms);
                if let (Some((name, help, kind)), Some(point)) = (&family, series.point(&mut bounds)) {
                    let kept = Kept { name, help, kind: *kind };
                    let target = targets.get((series.target as usize).wrapping_sub(1));
                    let target = target.and_then(Option::as_ref);
                    let _ = store.take(&kept, &series.labels, point, target, (updated_ms, limit));
                }
            }
            None => {}
        }
    }
    Ok(is_ours.then_some(store))
}

impl SeriesRecord {
    fn of(series: &Series, now_ms: u64) -> SeriesRecord {
        let point = &series.point;
        let exemplar = |exemplar: &Exemplar| ExemplarRecord {
            labels: (&*exemplar.labels).into(),
            value: Some(exemplar.value),
            time_unix_nano: exemplar.time_unix_nano,
        };
        SeriesRecord {
            labels: (&*series.labels).into(),
            start_time_unix_nano: point.start_time_unix_nano,
            time_unix_nano: point.time_unix_nano,
            age_ms: now_ms.saturating_sub(series.updated_ms),
            exemplars: point.exemplars.iter().flat_map(|exemplars| &exemplars.0).map(exemplar).collect(),
            value: Some(ValueRecord::of(&point.value)),
            target: series.target.as_ref().map_or(0, InUse::number),
        }
    }

    fn point(&self, bounds: &mut Rc<[f64]>) -> Option<Point> {
        let exemplar = |exemplar: &ExemplarRecord| Exemplar {
            labels: exemplar.labels.as_str().into(),
            value: exemplar.value.unwrap_or_default(),
            time_unix_nano: exemplar.time_unix_nano,
        };
        let exemplars: Vec<Exemplar> = self.exemplars.iter().map(exemplar).collect();
        Some(Point {
            start_time_unix_nano: self.start_time_unix_nano,
            time_unix_nano: self.time_unix_nano,
            value: self.value.as_ref()?.value(bounds)?,
            exemplars: (!exemplars.is_empty()).then(|| Box::new(Exemplars(exemplars))),
        })
    }
}

impl ValueRecord {
    fn of(value: &Value) -> ValueRecord {
        match value {
            Value::Number(number) => ValueRecord::Number(*number),
            Value::Histogram(histogram) => ValueRecord::Histogram(HistogramRecord {
                bounds: histogram.bounds.to_vec(),
                counts: histogram.counts.to_vec(),
                count: histogram.count,
                sum: histogram.sum,
            }),
            Value::Exponential(histogram) => ValueRecord::Exponential(ExponentialRecord {
                schema: histogram.schema,
                zero_threshold: histogram.zero_threshold,
                zero_count: histogram.zero_count,
                count: histogram.count,
                sum: histogram.sum,
                positive_first: histogram.positive.first,
                positive: histogram.positive.counts.to_vec(),
                negative_first: histogram.negative.first,
                negative: histogram.negative.counts.to_vec(),
            }),
            Value::Summary(summary) => {
                let (quantiles, values) = summary.quantiles.iter().copied().unzip();
                ValueRecord::Summary(SummaryRecord {
                    count: summary.count,
                    sum: Some(summary.sum),
                    quantiles,
                    values,
                })
            }
        }
    }

    /// Returns `None` if Prometheus would reject a scrape with the value.
    fn value(&self, bounds: &mut Rc<[f64]>) -> Option<Value> {
        Some(match self {
            ValueRecord::Number(number) => Value::Number(*number),
            ValueRecord::Histogram(histogram) => {
                if **bounds != *histogram.bounds {
                    *bounds = histogram.bounds.as_slice().into();
                }
                Value::Histogram(Box::new(Histogram {
                    bounds: bounds.clone(),
                    counts: histogram.counts.as_slice().into(),
                    count: histogram.count,
                    sum: histogram.sum,
                }))
            }
            ValueRecord::Exponential(histogram) => {
                let side = |first, counts: &[u64]| Side { first, counts: counts.into() };
                let restored = Exponential {
                    schema: histogram.schema,
                    zero_threshold: histogram.zero_threshold,
                    zero_count: histogram.zero_count,
                    count: histogram.count,
                    sum: histogram.sum,
                    positive: side(histogram.positive_first, &histogram.positive),
                    negative: side(histogram.negative_first, &histogram.negative),
                };
                Value::Exponential(Box::new(restored.whole()?))
            }
            ValueRecord::Summary(summary) => Value::Summary(Box::new(Summary {
                count: summary.count,
                sum: summary.sum.unwrap_or_default(),
                quantiles: summary.quantiles.iter().copied().zip(summary.values.iter().copied()).collect(),
            })),
        })
    }
}
