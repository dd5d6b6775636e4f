//! Reads the swap pauses from Spanloom's own metrics: how long an instance took no calls while another
//! replaced it.

const BUCKET: &str = "spanloom_plugin_swap_pause_seconds_bucket{";

/// A cumulative histogram.
#[derive(Default)]
pub(super) struct Pauses {
    /// The upper bound in seconds, and how many pauses were no longer than that; ascending.
    buckets: Vec<(f64, u64)>,
}

impl Pauses {
    /// Reads the histogram from a text exposition that has one component.
    pub(super) fn of(exposition: &str) -> Pauses {
        let buckets = exposition.lines().filter_map(|line| {
            let (labels, count) = line.strip_prefix(BUCKET)?.rsplit_once("} ")?;
            let (_, bound) = labels.split_once("le=\"")?;
            let bound = bound.split('"').next()?;
            Some((bound.parse().ok()?, count.parse().ok()?))
        });
        Pauses { buckets: buckets.collect() }
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }

    /// Returns the upper bound, in ms, of the bucket that holds the quantile; NaN if there are no pauses.
    pub(super) fn at_most_ms(&self, quantile: f64) -> f64 {
        let wanted = self.count() as f64 * quantile;
        let bucket = self.buckets.iter().find(|(_, count)| *count > 0 && *count as f64 >= wanted);
        bucket.map_or(f64::NAN, |(bound, _)| bound * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: quantiles are read from a histogram of 100 pauses, and from an empty one.
    /// Guarantees: a quantile is the bound of its bucket, and NaN without pauses.
    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let line =
            |bound: &str, count: u64| format!("{BUCKET}component=\"marker\",le=\"{bound}\"}} {count}\n");
        let text = [line("0.0001", 90), line("0.0005", 99), line("0.001", 100), line("+Inf", 100)].concat();
        let pauses = Pauses::of(&text);
        assert_eq!(pauses.count(), 100);
        assert_eq!([0.5, 0.99, 1.0].map(|quantile| pauses.at_most_ms(quantile)), [0.1, 0.5, 1.0]);
        assert!(Pauses::of("").at_most_ms(0.5).is_nan());
    }
}
