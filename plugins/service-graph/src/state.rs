//! The state that one instance hands to the next, as protobuf. Fields may be added, and unknown fields are
//! skipped.

use prost::Message;
use spanloom_aggregate::{Nested, Table};

use crate::edge::Edge;
use crate::graph::{Graph, Series};
use crate::shape::Shape;

/// The only version so far.
const VERSION: u32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct State {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
    #[prost(message, repeated, tag = "3")]
    requests: Vec<SavedSeries>,
    #[prost(message, repeated, tag = "4")]
    unpaired: Vec<SavedSeries>,
    #[prost(message, repeated, tag = "5")]
    dropped: Vec<SavedSeries>,
    /// The waiting edges, the oldest first.
    #[prost(message, repeated, tag = "6")]
    edges: Vec<Edge>,
    /// When the next points are due.
    #[prost(fixed64, tag = "7")]
    pub(crate) due_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    since_unix_nano: u64,
    /// The encoded last points of removed series, which have not left yet.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub(crate) parting: Vec<Vec<u8>>,
    /// The attributes that are lists or maps in spans.
    #[prost(string, repeated, tag = "10")]
    nested: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedSeries {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    series: Option<Series>,
}

impl State {
    /// Takes the state of the graph, which is empty afterwards.
    pub(crate) fn of(graph: &mut Graph, due_unix_nano: u64) -> State {
        let saved = |table: &mut Table<Series>| {
            let entries = std::mem::take(table).into_entries();
            entries.map(|(key, series)| SavedSeries { key, series: Some(series) }).collect()
        };
        State {
            version: VERSION,
            shape: Some(graph.shape.clone()),
            requests: saved(&mut graph.requests),
            unpaired: saved(&mut graph.unpaired),
            dropped: saved(&mut graph.dropped),
            edges: graph.take_edges(),
            due_unix_nano,
            parting: Vec::new(),
            since_unix_nano: graph.since_unix_nano,
            nested: graph.nested.keys().to_vec(),
        }
    }

    /// Reads a saved state. Returns `None` if a later version saved it.
    pub(crate) fn read(bytes: &[u8]) -> Option<State> {
        State::decode(bytes).ok().filter(|state| state.version == VERSION)
    }

    /// Returns a graph with the series and edges, in the shape they were counted in.
    pub(crate) fn into_graph(self) -> Graph {
        let restored = |saved: Vec<SavedSeries>| {
            let mut table = Table::default();
            for SavedSeries { key, series } in saved {
                table.insert(&key, series.unwrap_or_default());
            }
            table
        };
        let mut graph = Graph::default();
        graph.shape = self.shape.unwrap_or_default();
        graph.requests = restored(self.requests);
        graph.unpaired = restored(self.unpaired);
        graph.dropped = restored(self.dropped);
        graph.since_unix_nano = self.since_unix_nano;
        graph.nested = Nested::of(self.nested);
        graph.put_edges(self.edges);
        graph
    }
}

impl Graph {
    /// Removes and returns all waiting edges, the oldest first.
    pub(crate) fn take_edges(&mut self) -> Vec<Edge> {
        let mut edges = Vec::with_capacity(self.store.len());
        let mut edge = Edge::default();
        while self.store.pop_expired(u64::MAX, &mut edge) {
            edges.push(std::mem::take(&mut edge));
        }
        edges
    }

    pub(crate) fn put_edges(&mut self, edges: Vec<Edge>) {
        edges.into_iter().for_each(|mut edge| self.store.insert(&mut edge));
    }
}
