//! Converts series to OTLP metrics.

use spanloom_aggregate::{Point, Requests, Table, sum};
use spanloom_otlp::{InstrumentationScope, Metric, ResourceMetrics, ScopeMetrics, metric::Data};

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
        let parts = families().flat_map(|(family, table)| {
            let entries = table.entries().iter().skip(start).take(SERIES_AT_A_TIME);
            let told: Vec<_> = entries.filter(|entry| entry.series.calls > 0).collect();
            let series: Vec<_> = told.iter().map(|entry| (entry.key.as_slice(), &entry.series)).collect();
            metrics(&series, family, shape, now_unix_nano)
        });
        let metrics: Vec<Metric> = parts.collect();
        if metrics.is_empty() {
            continue;
        }
        let scope = InstrumentationScope { name: "spanmetricsconnector".to_owned(), ..Default::default() };
        requests.push(ResourceMetrics {
            resource: group.resource.resource.clone(),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }],
            schema_url: group.resource.schema_url.clone(),
        });
    }
}

fn metrics(series: &[(&[u8], &Series)], family: &Family, shape: &Shape, now_unix_nano: u64) -> Vec<Metric> {
    if series.is_empty() {
        return Vec::new();
    }
    let points = || series.iter().map(|(key, series)| (point(key, series, family, now_unix_nano), *series));
    let metric = |name: &str, unit: &str, data: Data| Metric {
        name: shape.metric_name(name),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    };
    let mut metrics = Vec::new();
    if family.calls || family.events {
        let name = if family.calls { "calls" } else { "events" };
        let counts = points().map(|(point, series)| (point, series.calls));
        metrics.push(metric(name, "", sum(shape.temporality(), counts)));
    }
    if let Some(buckets) = shape.buckets.as_ref().filter(|_| family.durations) {
        let durations = points().filter_map(|(point, series)| Some((point, series.durations.as_ref()?)));
        let unit = if shape.seconds { "s" } else { "ms" };
        metrics.push(metric("duration", unit, buckets.data(shape.temporality(), durations)));
    }
    metrics
}

fn point(key: &[u8], series: &Series, family: &Family, now_unix_nano: u64) -> Point {
    let mut exemplars = series.exemplars.clone();
    exemplars.iter_mut().for_each(|exemplar| exemplar.time_unix_nano = now_unix_nano);
    Point {
        attributes: family.attributes(key),
        start_time_unix_nano: series.start_unix_nano,
        // The wall clock may have jumped back. A point at its own start would mean that the start is unknown.
        time_unix_nano: now_unix_nano.max(series.start_unix_nano + 1),
        exemplars,
    }
}
