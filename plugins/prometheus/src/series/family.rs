//! A family: the type of one metric, and its series in the order of their arrival.

use std::{hash::BuildHasher, rc::Rc};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Bounds, ENDED, Identity, Kind, Series};

#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) kind: Kind,
    pub(crate) help: Box<str>,
    /// Empty if the name does not end with the unit.
    pub(crate) unit: Box<str>,
    /// The bounds of the last histogram.
    pub(crate) bounds: Rc<Bounds>,
    /// The series. Those that ended keep their places until the next [`sweep`](Family::sweep).
    series: Vec<Series>,
    /// Places by labels.
    places: HashTable<Place>,
    /// The identity of the last point of each series, in the order of `series`.
    identities: Vec<Identity>,
    /// Places by identity, for the series that have one.
    known: HashTable<Place>,
    hasher: DefaultHashBuilder,
    /// No series was updated before this time. 0 if a series has ended.
    updated_since_ms: u64,
}

/// The index of a series in its family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// Returns the next place.
    pub(crate) fn next(self) -> Place {
        Place(self.0.saturating_add(1))
    }
}

impl Family {
    pub(crate) fn new(kind: Kind, help: &str, unit: &str) -> Family {
        Family {
            kind,
            help: help.into(),
            unit: unit.into(),
            bounds: Rc::default(),
            series: Vec::new(),
            places: HashTable::new(),
            identities: Vec::new(),
            known: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            updated_since_ms: u64::MAX,
        }
    }

    /// Iterates over the series that have not ended.
    pub(crate) fn series(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|series| series.is_alive())
    }

    /// Returns the number of series, including those that ended and were not swept.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    #[inline]
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

    /// Returns the place of earlier points with that identity. `guess` is tried first: for senders that keep
    /// the order of their series, the places lie next to each other in memory.
    #[inline]
    pub(crate) fn recall(&self, identity: Identity, guess: Place) -> Option<Place> {
        let is_it = |place: &Place| self.identities.get(place.0 as usize) == Some(&identity);
        if is_it(&guess) { Some(guess) } else { self.known.find(identity.hash(), is_it).copied() }
    }

    /// Remembers the identity of a series' last point. The same series may arrive as different bytes, and
    /// only the last are remembered.
    pub(crate) fn remember(&mut self, identity: Identity, place: Place) {
        let Some(known) = self.identities.get_mut(place.0 as usize) else { return };
        let before = std::mem::replace(known, identity);
        if let Ok(entry) = self.known.find_entry(before.hash(), |other| *other == place) {
            entry.remove();
        }
        let all = &self.identities;
        let rehash = |place: &Place| all.get(place.0 as usize).map_or(0, |identity| identity.hash());
        self.known.insert_unique(identity.hash(), place, rehash);
    }

    /// Adds a series, which must be new.
    pub(crate) fn add(&mut self, series: Series) -> Place {
        // The memory of a guest ends at 4 GiB, so the place fits.
        let place = Place(self.series.len() as u32);
        let hash = self.hasher.hash_one(&*series.labels);
        self.updated_since_ms = self.updated_since_ms.min(series.updated_ms);
        self.series.push(series);
        self.identities.push(Identity::UNKNOWN);
        let (all, hasher) = (&self.series, &self.hasher);
        let rehash =
            |place: &Place| all.get(place.0 as usize).map_or(0, |series| hasher.hash_one(&*series.labels));
        self.places.insert_unique(hash, place, rehash);
        place
    }

    /// Removes the series whose last point arrived before `since_ms`, and those that have ended.
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
        self.known.retain(follow);
        let mut places = new_places.iter();
        self.identities.retain(|_| places.next().is_some_and(Option::is_some));
        self.series.retain(stays);
    }
}
