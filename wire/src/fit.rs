//! Splits a batch into requests that a destination takes, and sets records aside that it would never take.

use std::collections::BTreeMap;

use crate::layout::Record;
use crate::store::Store;
use crate::value::last_field;
use crate::view::{Columns, MAX_REPETITION, MIN_REPETITION_BYTES, View};
use crate::{Batch, LogsBatch, MetricsBatch, Signal, SpanBatch};

/// The most bytes of an envelope's tag and length, also if its sender wrote them longer than need be.
const FRAME_BYTES: usize = 20;

/// What a destination takes in one request. Sizes are those of the protobuf encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub request_bytes: usize,
    /// Spans, data points or log records.
    pub request_items: usize,
    /// The size of one span, metric or log record.
    pub item_bytes: usize,
    /// The size of a resource and a scope of it together.
    pub resource_bytes: usize,
    /// The times of spans and log records. Metrics are in no window.
    pub window: Option<Window>,
}

/// The times that a destination takes: of a span from its start to its end, of a log record its time, or the time at
/// which it was observed. A log record without a time is in every window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub oldest_unix_nano: u64,
    pub newest_unix_nano: u64,
    /// The most time between the first and the last in one request. A longer span is in a request of its own.
    pub spread_nano: u64,
}

/// Why a destination would never take a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfit {
    /// The record alone is too large.
    ItemTooLarge,
    /// Its resource and scope are.
    ResourceTooLarge,
    /// Together with its resource and scope, the record is larger than a request; or so many repetitions of its
    /// resource would be sent that they would be several times as large as the batch.
    RequestTooLarge,
    TooOld,
    TooNew,
}

/// A batch that was split.
#[derive(Clone, Debug)]
pub struct Fitted<B = Batch> {
    /// Batches within the limits, none of them empty.
    pub requests: Vec<B>,
    /// The records that no request may have, by the reason.
    pub unfit: Vec<(Unfit, B)>,
}

/// The first and the last time of a record.
#[derive(Clone, Copy)]
struct Times {
    first: u64,
    last: u64,
}

/// Gathers rows until another would exceed the limits.
struct Packer<'a, C> {
    view: &'a View<C>,
    limits: &'a Limits,
    /// The sizes of each scope's envelopes: of the resource around it, and its own.
    envelopes: Vec<(usize, usize)>,
    requests: Vec<Vec<u32>>,
    rows: Vec<u32>,
    bytes: usize,
    items: usize,
    /// The scope of the last row.
    scope: Option<u32>,
    /// The bytes that all requests may still have.
    room_bytes: usize,
}

impl Default for Limits {
    /// Returns no limits.
    fn default() -> Limits {
        Limits {
            request_bytes: usize::MAX,
            request_items: usize::MAX,
            item_bytes: usize::MAX,
            resource_bytes: usize::MAX,
            window: None,
        }
    }
}

impl Batch {
    /// Splits the batch into requests within the limits, and sets records aside that fit in none. Returns `None` if
    /// the batch is within the limits as it is. Nothing is copied, except metrics with too many data points.
    pub fn fit(&self, limits: &Limits) -> Option<Fitted> {
        match self {
            Batch::Spans(SpanBatch(spans)) => {
                Some(spans.fit(limits, Signal::Traces)?.map(|store| Batch::Spans(SpanBatch(store))))
            }
            Batch::Metrics(MetricsBatch(metrics)) => {
                let fitted = metrics.fit(limits, Signal::Metrics)?;
                Some(fitted.map(|store| Batch::Metrics(MetricsBatch(store))))
            }
            Batch::Logs(LogsBatch(logs)) => {
                Some(logs.fit(limits, Signal::Logs)?.map(|store| Batch::Logs(LogsBatch(store))))
            }
        }
    }
}

impl<B> Fitted<B> {
    fn map<T>(self, make: impl Fn(B) -> T) -> Fitted<T> {
        Fitted {
            requests: self.requests.into_iter().map(&make).collect(),
            unfit: self.unfit.into_iter().map(|(why, batch)| (why, make(batch))).collect(),
        }
    }
}

impl<C: Columns> Store<C> {
    fn fit(&self, limits: &Limits, signal: Signal) -> Option<Fitted<Store<C>>> {
        let is_whole = self.items() <= limits.request_items && self.encoded_len() <= limits.request_bytes;
        let is_looked_into = limits.window.is_some() && signal != Signal::Metrics
            || self.encoded_len() > limits.item_bytes.min(limits.resource_bytes);
        if is_whole && !is_looked_into {
            return None;
        }
        let mut divided = None;
        let view = self.view();
        if (0..view.records.len()).any(|row| view.columns.items(row) > limits.request_items) {
            divided.insert(View::clone(view)).divide(limits.request_items.max(1));
        }
        let view = divided.as_ref().unwrap_or(view);
        let mut packer = Packer::new(view, limits, self.encoded_len());
        let mut unfit = BTreeMap::<Unfit, Vec<u32>>::new();
        let mut fit = Vec::with_capacity(view.records.len());
        for (row, record) in view.records.iter().enumerate() {
            let times = limits.window.and_then(|_| Times::of(signal, view.record(row)));
            match packer.unfit(row, record, times) {
                Some(why) => unfit.entry(why).or_default().push(row as u32),
                None => fit.push((row as u32, times)),
            }
        }
        let windows = windows(fit, limits.window.map_or(u64::MAX, |window| window.spread_nano));
        if is_whole && unfit.is_empty() && windows.len() <= 1 {
            return None;
        }
        for row in windows.into_iter().flat_map(|rows| rows.into_iter().map(Some).chain([None])) {
            match row {
                Some(row) if !packer.push(row) => unfit.entry(Unfit::RequestTooLarge).or_default().push(row),
                Some(_) => {}
                None => packer.finish(),
            }
        }
        let requests = view.split(packer.requests.iter().map(Vec::as_slice)).map(|mut part| {
            // Also a request with all records is encoded, without the envelopes that have none.
            part.changed = true;
            Store::from_view(part)
        });
        let requests = requests.collect();
        let unfit = unfit.into_iter().map(|(why, mut rows)| {
            rows.sort_unstable();
            (why, Store::from_view(view.select(&rows)))
        });
        Some(Fitted { requests, unfit: unfit.collect() })
    }
}

impl Times {
    /// Returns the times of a span or log record, if it has any.
    fn of(signal: Signal, record: &[u8]) -> Option<Times> {
        const SPAN: (u32, u32) = (7, 8);
        const LOG_RECORD: (u32, u32) = (1, 11);
        let time = |number| last_field(record, number).map_or(0, |field| field.fixed64());
        match signal {
            Signal::Traces => {
                let (first, last) = (time(SPAN.0), time(SPAN.1));
                Some(Times { first, last: last.max(first) })
            }
            Signal::Logs => {
                let times = [LOG_RECORD.0, LOG_RECORD.1].map(time);
                times.into_iter().find(|time| *time > 0).map(|time| Times { first: time, last: time })
            }
            Signal::Metrics => None,
        }
    }
}

/// Divides rows into those that may be in one request by their times: as few as possible if no span is long. The rows
/// of each ascend.
fn windows(mut rows: Vec<(u32, Option<Times>)>, spread_nano: u64) -> Vec<Vec<u32>> {
    let first = rows.iter().filter_map(|(_, times)| times.map(|times| times.first)).min();
    let last = rows.iter().filter_map(|(_, times)| times.map(|times| times.last)).max();
    let spread = first.zip(last).map_or(0, |(first, last)| last - first);
    if spread <= spread_nano {
        return if rows.is_empty() { Vec::new() } else { vec![rows.iter().map(|(row, _)| *row).collect()] };
    }
    // Those without a time join the last window.
    rows.sort_by_key(|(_, times)| times.map_or(u64::MAX, |times| times.first));
    let mut windows: Vec<Vec<u32>> = Vec::new();
    let mut window: Option<Times> = None;
    for (row, times) in rows {
        let times = times.or(window).unwrap_or(Times { first: 0, last: 0 });
        let wider = window.map(|window| Times { first: window.first, last: window.last.max(times.last) });
        match (windows.last_mut(), wider) {
            (Some(rows), Some(wider)) if wider.last - wider.first <= spread_nano => {
                rows.push(row);
                window = Some(wider);
            }
            _ => {
                windows.push(vec![row]);
                window = Some(times);
            }
        }
    }
    windows.iter_mut().for_each(|rows| rows.sort_unstable());
    windows
}

impl<'a, C: Columns> Packer<'a, C> {
    fn new(view: &'a View<C>, limits: &'a Limits, whole_bytes: usize) -> Packer<'a, C> {
        let plan = view.plan();
        let heads: Vec<usize> = (view.layout.resources.iter())
            .map(|resource| {
                let mut head = 0;
                plan.each_of_head(resource, |place| head += place.len());
                head
            })
            .collect();
        let envelopes = view.layout.scopes.iter().map(|scope| {
            let rests = view.layout.rests(scope).iter().map(|place| place.len()).sum();
            (heads.get(scope.parent as usize).copied().unwrap_or_default(), rests)
        });
        let room_bytes = whole_bytes.saturating_mul(MAX_REPETITION).saturating_add(MIN_REPETITION_BYTES);
        // The first request passes on the fields that the schema does not know.
        let loose_bytes = view.layout.loose.iter().map(|place| place.len()).sum::<usize>();
        Packer {
            view,
            limits,
            envelopes: envelopes.collect(),
            requests: Vec::new(),
            rows: Vec::new(),
            bytes: if view.loose { loose_bytes } else { 0 },
            items: 0,
            scope: None,
            room_bytes,
        }
    }

    /// Returns why no request may have the record.
    fn unfit(&self, row: usize, record: &Record, times: Option<Times>) -> Option<Unfit> {
        let (head, rests) = self.envelopes.get(record.scope as usize).copied().unwrap_or_default();
        let window = self.limits.window.zip(times);
        match window {
            _ if self.view.record(row).len() > self.limits.item_bytes => Some(Unfit::ItemTooLarge),
            _ if head + rests > self.limits.resource_bytes => Some(Unfit::ResourceTooLarge),
            Some((window, times)) if times.first < window.oldest_unix_nano => Some(Unfit::TooOld),
            Some((window, times)) if times.last > window.newest_unix_nano => Some(Unfit::TooNew),
            _ => None,
        }
    }

    /// Adds a row, to a new request if need be. Returns false if no request may have it.
    fn push(&mut self, row: u32) -> bool {
        let Some(record) = self.view.records.get(row as usize) else { return true };
        let items = self.view.columns.items(row as usize);
        let parent = |scope: u32| self.view.layout.scopes.get(scope as usize).map(|scope| scope.parent);
        let (head, rests) = self.envelopes.get(record.scope as usize).copied().unwrap_or_default();
        let alone = record.place.len() + head + rests + 2 * FRAME_BYTES;
        let bytes = match self.scope {
            Some(scope) if scope == record.scope => record.place.len(),
            Some(scope) if parent(scope) == parent(record.scope) => record.place.len() + rests + FRAME_BYTES,
            _ => alone,
        };
        let is_full = !self.rows.is_empty()
            && (self.bytes + bytes > self.limits.request_bytes
                || self.items + items > self.limits.request_items);
        let bytes = if is_full { alone } else { bytes };
        let before = if is_full { 0 } else { self.bytes };
        if before + bytes > self.limits.request_bytes || bytes > self.room_bytes {
            return false;
        }
        if is_full {
            self.finish();
        }
        self.rows.push(row);
        self.scope = Some(record.scope);
        (self.bytes, self.items) = (self.bytes + bytes, self.items + items);
        self.room_bytes -= bytes;
        true
    }

    /// Ends the request.
    fn finish(&mut self) {
        if !self.rows.is_empty() {
            self.requests.push(std::mem::take(&mut self.rows));
            (self.bytes, self.items, self.scope) = (0, 0, None);
        }
    }
}
