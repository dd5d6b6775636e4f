//! Reports points that are not shown: a counter per reason, and a log line for each metric and reason.

use std::collections::BTreeSet;

use spanloom_plugin::{metrics::Counter, warn};

use crate::series::Dropped;

/// The most log lines. Further metrics are only counted.
const TOLD_LIMIT: usize = 1_000;

#[derive(Default)]
pub(crate) struct Report {
    counters: Vec<(Dropped, Counter)>,
    told: BTreeSet<(Dropped, Box<str>)>,
}

impl Report {
    /// Makes a report with a counter at 0 for every reason.
    pub(crate) fn new() -> Report {
        let counter = |reason: Dropped| {
            let help = "Data points that came and are not shown to Prometheus";
            (
                reason,
                Counter::new(
                    "prometheus_exporter_dropped_points_total",
                    help,
                    &[("reason", reason.reason())],
                ),
            )
        };
        let counters: Vec<_> = Dropped::ALL.into_iter().map(counter).collect();
        counters.iter().for_each(|(_, counter)| counter.add(0));
        Report { counters, told: BTreeSet::new() }
    }

    pub(crate) fn drop(&mut self, reason: Dropped, metric: &str, points: usize) {
        if points == 0 {
            return;
        }
        if let Some((_, counter)) = self.counters.iter().find(|(of, _)| *of == reason) {
            counter.add(points as u64);
        }
        if self.told.len() < TOLD_LIMIT && self.told.insert((reason, metric.into())) {
            warn!("points of `{metric}` are not shown: {} (told once)", reason.why());
        }
    }
}

impl Dropped {
    fn why(self) -> &'static str {
        match self {
            Dropped::Conflict => "Prometheus would take it for another metric of a different type",
            Dropped::SeriesLimit => "there are as many series as `series_limit` allows",
            Dropped::OutOfOrder => "a later point of the series came before it",
            Dropped::Misaligned => {
                "a delta overlaps with those before it: more than one sender writes the series"
            }
            Dropped::Temporality => {
                "it is not cumulative, and its deltas do not add up to anything that Prometheus has"
            }
            Dropped::Name => "its name has no valid character, or is longer than 1 KiB",
            Dropped::Labels => "its labels are longer than 16 KiB",
            Dropped::Invalid => "it violates the OTLP specification",
            Dropped::Count => {
                "the count of an exponential histogram is not that of its buckets: Prometheus would reject the scrape"
            }
            Dropped::Scale => "the scale of an exponential histogram is below -4",
        }
    }
}
