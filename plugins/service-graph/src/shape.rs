//! The shape: which series there are. It is handed over with the series, because the next instance may have
//! another shape.

use std::borrow::Cow;

use prost::Message;
use spanloom_aggregate::{Buckets, Dimensions, Key, Part, parts};
use spanloom_plugin::wire::writer::AttributesWriter;

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
}

impl Dimensions for Shape {
    fn write(&self, key: &[u8], out: &mut AttributesWriter<'_>) {
        let fixed = ["client", "server", "connection_type", "failed", "virtual_node"].map(Cow::Borrowed);
        let of =
            |side: &'static str| self.dimensions.iter().map(move |name| Cow::Owned(format!("{side}_{name}")));
        let names = fixed.into_iter().chain(of("client")).chain(of("server"));
        for (place, (name, part)) in names.zip(parts(key)).enumerate() {
            match part {
                None => continue,
                Some(Part::Symbol(symbol)) if place == 2 => out.push(&name, Connection::name(symbol)),
                Some(Part::Symbol(symbol)) => out.push(&name, Virtual::name(symbol)),
                Some(part) => out.push(&name, part),
            };
        }
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
