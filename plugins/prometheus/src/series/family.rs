//! One metric: its type, and its series in the order in which they came.

use std::{hash::BuildHasher, rc::Rc};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Bounds, ENDED, Identity, Kind, Series};

#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) kind: Kind,
    pub(crate) help: Box<str>,
    /// Empty, if the name does not tell it.
    pub(crate) unit: Box<str>,
    /// Of the histogram that came last.
    pub(crate) bounds: Rc<Bounds>,
    /// Series that ended stay in their places until the next [`sweep`](Family::sweep).
    series: Vec<Series>,
    /// By labels.
    places: HashTable<Place>,
    /// Where the points of an identity go: the same series may come as different bytes.
    known: HashTable<(Identity, Place)>,
    hasher: DefaultHashBuilder,
    /// No series was updated before; 0 if one has ended.
    updated_since_ms: u64,
}

/// Of a series, in its family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(u32);

/// Identities that are remembered for each series, on average. A sender who writes attributes in an order that changes
/// has more than that; then all are forgotten, which costs time.
const KNOWN_PER_SERIES: usize = 2;

impl Family {
    pub(crate) fn new(kind: Kind, help: &str, unit: &str) -> Family {
        Family {
            kind,
            help: help.into(),
            unit: unit.into(),
            bounds: Rc::default(),
            series: Vec::new(),
            places: HashTable::new(),
            known: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            updated_since_ms: u64::MAX,
        }
    }

    /// Those that have not ended.
    pub(crate) fn series(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|series| series.is_alive())
    }

    /// Also those that have ended and have not been swept.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut Series> {
        self.series.get_mut(place.0 as usize)
    }

    pub(crate) fn end(&mut self, place: Place) {
        if let Some(series) = self.get_mut(place) {
            series.updated_ms = ENDED;
            self.updated_since_ms = 0;
        }
    }

    pub(crate) fn find(&self, labels: &str) -> Option<Place> {
        let is_it =
            |place: &Place| self.series.get(place.0 as usize).is_some_and(|series| *series.labels == *labels);
        self.places.find(self.hasher.hash_one(labels), is_it).copied()
    }

    /// Where a point of that identity went before.
    #[inline]
    pub(crate) fn recall(&self, identity: Identity) -> Option<Place> {
        self.known.find(identity.hash(), |(other, _)| *other == identity).map(|(_, place)| *place)
    }

    pub(crate) fn remember(&mut self, identity: Identity, place: Place) {
        if self.known.len() >= self.series.len() * KNOWN_PER_SERIES {
            self.known.clear();
        }
        self.known.insert_unique(identity.hash(), (identity, place), |(identity, _)| identity.hash());
    }

    /// Adds a series that is not there yet.
    pub(crate) fn add(&mut self, series: Series) -> Place {
        // A guest's memory ends at 4 GiB.
        let place = Place(self.series.len() as u32);
        let hash = self.hasher.hash_one(&*series.labels);
        self.updated_since_ms = self.updated_since_ms.min(series.updated_ms);
        self.series.push(series);
        let (all, hasher) = (&self.series, &self.hasher);
        let rehash =
            |place: &Place| all.get(place.0 as usize).map_or(0, |series| hasher.hash_one(&*series.labels));
        self.places.insert_unique(hash, place, rehash);
        place
    }

    /// Series whose last point came before this are gone.
    pub(crate) fn sweep(&mut self, since_ms: u64) {
        if self.updated_since_ms >= since_ms.max(1) {
            return;
        }
        let stays = |series: &Series| series.is_alive() && series.updated_ms >= since_ms;
        let staying = self.series.iter().filter(|series| stays(series));
        self.updated_since_ms = staying.map(|series| series.updated_ms).min().unwrap_or(u64::MAX);
        if self.series.iter().all(stays) {
            return;
        }
        let mut next = 0;
        let new_place = |series: &Series| {
            stays(series).then(|| {
                next += 1;
                next - 1
            })
        };
        let new_places: Vec<Option<u32>> = self.series.iter().map(new_place).collect();
        let mut follow = |place: &mut Place| match new_places.get(place.0 as usize) {
            Some(Some(new)) => {
                place.0 = *new;
                true
            }
            _ => false,
        };
        self.places.retain(&mut follow);
        self.known.retain(|(_, place)| follow(place));
        self.series.retain(stays);
    }
}
