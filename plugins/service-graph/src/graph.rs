//! Pairs spans into edges, and counts edges in series.

use std::time::Duration;

use prost::Message;
use spanloom_aggregate::{Histogram, Key, Nested, OVERFLOW, Table, hash};
use spanloom_plugin::{SpanBatch, SpanKind};

use crate::columns::{Columns, Rows, Wanted};
use crate::config::Config;
use crate::edge::{Connection, Edge, Id};
use crate::shape::{Shape, Virtual};
use crate::store::Store;

/// The most memory that the series may take. Edges that need more are counted in the overflow series.
const LIMIT_BYTES: usize = 20 << 20;
/// The size of a table entry without its key and histograms.
const ENTRY_BYTES: usize = 160;

/// All waiting edges and all series.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) shape: Shape,
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) requests: Table<Series>,
    /// Spans whose other side sent no span in time.
    pub(crate) unpaired: Table<Series>,
    /// Spans that found no room to wait for their other side.
    pub(crate) dropped: Table<Series>,
    pub(crate) used_bytes: usize,
    /// The time of the last points. A series that is new since then was at zero at that time.
    pub(crate) since_unix_nano: u64,
    pub(crate) tally: Tally,
    pub(crate) nested: Nested,
    wanted: Wanted,
    scratch: Scratch,
}

/// Settings that a new config may change without new series.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    max_items: usize,
    ttl: Duration,
    virtual_nodes: bool,
    pub(crate) offset: Duration,
}

/// Counts for the plugin's own metrics since they were last read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) edges: u64,
    pub(crate) expired: u64,
    pub(crate) dropped: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Series {
    #[prost(fixed64, tag = "1")]
    pub(crate) start_unix_nano: u64,
    #[prost(fixed64, tag = "2")]
    pub(crate) last_seen_unix_nano: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) count: u64,
    /// The durations that the client measured, in seconds. Absent in the series of a loss.
    #[prost(message, optional, tag = "4")]
    pub(crate) client: Option<Histogram>,
    #[prost(message, optional, tag = "5")]
    pub(crate) server: Option<Histogram>,
}

enum Loss {
    Unpaired,
    Dropped,
}

/// Memory that is reused for every row.
#[derive(Debug, Default)]
struct Scratch {
    edge: Edge,
    key: Key,
    text: String,
}

impl Graph {
    pub(crate) fn new(config: &Config) -> Graph {
        let mut new = Graph { shape: config.shape(), ..Graph::default() };
        new.settle(config);
        new
    }

    /// Takes over the parts of a config that are not its shape.
    pub(crate) fn settle(&mut self, config: &Config) {
        let peers = &config.virtual_node_peer_attributes;
        self.settings = Settings {
            max_items: config.store.max_items,
            ttl: *config.store.ttl,
            virtual_nodes: !peers.is_empty(),
            offset: *config.metrics_timestamp_offset,
        };
        self.wanted = Wanted::new(&self.shape.dimensions, &config.database_attributes(), peers);
        self.recount();
    }

    /// Adds each span that is a side of an edge.
    pub(crate) fn consume(&mut self, spans: &SpanBatch, now_unix_nano: u64) {
        let wanted = std::mem::take(&mut self.wanted);
        let columns = Columns::read(spans, &wanted, &mut self.nested);
        let rows = columns.rows(&wanted);
        for (row, kind) in columns.kinds().iter().enumerate() {
            let connection = match kind {
                SpanKind::Producer | SpanKind::Consumer => Connection::Messaging,
                SpanKind::Client | SpanKind::Server => Connection::Unset,
                SpanKind::Internal | SpanKind::Unspecified => continue,
            };
            let Some(service) = rows.service(row) else { continue };
            let is_client = matches!(kind, SpanKind::Client | SpanKind::Producer);
            let id =
                if is_client { columns.client_id(row).map(|id| (id, false)) } else { columns.server_id(row) };
            let Some((id, is_root)) = id else { continue };
            let mut scratch = std::mem::take(&mut self.scratch);
            let at = self.begin(&id, now_unix_nano, &mut scratch);
            let edge = at.and_then(|at| self.store.get_mut(at)).unwrap_or(&mut scratch.edge);
            edge.connection = connection.into();
            edge.failed |= columns.failed(row);
            let side = if is_client { &mut edge.client } else { &mut edge.server };
            rows.fill(side, row, service, &mut scratch.key);
            if is_client {
                name_server(edge, &rows, row, &mut scratch.text);
            }
            self.end(at, is_root, now_unix_nano, &mut scratch);
            self.scratch = scratch;
        }
        drop(rows);
        self.wanted = wanted;
    }

    /// Returns the place of the waiting edge. If there is none, begins a new edge in the scratch.
    fn begin(&mut self, id: &Id, now_unix_nano: u64, scratch: &mut Scratch) -> Option<u32> {
        let known = self.store.find(id);
        if known.is_none() {
            let ttl_nano = u64::try_from(self.settings.ttl.as_nanos()).unwrap_or(u64::MAX);
            scratch.edge.reset();
            scratch.edge.id.extend_from_slice(id);
            scratch.edge.expires_unix_nano = now_unix_nano.saturating_add(ttl_nano);
        }
        known
    }

    /// Counts an edge that is complete. An incomplete edge waits, unless the span is a root, which has
    /// nothing to wait for.
    fn end(&mut self, at: Option<u32>, is_root: bool, now_unix_nano: u64, scratch: &mut Scratch) {
        let waits = at.and_then(|at| self.store.get_mut(at)).unwrap_or(&mut scratch.edge);
        let complete = waits.is_complete();
        self.tally.edges += u64::from(at.is_none());
        if complete {
            if let Some(at) = at {
                self.store.remove(at, &mut scratch.edge);
            }
            self.count(&scratch.edge, Virtual::Neither, now_unix_nano, &mut scratch.key);
        } else if is_root {
            if let Some(at) = at {
                self.store.remove(at, &mut scratch.edge);
            }
            self.leave_unpaired(now_unix_nano, scratch);
        } else if at.is_none() {
            self.wait(now_unix_nano, scratch);
        }
    }

    fn wait(&mut self, now_unix_nano: u64, scratch: &mut Scratch) {
        while self.store.is_full(self.settings.max_items) {
            let mut oldest = Scratch::default();
            if !self.store.pop_expired(now_unix_nano, &mut oldest.edge) {
                self.tally.edges -= 1;
                self.tally.dropped += 1;
                self.lose(Loss::Dropped, &scratch.edge, now_unix_nano, &mut scratch.key);
                return;
            }
            self.tally.expired += 1;
            self.leave_unpaired(now_unix_nano, &mut oldest);
        }
        self.store.insert(&mut scratch.edge);
    }

    /// Ends the edges whose wait is over at `by_unix_nano`.
    pub(crate) fn expire(&mut self, by_unix_nano: u64, now_unix_nano: u64) {
        let mut scratch = std::mem::take(&mut self.scratch);
        while self.store.pop_expired(by_unix_nano, &mut scratch.edge) {
            self.tally.expired += 1;
            self.leave_unpaired(now_unix_nano, &mut scratch);
        }
        self.scratch = scratch;
    }

    /// Ends the edge in the scratch, which has one side and will have no other.
    fn leave_unpaired(&mut self, now_unix_nano: u64, scratch: &mut Scratch) {
        let Scratch { edge, key, .. } = scratch;
        let no_parent = edge.id.get(16..).is_none_or(|span| span.iter().all(|byte| *byte == 0));
        if !self.settings.virtual_nodes || (edge.client.service.is_empty() && !no_parent) {
            self.lose(Loss::Unpaired, edge, now_unix_nano, key);
            return;
        }
        edge.connection = Connection::VirtualNode.into();
        if edge.client.service.is_empty() {
            edge.client.service.push_str("user");
            self.count(edge, Virtual::Client, now_unix_nano, key);
        } else {
            let peer = if edge.peer.is_empty() { "unknown" } else { edge.peer.as_str() };
            edge.server.service.push_str(peer);
            self.count(edge, Virtual::Server, now_unix_nano, key);
        }
    }

    fn count(&mut self, edge: &Edge, side: Virtual, now_unix_nano: u64, key: &mut Key) {
        self.shape.pack(key, edge, side);
        let Some(buckets) = &self.shape.buckets else { return };
        let histograms_bytes = 2 * buckets.limit_bytes();
        let series =
            series(&mut self.requests, &mut self.used_bytes, histograms_bytes, key, self.since_unix_nano);
        let Some(series) = series else { return };
        series.count += 1;
        series.last_seen_unix_nano = now_unix_nano;
        for (side, histogram) in [(&edge.client, &mut series.client), (&edge.server, &mut series.server)] {
            // The duration of a side without a span is unknown.
            if let Some(nano) = side.duration_nano {
                let histogram = histogram.get_or_insert_with(|| buckets.empty());
                buckets.observe(histogram, nano as f64 / 1e9, 1);
            }
        }
    }

    /// Counts a span that is in no edge.
    fn lose(&mut self, loss: Loss, edge: &Edge, now_unix_nano: u64, key: &mut Key) {
        self.shape.pack_edge(key, edge);
        let table = match loss {
            Loss::Unpaired => &mut self.unpaired,
            Loss::Dropped => &mut self.dropped,
        };
        let series = series(table, &mut self.used_bytes, 0, key, self.since_unix_nano);
        if let Some(series) = series {
            series.count += 1;
            series.last_seen_unix_nano = now_unix_nano;
        }
    }

    /// Computes anew how much memory the series may take.
    pub(crate) fn recount(&mut self) {
        let histograms = self.shape.buckets.as_ref().map_or(0, |buckets| 2 * buckets.limit_bytes());
        let requests = self.requests.entries().iter().map(|entry| cost_bytes(&entry.key, histograms));
        let losses = self.unpaired.entries().iter().chain(self.dropped.entries());
        let losses = losses.map(|entry| cost_bytes(&entry.key, 0));
        self.used_bytes = requests.chain(losses).sum();
    }
}

/// Names the server of a client span. A database has no span, so the client's span describes both sides.
fn name_server(edge: &mut Edge, rows: &Rows<'_>, row: usize, name: &mut String) {
    if rows.database(row, name) {
        edge.connection = Connection::Database.into();
        edge.server.service.clear();
        edge.server.service.push_str(name);
        edge.server.duration_nano = edge.client.duration_nano;
    } else {
        rows.peer(row, edge);
    }
}

/// Returns the series with that key. A new key gets a new series if there is memory for it, else the overflow
/// series.
fn series<'t>(
    table: &'t mut Table<Series>,
    used_bytes: &mut usize,
    histograms_bytes: usize,
    key: &Key,
    since_unix_nano: u64,
) -> Option<&'t mut Series> {
    let at = table.find(key.hash(), key.as_bytes()).unwrap_or_else(|| {
        let room = *used_bytes + cost_bytes(key.as_bytes(), histograms_bytes) <= LIMIT_BYTES;
        let key = if room { key.as_bytes() } else { OVERFLOW };
        table.find(hash(key), key).unwrap_or_else(|| {
            *used_bytes += cost_bytes(key, histograms_bytes);
            table.insert(key, Series { start_unix_nano: since_unix_nano, ..Series::default() })
        })
    });
    table.get_mut(at)
}

fn cost_bytes(key: &[u8], histograms_bytes: usize) -> usize {
    ENTRY_BYTES + key.len() + histograms_bytes
}
