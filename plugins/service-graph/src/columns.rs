//! Reads a batch in whole columns, with one call to the host each.

use spanloom_aggregate::{Attribute, Key, Nested, Part};
use spanloom_plugin::{Ids, SpanBatch, SpanKind, StatusCode, TextColumn};

use crate::edge::{Edge, Id, Side};

/// The attributes that the config names, each once.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    keys: Vec<String>,
    /// Indexes in `keys`.
    dimensions: Vec<usize>,
    databases: Vec<usize>,
    peers: Vec<usize>,
}

/// The columns of a batch, as the host returned them.
pub(crate) struct Columns {
    trace_ids: Ids<16>,
    span_ids: Ids<8>,
    parent_span_ids: Ids<8>,
    kinds: Vec<SpanKind>,
    statuses: Vec<StatusCode>,
    durations_nano: Vec<u64>,
    resources: Vec<u32>,
    resource_count: usize,
    services: TextColumn,
    /// An entry is `None` if the batch has no use for the attribute.
    attributes: Vec<Option<Attribute>>,
}

/// The same columns with one entry per row.
pub(crate) struct Rows<'a> {
    columns: &'a Columns,
    wanted: &'a Wanted,
    services: Vec<Option<&'a str>>,
    values: Vec<Values<'a>>,
}

/// The values of one attribute. Both lists are empty if no span or resource has a value.
struct Values<'a> {
    of_spans: Vec<Option<Part<'a>>>,
    of_resources: Vec<Option<Part<'a>>>,
}

impl Wanted {
    pub(crate) fn new(dimensions: &[String], databases: &[String], peers: &[String]) -> Wanted {
        let mut wanted = Wanted::default();
        wanted.dimensions = wanted.places(dimensions);
        wanted.databases = wanted.places(databases);
        wanted.peers = wanted.places(peers);
        wanted
    }

    /// Reads the attributes. Names of databases and peers are texts and only needed if the batch has clients.
    fn read(&self, spans: &SpanBatch, with_clients: bool, nested: &mut Nested) -> Vec<Option<Attribute>> {
        let read = |(place, key): (usize, &String)| {
            if self.dimensions.contains(&place) {
                Some(Attribute::read(spans, key, nested))
            } else {
                with_clients.then(|| Attribute::read_text(spans, key))
            }
        };
        self.keys.iter().enumerate().map(read).collect()
    }

    fn places(&mut self, keys: &[String]) -> Vec<usize> {
        let mut place = |key: &String| {
            self.keys.iter().position(|known| known == key).unwrap_or_else(|| {
                self.keys.push(key.clone());
                self.keys.len() - 1
            })
        };
        keys.iter().map(&mut place).collect()
    }
}

impl Columns {
    pub(crate) fn read(spans: &SpanBatch, wanted: &Wanted, nested: &mut Nested) -> Columns {
        let kinds: Vec<SpanKind> = spans.kinds().collect();
        let with_clients = kinds.iter().any(|kind| matches!(kind, SpanKind::Client | SpanKind::Producer));
        Columns {
            trace_ids: spans.trace_ids(),
            span_ids: spans.span_ids(),
            parent_span_ids: spans.parent_span_ids(),
            kinds,
            statuses: spans.status_codes().collect(),
            durations_nano: spans.durations_nano(),
            resources: spans.resources_of_spans(),
            resource_count: spans.resource_count(),
            services: spans.resource_text("service.name"),
            attributes: wanted.read(spans, with_clients, nested),
        }
    }

    pub(crate) fn rows<'a>(&'a self, wanted: &'a Wanted) -> Rows<'a> {
        let values = |attribute: &'a Option<Attribute>| Values {
            of_spans: attribute.as_ref().map(|it| it.of_spans(self.kinds.len())).unwrap_or_default(),
            of_resources: attribute
                .as_ref()
                .map(|it| it.of_resources(self.resource_count))
                .unwrap_or_default(),
        };
        Rows {
            columns: self,
            wanted,
            services: self.services.dense(self.resource_count),
            values: self.attributes.iter().map(values).collect(),
        }
    }

    pub(crate) fn kinds(&self) -> &[SpanKind] {
        &self.kinds
    }

    /// Returns the id of the edge whose client is this span.
    pub(crate) fn client_id(&self, row: usize) -> Option<Id> {
        Some(id(self.trace_ids.get(row)?, self.span_ids.get(row)?))
    }

    /// Returns the id of the edge whose server is this span, and whether the span is a root. A root has no
    /// client span.
    pub(crate) fn server_id(&self, row: usize) -> Option<(Id, bool)> {
        let parent = self.parent_span_ids.get(row)?;
        Some((id(self.trace_ids.get(row)?, parent), *parent == [0; 8]))
    }

    pub(crate) fn failed(&self, row: usize) -> bool {
        self.statuses.get(row) == Some(&StatusCode::Error)
    }
}

impl Rows<'_> {
    /// Returns the name of the service, or `None` if the resource has no name or an empty one.
    pub(crate) fn service(&self, row: usize) -> Option<&str> {
        self.services.get(self.resource(row)).copied().flatten().filter(|service| !service.is_empty())
    }

    /// Fills one side of an edge from a span.
    pub(crate) fn fill(&self, side: &mut Side, row: usize, service: &str, key: &mut Key) {
        side.service.clear();
        side.service.push_str(service);
        side.duration_nano = self.columns.durations_nano.get(row).copied();
        key.clear();
        for place in &self.wanted.dimensions {
            key.push_text(self.of_resource(*place, row).or_else(|| self.of_span(*place, row)));
        }
        side.dimensions.clear();
        side.dimensions.extend_from_slice(key.as_bytes());
    }

    /// Writes the database that a client calls to `name`, and returns whether there is one.
    pub(crate) fn database(&self, row: usize, name: &mut String) -> bool {
        let mut values = self
            .wanted
            .databases
            .iter()
            .map(|place| self.of_resource(*place, row).or(self.of_span(*place, row)));
        set(name, values.find_map(|value| value))
    }

    /// Writes the client's name for its server to the edge.
    pub(crate) fn peer(&self, row: usize, edge: &mut Edge) {
        let mut values = self.wanted.peers.iter().map(|place| self.of_span(*place, row));
        set(&mut edge.peer, values.find_map(|value| value));
    }

    fn of_span(&self, place: usize, row: usize) -> Option<Part<'_>> {
        self.values.get(place)?.of_spans.get(row).copied().flatten()
    }

    fn of_resource(&self, place: usize, row: usize) -> Option<Part<'_>> {
        self.values.get(place)?.of_resources.get(self.resource(row)).copied().flatten()
    }

    fn resource(&self, row: usize) -> usize {
        self.columns.resources.get(row).map_or(0, |resource| *resource as usize)
    }
}

fn id(trace: &[u8; 16], span: &[u8; 8]) -> Id {
    let mut id = [0; 24];
    let (first, last) = id.split_at_mut(16);
    first.copy_from_slice(trace);
    last.copy_from_slice(span);
    id
}

/// Writes the value to `text` if it is one, and returns whether the text is not empty.
fn set(text: &mut String, value: Option<Part<'_>>) -> bool {
    text.clear();
    if let Some(Part::Text(value)) = value {
        text.push_str(value);
    }
    !text.is_empty()
}
