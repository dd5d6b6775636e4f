//! The shape: which series there are. It is handed over with the series, because the next instance may have
//! another shape.

use prost::Message;
use spanloom_aggregate::{Buckets, Key, OVERFLOW, Part, parts};
use spanloom_otlp::KeyValue;

use crate::edge::{Connection, Edge};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    /// The buckets, in seconds.
    #[prost(message, optional, tag = "1")]
    pub(crate) buckets: Option<Buckets>,
    /// The attributes of either side that are dimensions.
    #[prost(string, repeated, tag = "2")]
    pub(crate) dimensions: Vec<String>,
    /// Whether series have a label for the virtual side.
    #[prost(bool, tag = "3")]
    pub(crate) virtual_label: bool,
}

/// The side of an edge that sent no span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Virtual {
    Neither,
    Client,
    Server,
}

impl Shape {
    /// Packs the key of the edge's series.
    pub(crate) fn pack(&self, key: &mut Key, edge: &Edge, side: Virtual) {
        self.pack_edge(key, edge);
        key.push(Some(Part::Bool(edge.failed)));
        key.push(self.virtual_label.then_some(Part::Symbol(side as u8)));
        for side in [&edge.client, &edge.server] {
            let mut given = parts(&side.dimensions);
            self.dimensions.iter().for_each(|_| key.push(given.next().flatten()));
        }
    }

    /// Packs the key of an edge that is counted as a loss.
    pub(crate) fn pack_edge(&self, key: &mut Key, edge: &Edge) {
        key.clear();
        key.push(Some(Part::Text(&edge.client.service)));
        key.push(Some(Part::Text(&edge.server.service)));
        key.push(Some(Part::Symbol(edge.connection() as u8)));
    }

    /// Returns the attributes of a data point.
    pub(crate) fn attributes(&self, key: &[u8]) -> Vec<KeyValue> {
        if key == OVERFLOW {
            return vec![KeyValue::new("otel.metric.overflow", true)];
        }
        let fixed = ["client", "server", "connection_type", "failed", "virtual_node"].map(str::to_owned);
        let of = |side: &'static str| self.dimensions.iter().map(move |name| format!("{side}_{name}"));
        let names = fixed.into_iter().chain(of("client")).chain(of("server"));
        let values = names.zip(parts(key)).enumerate();
        let attribute = |(place, (name, part)): (usize, (String, Option<Part<'_>>))| {
            Some(match part? {
                Part::Symbol(symbol) if place == 2 => KeyValue::new(name, Connection::name(symbol)),
                Part::Symbol(symbol) => KeyValue::new(name, Virtual::name(symbol)),
                part => KeyValue::new(name, part),
            })
        };
        values.filter_map(attribute).collect()
    }
}

impl Virtual {
    fn name(symbol: u8) -> &'static str {
        ["", "client", "server"].get(symbol as usize).copied().unwrap_or_default()
    }
}

/// Returns whether the series with that key counts failed requests.
pub(crate) fn failed(key: &[u8]) -> bool {
    parts(key).nth(3) == Some(Some(Part::Bool(true)))
}
