//! The state that one instance hands to the next, as protobuf. Fields may be added, and unknown fields are
//! skipped.

use prost::Message;
use spanloom_aggregate::{Nested, Table};

use crate::adjusted::Rounding;
use crate::aggregator::Aggregator;
use crate::ends::Ends;
use crate::groups::{Group, KnownResource};
use crate::series::Series;
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
    groups: Vec<SavedGroup>,
    #[prost(message, optional, tag = "4")]
    rounding: Option<Rounding>,
    /// When the next points are due.
    #[prost(fixed64, tag = "5")]
    pub(crate) due_unix_nano: u64,
    /// The encoded last points of removed series, which have not left yet.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub(crate) parting: Vec<Vec<u8>>,
    /// When the last deltas ended, and of which series.
    #[prost(fixed64, repeated, tag = "7")]
    end_ids: Vec<u64>,
    #[prost(fixed64, repeated, tag = "8")]
    ends_unix_nano: Vec<u64>,
    /// The attributes that are lists or maps in spans.
    #[prost(string, repeated, tag = "9")]
    nested: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedGroup {
    #[prost(message, optional, tag = "1")]
    resource: Option<KnownResource>,
    #[prost(message, repeated, tag = "2")]
    tables: Vec<SavedTable>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedTable {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<SavedEntry>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedEntry {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    series: Option<Series>,
}

impl State {
    /// Takes the state of the aggregator, which is empty afterwards.
    pub(crate) fn of(aggregator: &mut Aggregator, due_unix_nano: u64) -> State {
        let table = |table: Table<Series>| SavedTable {
            entries: table
                .into_entries()
                .map(|(key, series)| SavedEntry { key, series: Some(series) })
                .collect(),
        };
        // The groups are saved with the least recently used first, so that their order is kept.
        let mut groups = std::mem::take(&mut aggregator.groups);
        groups.sort_by_key(|group| group.used);
        let group = |group: Group| SavedGroup {
            resource: Some(group.resource),
            tables: group.tables.into_iter().map(table).collect(),
        };
        let (end_ids, ends_unix_nano) = aggregator.ends.pairs().unzip();
        State {
            version: VERSION,
            shape: Some(aggregator.shape.clone()),
            groups: groups.into_iter().map(group).collect(),
            rounding: Some(aggregator.rounding.clone()),
            due_unix_nano,
            parting: Vec::new(),
            end_ids,
            ends_unix_nano,
            nested: aggregator.nested.keys().to_vec(),
        }
    }

    /// Reads a saved state. Returns `None` if a later version saved it.
    pub(crate) fn read(bytes: &[u8]) -> Option<State> {
        State::decode(bytes).ok().filter(|state| state.version == VERSION)
    }

    /// Returns an aggregator with the series and the shape they were counted in.
    pub(crate) fn into_aggregator(self) -> Aggregator {
        let shape = self.shape.unwrap_or_default();
        let families = shape.families.len();
        let table = |saved: SavedTable| {
            let mut table = Table::default();
            for SavedEntry { key, series } in saved.entries {
                table.insert(&key, series.unwrap_or_default());
            }
            table
        };
        let group = |saved: SavedGroup| {
            let mut tables: Vec<_> = saved.tables.into_iter().map(table).collect();
            tables.resize_with(families, Table::default);
            Group { resource: saved.resource.unwrap_or_default(), tables, used: 0 }
        };
        let groups = self.groups.into_iter().map(group).collect();
        let mut aggregator = Aggregator::default();
        aggregator.shape = shape;
        aggregator.groups = groups;
        aggregator.rounding = self.rounding.unwrap_or_default();
        aggregator.ends = Ends::from_pairs(self.end_ids.into_iter().zip(self.ends_unix_nano));
        aggregator.nested = Nested::of(self.nested);
        aggregator
    }
}
