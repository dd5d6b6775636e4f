//! One metric: its type, and its series in the order in which they came.

use std::{hash::BuildHasher, rc::Rc};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Bounds, Dropped, ENDED, Kind, Point, Series, Temporality};

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
    /// Places in `series`, by labels.
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
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
            hasher: DefaultHashBuilder::default(),
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

    pub(crate) fn find(&mut self, labels: &str) -> Option<&mut Series> {
        let series = &self.series;
        let is_it = |place: &u32| series.get(*place as usize).is_some_and(|series| *series.labels == *labels);
        let place = *self.places.find(self.hasher.hash_one(labels), is_it)?;
        self.series.get_mut(place as usize)
    }

    /// `has_room`: a series may be added.
    pub(crate) fn take(
        &mut self,
        labels: &str,
        point: Point,
        temporality: Temporality,
        now_ms: u64,
        has_room: bool,
    ) -> Result<(), Dropped> {
        if let Some(series) = self.find(labels) {
            return series.take(point, temporality, now_ms);
        }
        if !has_room {
            return Err(Dropped::SeriesLimit);
        }
        self.add(Series { labels: labels.into(), point, updated_ms: now_ms });
        Ok(())
    }

    /// A series that is not there yet.
    fn add(&mut self, series: Series) {
        let Ok(place) = u32::try_from(self.series.len()) else { return };
        let hash = self.hasher.hash_one(&*series.labels);
        self.series.push(series);
        let (all, hasher) = (&self.series, &self.hasher);
        let rehash =
            |place: &u32| all.get(*place as usize).map_or(0, |series| hasher.hash_one(&*series.labels));
        self.places.insert_unique(hash, place, rehash);
    }

    /// Series whose last point came before this are gone.
    pub(crate) fn sweep(&mut self, since_ms: u64) {
        let stays = |series: &Series| series.updated_ms != ENDED && series.updated_ms >= since_ms;
        if self.series.iter().all(stays) {
            return;
        }
        let all = std::mem::take(&mut self.series);
        self.places = HashTable::new();
        for series in all.into_iter().filter(stays) {
            self.add(series);
        }
    }
}
