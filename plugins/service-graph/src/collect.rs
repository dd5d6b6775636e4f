//! Writes series as OTLP metrics.

use std::time::Duration;

use spanloom_aggregate::{Buckets, Entry, Histogram, Point, Requests, Table, sum};
use spanloom_plugin::wire::writer::{AggregationTemporality, Metrics, ScopeEnvelope};

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
            stamp.requests(series, &mut scope(&mut requests));
        }
        let losses = [("unpaired_spans_total", &self.unpaired), ("dropped_spans_total", &self.dropped)];
        for (name, table) in losses {
            for series in table.entries().chunks(SERIES_AT_A_TIME) {
                stamp.counter(name, series.iter(), &mut scope(&mut requests));
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
    fn requests(self, series: &[Entry<Series>], out: &mut ScopeEnvelope<'_, Metrics>) {
        self.counter("request_total", series.iter(), out);
        self.counter("request_failed_total", series.iter().filter(|entry| failed(&entry.key)), out);
        if let Some(buckets) = &self.shape.buckets {
            self.durations("request_server", buckets, series, |series| series.server.as_ref(), out);
            self.durations("request_client", buckets, series, |series| series.client.as_ref(), out);
        }
    }

    /// Writes a counter, unless it has no points.
    fn counter<'a>(
        self,
        name: &str,
        series: impl Iterator<Item = &'a Entry<Series>>,
        out: &mut ScopeEnvelope<'_, Metrics>,
    ) {
        let mut points = series.map(|entry| (self.point(entry), entry.series.count)).peekable();
        if points.peek().is_some() {
            sum(out.metric(&metric_name(name), "", ""), CUMULATIVE, self.shape, points);
        }
    }

    /// Writes a histogram, unless it has no points.
    fn durations<'a>(
        self,
        name: &str,
        buckets: &Buckets,
        series: &'a [Entry<Series>],
        side: impl Fn(&'a Series) -> Option<&'a Histogram>,
        out: &mut ScopeEnvelope<'_, Metrics>,
    ) {
        let point = |entry: &'a Entry<Series>| Some((self.point(entry), side(&entry.series)?));
        let mut points = series.iter().filter_map(point).peekable();
        if points.peek().is_some() {
            buckets.write(out.metric(&metric_name(name), "", "s"), CUMULATIVE, self.shape, points);
        }
    }

    fn point(self, entry: &Entry<Series>) -> Point<'_> {
        Point {
            key: &entry.key,
            start_time_unix_nano: entry.series.start_unix_nano.saturating_sub(self.offset_nano),
            now_unix_nano: self.time_unix_nano,
            exemplars: &[],
        }
    }
}

fn metric_name(name: &str) -> String {
    format!("traces_service_graph_{name}")
}

/// Opens the connector's scope, which has no resource.
fn scope<'r>(requests: &'r mut Requests<'_>) -> ScopeEnvelope<'r, Metrics> {
    requests.open().scope(|scope| {
        scope.name("traces_service_graph");
    })
}
