use spanloom_plugin::wire::metrics::SummaryDataPoint;

/// Quantiles that the sender computed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    /// The quantiles from 0 to 1 with their values, ascending and unique.
    pub(crate) quantiles: Box<[(f64, f64)]>,
}

/// The most quantiles of a series.
const LIMIT: usize = 1_000;

impl Summary {
    /// Reads a point, and leaves out what OTLP forbids: quantiles outside 0 to 1, and negative values.
    pub(crate) fn of(point: &SummaryDataPoint<'_>) -> Summary {
        let quantiles = point.quantile_values().take(LIMIT).map(|(quantile, value)| (quantile + 0.0, value));
        let can_be = |(quantile, value): &(f64, f64)| {
            (0.0..=1.0).contains(quantile) && (*value >= 0.0 || value.is_nan())
        };
        let mut quantiles: Vec<(f64, f64)> = quantiles.filter(can_be).collect();
        quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
        quantiles.dedup_by(|b, a| a.0 == b.0);
        Summary { count: point.count, sum: point.sum, quantiles: quantiles.into() }
    }
}

#[cfg(test)]
mod tests {
    use spanloom_otlp::{SummaryDataPoint, summary_data_point::ValueAtQuantile};

    use super::*;
    use crate::encoded;

    #[test]
    fn quantiles_ascend_and_are_quantiles() {
        let at = |quantile, value| ValueAtQuantile { quantile, value };
        let quantile_values = vec![
            at(0.9, 3.0),
            at(0.5, 2.0),
            at(0.5, 7.0),
            at(1.5, 1.0),
            at(f64::NAN, 1.0),
            at(0.1, -1.0),
            at(-0.0, 0.5),
        ];
        let point = SummaryDataPoint { quantile_values, ..SummaryDataPoint::default() };
        assert_eq!(*Summary::of(&encoded::summary(point)).quantiles, [(0.0, 0.5), (0.5, 2.0), (0.9, 3.0)]);
    }
}
