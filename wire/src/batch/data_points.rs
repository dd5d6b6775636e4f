use crate::encode::{framed_len, open};
use crate::fields::{Field, Fields};
use crate::view::Columns;

/// Holds the number of data points of each metric.
#[derive(Clone, Default)]
pub(crate) struct DataPoints {
    counts: Vec<u32>,
}

/// The most bytes that dividing one metric may repeat, beyond four times the length of the metric. Each part
/// repeats what the parts have in common.
const MAX_REPEATED_BYTES: usize = 1 << 20;

impl Columns for DataPoints {
    type Counts = DataPoints;
    const ROW_BYTES: usize = size_of::<u32>();

    fn push(&mut self, metric: &[u8]) {
        let points = data(metric).map(|data| Fields::of(data.value).filter(is_point).count());
        self.counts.push(points.sum::<usize>() as u32);
    }

    fn select(&self, rows: &[u32]) -> DataPoints {
        let counts = rows.iter().filter_map(|row| self.counts.get(*row as usize).copied()).collect();
        DataPoints { counts }
    }

    fn items(&self, row: usize) -> usize {
        self.counts.get(row).map_or(0, |count| *count as usize)
    }

    /// Returns metrics that differ only in their data points, or nothing if the metric cannot be divided.
    fn divide(metric: &[u8], max_items: usize) -> Vec<Vec<u8>> {
        let mut occurrences = data(metric);
        let (Some(data), None) = (occurrences.next(), occurrences.next()) else { return Vec::new() };
        let points: Vec<Field<'_>> = Fields::of(data.value).filter(is_point).collect();
        let parts = points.chunks(max_items.max(1));
        let points_len: usize = points.iter().map(|point| point.end - point.start).sum();
        let repeated = (metric.len() - points_len).saturating_mul(parts.len());
        if repeated > metric.len() * 4 + MAX_REPEATED_BYTES {
            return Vec::new();
        }
        parts.map(|points| metric_of(metric, &data, points)).collect()
    }
}

/// Iterates over the fields that hold data: gauge, sum, histogram, exponential histogram or summary. In each
/// of these messages `data_points` is field 1.
fn data(metric: &[u8]) -> impl Iterator<Item = Field<'_>> {
    Fields::of(metric).filter(|field| matches!(field.number, 5 | 7 | 9 | 10 | 11))
}

fn is_point(field: &Field<'_>) -> bool {
    field.number == 1
}

/// Returns the metric with only these data points.
fn metric_of(metric: &[u8], data: &Field<'_>, points: &[Field<'_>]) -> Vec<u8> {
    let others = || Fields::of(data.value).filter(|field| !is_point(field));
    let body_len: usize = others().chain(points.iter().copied()).map(|field| field.end - field.start).sum();
    let mut out =
        Vec::with_capacity(metric.len() - (data.end - data.start) + framed_len(data.number, body_len));
    out.extend_from_slice(metric.get(..data.start).unwrap_or_default());
    open(&mut out, data.number, body_len);
    for field in others().chain(points.iter().copied()) {
        out.extend_from_slice(data.value.get(field.start..field.end).unwrap_or_default());
    }
    out.extend_from_slice(metric.get(data.end..).unwrap_or_default());
    out
}
