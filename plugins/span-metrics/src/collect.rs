//! Writes series as OTLP metrics.

use spanloom_aggregate::{Entry, Point, Requests, Table, sum};
use spanloom_plugin::wire::writer::{Metrics, ScopeEnvelope};

use crate::aggregator::Aggregator;
use crate::groups::Group;
use crate::series::Series;
use crate::shape::{Family, Shape};

/// The most series of each metric in one `ResourceMetrics`.
const SERIES_AT_A_TIME: usize = 500;

impl Aggregator {
    /// Emits a point for each series. Delta series restart, and expired series are removed.
    pub(crate) fn collect(&mut self, now_unix_nano: u64, leave: &mut dyn FnMut(Vec<u8>)) {
        let mut requests = Requests::new(leave);
        for group in &self.groups {
            self::group(group, &self.shape, now_unix_nano, &mut requests);
        }
        requests.finish();
        if self.shape.delta {
            self.restart(now_unix_nano);
        }
        self.expire(now_unix_nano);
        self.recount();
    }

    fn restart(&mut self, now_unix_nano: u64) {
        let tables = self.groups.iter_mut().flat_map(|group| &mut group.tables);
        let mut idle: Vec<u64> = Vec::new();
        for (_, series) in tables.flat_map(Table::iter_mut) {
            if series.calls > 0 {
                series.restart(now_unix_nano, &self.shape);
            }
            idle.push(series.start_unix_nano);
        }
        let Some(surplus) = idle.len().checked_sub(self.settings.max_idle + 1) else { return };
        let (_, last, _) = idle.select_nth_unstable(surplus);
        let last = *last;
        let mut surplus = surplus + 1;
        for table in self.groups.iter_mut().flat_map(|group| &mut group.tables) {
            table.retain(|entry| {
                let goes = surplus > 0 && entry.series.start_unix_nano <= last;
                surplus -= usize::from(goes);
                !goes
            });
        }
    }

    fn expire(&mut self, now_unix_nano: u64) {
        let expired = |last_seen_unix_nano: u64, after: std::time::Duration| {
            !after.is_zero()
                && u128::from(now_unix_nano.saturating_sub(last_seen_unix_nano)) >= after.as_nanos()
        };
        let (delta, settings) = (self.shape.delta, &self.settings);
        self.groups.retain_mut(|group| {
            for table in &mut group.tables {
                table.iter_mut().for_each(|(_, series)| series.exemplars.clear());
                table.retain(|entry| !expired(entry.series.last_seen_unix_nano, settings.series_expiration));
            }
            let last_seen = group.resource.last_seen_unix_nano;
            !(expired(last_seen, settings.resource_expiration) || (delta && group.is_empty()))
        });
    }
}

/// Emits the points of one resource.
pub(crate) fn group(group: &Group, shape: &Shape, now_unix_nano: u64, requests: &mut Requests<'_>) {
    let families = || shape.families.iter().zip(&group.tables);
    let longest = families().map(|(_, table)| table.len()).max().unwrap_or_default();
    for start in (0..longest).step_by(SERIES_AT_A_TIME) {
        if families().all(|(_, table)| told(table, start).next().is_none()) {
            continue;
        }
        let mut resource = requests.open().resource(|out| group.resource.write(out));
        let mut scope = resource.scope(|scope| {
            scope.name("spanmetricsconnector");
        });
        for (family, table) in families() {
            metrics(told(table, start), family, shape, now_unix_nano, &mut scope);
        }
        resource.schema_url(&group.resource.schema_url);
    }
}

/// Iterates over the series that counted something, from index `start` on.
fn told(table: &Table<Series>, start: usize) -> impl Iterator<Item = &Entry<Series>> + Clone {
    let entries = table.entries().iter().skip(start).take(SERIES_AT_A_TIME);
    entries.filter(|entry| entry.series.calls > 0)
}

fn metrics<'a>(
    told: impl Iterator<Item = &'a Entry<Series>> + Clone,
    family: &Family,
    shape: &Shape,
    now_unix_nano: u64,
    out: &mut ScopeEnvelope<'_, Metrics>,
) {
    if told.clone().next().is_none() {
        return;
    }
    let points = told.map(|entry| (point(entry, now_unix_nano), &entry.series));
    if family.calls || family.events {
        let name = if family.calls { "calls" } else { "events" };
        let metric = out.metric(&shape.metric_name(name), "", "");
        let counts = points.clone().map(|(point, series)| (point, series.calls));
        sum(metric, shape.temporality(), family, counts);
    }
    if let Some(buckets) = shape.buckets.as_ref().filter(|_| family.durations) {
        let unit = if shape.seconds { "s" } else { "ms" };
        let metric = out.metric(&shape.metric_name("duration"), "", unit);
        let durations = points.filter_map(|(point, series)| Some((point, series.durations.as_ref()?)));
        buckets.write(metric, shape.temporality(), family, durations);
    }
}

fn point(entry: &Entry<Series>, now_unix_nano: u64) -> Point<'_> {
    Point {
        key: &entry.key,
        start_time_unix_nano: entry.series.start_unix_nano,
        now_unix_nano,
        exemplars: &entry.series.exemplars,
    }
}
