//! The store of all families, and of the targets that they come from.

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use super::{Bounds, Dropped, Family, Identity, Kind, Place, Point, Series, Temporality};
use crate::name::MetricName;

/// Everything that a scrape shows.
#[derive(Debug, Default)]
pub(crate) struct Store {
    families: BTreeMap<Box<str>, Family>,
    /// By the text of `job` and `instance`. A target without series goes with the next sweep.
    targets: BTreeMap<Box<str>, Target>,
    /// The number of series, including those that ended and were not swept.
    series: usize,
}

/// A resource, for `target_info`.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) labels: Box<str>,
    pub(crate) in_use: InUse,
}

/// A target's mark, of which each of its series has a clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct InUse(Rc<Cell<u32>>);

/// A family that is open for points.
pub(crate) struct Opened<'s> {
    family: &'s mut Family,
    /// The most series that the family may have.
    series_limit: usize,
    now_ms: u64,
    /// The place of the next point if series arrive in the same order as before.
    next: Place,
}

/// The name, help and type of a metric.
pub(crate) struct Kept<'a> {
    pub(crate) name: &'a MetricName,
    pub(crate) help: &'a str,
    pub(crate) kind: Kind,
}

impl InUse {
    /// Returns the number that the last handover gave to the target.
    pub(crate) fn number(&self) -> u32 {
        self.0.get()
    }

    pub(crate) fn set_number(&self, number: u32) {
        self.0.set(number);
    }

    /// Returns whether any series has a clone.
    fn is_shared(&self) -> bool {
        Rc::strong_count(&self.0) > 1
    }
}

impl Store {
    pub(crate) fn families(&self) -> impl Iterator<Item = (&str, &Family)> {
        self.families.iter().map(|(name, family)| (&**name, family))
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = (&str, &Target)> {
        self.targets.iter().map(|(key, target)| (&**key, target))
    }

    /// Returns the number of series, including targets.
    pub(crate) fn len(&self) -> usize {
        self.series + self.targets.len()
    }

    /// Returns the family of a metric, and creates it if needed. The first type of a name is its type. While
    /// its series live, no other metric may have samples of the same names.
    fn family(&mut self, kept: &Kept<'_>) -> Result<&mut Family, Dropped> {
        let name = kept.name.name.as_str();
        let exists = self.families.get(name).map(|family| family.kind);
        match exists {
            Some(kind) if kind != kept.kind => return Err(Dropped::Conflict),
            Some(_) => {}
            None if kept.kind.suffixes().iter().any(|suffix| self.has_sample(&format!("{name}{suffix}"))) => {
                return Err(Dropped::Conflict);
            }
            None => {
                self.families.insert(name.into(), Family::new(kept.kind, kept.help, &kept.name.unit));
            }
        }
        self.families.get_mut(name).ok_or(Dropped::Conflict)
    }

    /// Returns whether a family has this name, or may have samples with it.
    pub(crate) fn has_sample(&self, name: &str) -> bool {
        let of = |base: &str, suffix: &str| {
            self.families.get(base).is_some_and(|family| family.kind.suffixes().contains(&suffix))
        };
        let suffixes = ["_bucket", "_count", "_sum", "_created"];
        of(name, "")
            || suffixes.iter().any(|suffix| name.strip_suffix(suffix).is_some_and(|base| of(base, suffix)))
    }

    /// Opens the family of a metric for points. `limit` is the limit of all series.
    pub(crate) fn open<R>(
        &mut self,
        kept: &Kept<'_>,
        (now_ms, limit): (u64, usize),
        take: impl FnOnce(&mut Opened<'_>) -> R,
    ) -> Result<R, Dropped> {
        let len = self.len();
        let family = self.family(kept)?;
        let before = family.len();
        let series_limit = limit.saturating_sub(len - before);
        let taken = take(&mut Opened { family, series_limit, now_ms, next: Place::default() });
        let after = family.len();
        self.series += after - before;
        if after == 0 {
            self.families.remove(kept.name.name.as_str());
        }
        Ok(taken)
    }

    /// Adds one cumulative point to the family of its metric, by the labels of its series.
    pub(crate) fn take(
        &mut self,
        kept: &Kept<'_>,
        labels: &str,
        point: Point,
        target: Option<&InUse>,
        limits: (u64, usize),
    ) -> Result<(), Dropped> {
        self.open(kept, limits, |family| match family.find(labels) {
            Some(place) => family.update(place, point, Temporality::Cumulative),
            None => family.add(labels, point, target).map(|_| ()),
        })?
    }

    /// Sets the target of `job` and `instance` to the latest resource, and returns its mark.
    pub(crate) fn target(&mut self, key: &str, labels: &str, limit: usize) -> Result<InUse, Dropped> {
        let len = self.len();
        match self.targets.get_mut(key) {
            Some(target) => {
                if *target.labels != *labels {
                    target.labels = labels.into();
                }
                Ok(target.in_use.clone())
            }
            None if len < limit => {
                let in_use = InUse::default();
                self.targets.insert(key.into(), Target { labels: labels.into(), in_use: in_use.clone() });
                Ok(in_use)
            }
            None => Err(Dropped::SeriesLimit),
        }
    }

    /// Removes the series that were not updated since `since_ms`, and the targets that have no series left.
    pub(crate) fn sweep(&mut self, since_ms: u64) {
        self.families.retain(|_, family| {
            family.sweep(since_ms);
            family.len() > 0
        });
        self.targets.retain(|_, target| target.in_use.is_shared());
        self.series = self.families.values().map(Family::len).sum();
    }
}

impl Opened<'_> {
    pub(crate) fn find(&self, labels: &str) -> Option<Place> {
        self.family.find(labels)
    }

    /// Returns the place of earlier points with that identity.
    #[inline]
    pub(crate) fn recall(&mut self, identity: Identity) -> Option<Place> {
        let place = self.family.recall(identity, self.next)?;
        self.next = place.next();
        Some(place)
    }

    /// Remembers the place for points with that identity. Points without an identity are found by their
    /// labels each time.
    pub(crate) fn remember(&mut self, identity: Option<Identity>, place: Place) {
        if let Some(identity) = identity {
            self.family.remember(identity, place);
        }
    }

    /// Returns the bounds of the last histogram, to share them with the next.
    pub(crate) fn bounds(&mut self) -> &mut Rc<Bounds> {
        &mut self.family.bounds
    }

    #[inline(always)]
    pub(crate) fn update(
        &mut self,
        place: Place,
        point: Point,
        temporality: Temporality,
    ) -> Result<(), Dropped> {
        match self.family.get_mut(place) {
            Some(series) => series.take(point, temporality, self.now_ms),
            None => Ok(()),
        }
    }

    /// Adds a series, which must be new.
    pub(crate) fn add(
        &mut self,
        labels: &str,
        point: Point,
        target: Option<&InUse>,
    ) -> Result<Place, Dropped> {
        if self.family.len() >= self.series_limit {
            return Err(Dropped::SeriesLimit);
        }
        let target = target.cloned();
        Ok(self.family.add(Series { labels: labels.into(), point, updated_ms: self.now_ms, target }))
    }

    /// Assigns the series to a target. Two targets share a series if a constant label hides what tells them
    /// apart.
    pub(crate) fn assign(&mut self, place: Place, target: Option<&InUse>) {
        if let Some(series) = self.family.get_mut(place) {
            series.target = target.cloned();
        }
    }

    /// Ends the series.
    pub(crate) fn end(&mut self, place: Place) {
        self.family.end(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Value;

    fn take(store: &mut Store, name: &str, kind: Kind, labels: &str, now_ms: u64) -> Result<(), Dropped> {
        let name = MetricName { name: name.into(), unit: String::new() };
        let kept = Kept { name: &name, help: "", kind };
        let value = Value::Number(now_ms as f64);
        let point = Point { start_time_unix_nano: 0, time_unix_nano: now_ms, value, exemplars: None };
        store.take(&kept, labels, point, None, (now_ms, 5))
    }

    fn shown(store: &Store) -> Vec<String> {
        let series = |(name, family): (&str, &Family)| {
            family.series().map(|series| format!("{name}{{{}}}", series.labels)).collect::<Vec<_>>()
        };
        store.families().flat_map(series).collect()
    }

    #[test]
    fn a_name_keeps_its_type_until_all_its_series_are_gone() {
        let mut store = Store::default();
        assert_eq!(take(&mut store, "a", Kind::Gauge, "", 1), Ok(()));
        assert_eq!(take(&mut store, "a", Kind::Histogram, "", 2), Err(Dropped::Conflict));
        store.sweep(2);
        assert_eq!(take(&mut store, "a", Kind::Histogram, "", 3), Ok(()));
    }

    #[test]
    fn no_two_metrics_have_samples_of_one_name() {
        let mut store = Store::default();
        assert_eq!(take(&mut store, "a", Kind::Histogram, "", 1), Ok(()));
        assert_eq!(take(&mut store, "a_count", Kind::Gauge, "", 1), Err(Dropped::Conflict));
        assert_eq!(take(&mut store, "b_sum", Kind::Counter, "", 1), Ok(()));
        assert_eq!(take(&mut store, "b", Kind::Summary, "", 1), Err(Dropped::Conflict));
        assert_eq!(take(&mut store, "c_bucket", Kind::Gauge, "", 1), Ok(()));
        assert_eq!(take(&mut store, "c", Kind::Summary, "", 1), Ok(()));
    }

    #[test]
    fn every_stale_series_goes_and_the_others_are_still_found() {
        let mut store = Store::default();
        for (labels, now_ms) in [("x=\"1\"", 1), ("x=\"2\"", 1), ("x=\"3\"", 2), ("x=\"4\"", 1)] {
            take(&mut store, "a", Kind::Gauge, labels, now_ms).unwrap();
        }
        store.sweep(2);
        assert_eq!(shown(&store), ["a{x=\"3\"}"]);
        take(&mut store, "a", Kind::Gauge, "x=\"3\"", 3).unwrap();
        take(&mut store, "a", Kind::Gauge, "x=\"1\"", 3).unwrap();
        assert_eq!((shown(&store), store.len()), (vec!["a{x=\"3\"}".into(), "a{x=\"1\"}".into()], 2));
    }

    #[test]
    fn a_series_that_ended_is_not_shown_and_may_begin_again() {
        let mut store = Store::default();
        take(&mut store, "a", Kind::Gauge, "", 5).unwrap();
        let name = MetricName { name: "a".into(), unit: String::new() };
        let kept = Kept { name: &name, help: "", kind: Kind::Gauge };
        store.open(&kept, (5, 5), |family| family.end(family.find("").unwrap())).unwrap();
        assert_eq!(shown(&store), [""; 0]);
        take(&mut store, "a", Kind::Gauge, "", 1).unwrap();
        assert_eq!(shown(&store), ["a{}"]);
    }

    #[test]
    fn a_target_goes_with_its_last_series() {
        let mut store = Store::default();
        let unused = store.target("instance=\"0\"", "", 5).unwrap();
        let target = store.target("instance=\"1\"", "", 5).unwrap();
        let name = MetricName { name: "a".into(), unit: String::new() };
        let kept = Kept { name: &name, help: "", kind: Kind::Gauge };
        let point = |time_unix_nano| Point {
            start_time_unix_nano: 0,
            time_unix_nano,
            value: Value::Number(1.0),
            exemplars: None,
        };
        for (labels, now_ms) in [("x=\"1\"", 1), ("x=\"2\"", 2)] {
            store.take(&kept, labels, point(now_ms), Some(&target), (now_ms, 5)).unwrap();
        }
        drop((unused, target));
        let mut left_at = |since_ms| {
            store.sweep(since_ms);
            (store.targets().count(), store.len())
        };
        assert_eq!([left_at(1), left_at(2), left_at(3)], [(1, 3), (1, 2), (0, 0)]);
    }

    #[test]
    fn there_are_no_more_series_than_may_be() {
        let mut store = Store::default();
        store.target("job=\"a\"", "", 5).unwrap();
        for (labels, taken) in
            [("1", Ok(())), ("2", Ok(())), ("3", Ok(())), ("4", Ok(())), ("5", Err(Dropped::SeriesLimit))]
        {
            assert_eq!(take(&mut store, "a", Kind::Gauge, labels, 1), taken);
        }
        assert_eq!(take(&mut store, "a", Kind::Gauge, "4", 2), Ok(()), "those that are there go on");
        assert_eq!(take(&mut store, "b", Kind::Gauge, "", 2), Err(Dropped::SeriesLimit));
        assert_eq!(store.families().count(), 1);
    }
}
