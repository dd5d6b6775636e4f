//! Converts series to OTLP metrics.

use std::time::Duration;

use spanloom_aggregate::{Buckets, Entry, Histogram, Point, Requests, Table, sum};
use spanloom_otlp::{
    AggregationTemporality, InstrumentationScope, Metric, ResourceMetrics, ScopeMetrics, metric::Data,
};

use crate::graph::{Graph, Series};
use crate::shape::{Shape, failed};

/// The most series in one `ResourceMetrics`.
const SERIES_AT_A_TIME: usize = 500;
/// A series that has counted no edge for this long is removed.
const STALE_AFTER: Duration = Duration::from_mins(15);
const CUMULATIVE: AggregationTemporality = AggregationTemporality::Cumulative;

/// The times of the points of one collection.
#[derive(Clone, Copy)]
struct Stamp<'a> {
    shape: &'a Shape,
    time_unix_nano: u64,
    offset_nano: u64,
}

impl Graph {
    /// Emits a point for each series.
    pub(crate) fn collect(&mut self, now_unix_nano: u64, leave: &mut dyn FnMut(Vec<u8>)) {
        let offset_nano = u64::try_from(self.settings.offset.as_nanos()).unwrap_or(u64::MAX);
        let time_unix_nano = now_unix_nano.saturating_sub(offset_nano);
        let stamp = Stamp { shape: &self.shape, time_unix_nano, offset_nano };
        let mut requests = Requests::new(leave);
        for series in self.requests.entries().chunks(SERIES_AT_A_TIME) {
            requests.push(of_scope(stamp.requests(series)));
        }
        let losses = [("unpaired_spans_total", &self.unpaired), ("dropped_spans_total", &self.dropped)];
        for (name, table) in losses {
            for series in table.entries().chunks(SERIES_AT_A_TIME) {
                requests.push(of_scope(stamp.losses(&format!("traces_service_graph_{name}"), series)));
            }
        }
        requests.finish();
        self.since_unix_nano = now_unix_nano;
    }

    /// Removes the series that are stale.
    pub(crate) fn forget(&mut self, now_unix_nano: u64) {
        let fresh = |entry: &Entry<Series>| {
            let still_nano = now_unix_nano.saturating_sub(entry.series.last_seen_unix_nano);
            Duration::from_nanos(still_nano) < STALE_AFTER
        };
        let tables: [&mut Table<Series>; 3] = [&mut self.requests, &mut self.unpaired, &mut self.dropped];
        tables.into_iter().for_each(|table| table.retain(fresh));
        self.recount();
    }
}

impl Stamp<'_> {
    fn requests(self, series: &[Entry<Series>]) -> Vec<Metric> {
        let count = |entry: &Entry<Series>| (self.point(entry), entry.series.count);
        let of_failed = series.iter().filter(|entry| failed(&entry.key));
        let mut metrics = vec![
            counter("traces_service_graph_request_total", series.iter().map(count)),
            counter("traces_service_graph_request_failed_total", of_failed.map(count)),
        ];
        if let Some(buckets) = &self.shape.buckets {
            let server = self.durations(series, |series| series.server.as_ref());
            metrics.push(duration("traces_service_graph_request_server", buckets, server));
            let client = self.durations(series, |series| series.client.as_ref());
            metrics.push(duration("traces_service_graph_request_client", buckets, client));
        }
        metrics
    }

    fn losses(self, name: &str, series: &[Entry<Series>]) -> Vec<Metric> {
        vec![counter(name, series.iter().map(|entry| (self.point(entry), entry.series.count)))]
    }

    fn durations<'a>(
        self,
        series: &'a [Entry<Series>],
        side: impl Fn(&'a Series) -> Option<&'a Histogram>,
    ) -> Vec<(Point, &'a Histogram)> {
        series.iter().filter_map(|entry| Some((self.point(entry), side(&entry.series)?))).collect()
    }

    fn point(self, entry: &Entry<Series>) -> Point {
        let start_time_unix_nano = entry.series.start_unix_nano.saturating_sub(self.offset_nano);
        Point {
            attributes: self.shape.attributes(&entry.key),
            start_time_unix_nano,
            // The wall clock may have jumped back. A point at its own start would mean that the start is
            // unknown.
            time_unix_nano: self.time_unix_nano.max(start_time_unix_nano + 1),
            exemplars: Vec::new(),
        }
    }
}

fn counter(name: &str, points: impl Iterator<Item = (Point, u64)>) -> Metric {
    Metric { name: name.to_owned(), data: Some(sum(CUMULATIVE, points)), ..Metric::default() }
}

fn duration(name: &str, buckets: &Buckets, points: Vec<(Point, &Histogram)>) -> Metric {
    let data = buckets.data(CUMULATIVE, points.into_iter());
    Metric { name: name.to_owned(), unit: "s".to_owned(), data: Some(data), ..Metric::default() }
}

/// Wraps the metrics in a resource and a scope, and leaves out metrics without points.
fn of_scope(metrics: Vec<Metric>) -> ResourceMetrics {
    let has_points = |metric: &Metric| match &metric.data {
        Some(Data::Sum(sum)) => !sum.data_points.is_empty(),
        Some(Data::Histogram(histogram)) => !histogram.data_points.is_empty(),
        Some(Data::ExponentialHistogram(histogram)) => !histogram.data_points.is_empty(),
        _ => false,
    };
    let metrics = metrics.into_iter().filter(has_points).collect();
    let scope = InstrumentationScope { name: "traces_service_graph".to_owned(), ..Default::default() };
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }];
    ResourceMetrics { resource: None, scope_metrics, schema_url: String::new() }
}
