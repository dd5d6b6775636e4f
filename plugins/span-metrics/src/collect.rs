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
    /// Emits a point for each series. Delta series end with it, and expired series are removed.
    pub(crate) fn collect(&mut self, now_unix_nano: u64, leave: &mut dyn FnMut(Vec<u8>)) {
        let mut requests = Requests::new(leave);
        for group in &self.groups {
            self::group(group, &self.shape, now_unix_nano, &mut requests);
        }
        requests.finish();
        if self.shape.delta {
            self.end(now_unix_nano);
        }
        self.expire(now_unix_nano);
        self.recount();
    }

    /// Removes the delta series and remembers when they ended. Resources stay, because their attributes say what
    /// all of their spans have in common.
    fn end(&mut self, now_unix_nano: u64) {
        for group in &mut self.groups {
            self.ends.note_all(group, now_unix_nano);
            group.tables.iter_mut().for_each(Table::clear);
        }
        self.ends.limit(self.settings.max_ends);
    }

    fn expire(&mut self, now_unix_nano: u64) {
        let expired = |last_seen_unix_nano: u64, after: std::time::Duration| {
            !after.is_zero()
                && u128::from(now_unix_nano.saturating_sub(last_seen_unix_nano)) >= after.as_nanos()
        };
        let settings = &self.settings;
        self.groups.retain_mut(|group| {
            for table in &mut group.tables {
                table.iter_mut().for_each(|(_, series)| series.exemplars.clear());
                table.retain(|entry| !expired(entry.series.last_seen_unix_nano, settings.series_expiration));
            }
            !expired(group.resource.last_seen_unix_nano, settings.resource_expiration)
        });
    }
}

/// Emits the points of one resource.
pub(crate) fn group(group: &Group, shape: &Shape, now_unix_nano: u64, requests: &mut Requests<'_>) {
    let families = || shape.families.iter().zip(&group.tables);
    let longest = families().map(|(_, table)| table.len()).max().unwrap_or_default();
    for start in (0..longest).step_by(SERIES_AT_A_TIME) {
        let mut resource = requests.open().resource(|out| group.resource.write(out));
        let mut scope = resource.scope(|scope| {
            scope.name("spanmetricsconnector");
        });
        for (family, table) in families() {
            metrics(table, start, family, shape, now_unix_nano, &mut scope);
        }
        resource.schema_url(&group.resource.schema_url);
    }
}

/// Writes the points of the series from index `start` on, unless there are none.
fn metrics(
    table: &Table<Series>,
    start: usize,
    family: &Family,
    shape: &Shape,
    now_unix_nano: u64,
    out: &mut ScopeEnvelope<'_, Metrics>,
) {
    let entries = table.entries().iter().skip(start).take(SERIES_AT_A_TIME);
    if entries.clone().next().is_none() {
        return;
    }
    let points = entries.map(|entry| (point(entry, now_unix_nano), &entry.series));
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
    let Entry { key, series, .. } = entry;
    Point {
        key: if series.typed_key.is_empty() { key } else { &series.typed_key },
        start_time_unix_nano: series.start_unix_nano,
        now_unix_nano,
        exemplars: &series.exemplars,
    }
}
