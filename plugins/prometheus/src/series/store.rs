//! All families, and the targets that they are of.

use std::{collections::BTreeMap, rc::Rc};

use super::{Bounds, Dropped, ENDED, Family, Kind, Point, Temporality};
use crate::name::MetricName;

/// Everything that a scrape shows.
#[derive(Debug, Default)]
pub(crate) struct Store {
    families: BTreeMap<Box<str>, Family>,
    /// By `job` and `instance`, as text.
    targets: BTreeMap<Box<str>, Target>,
    /// Series that have ended and are not swept yet count.
    series: usize,
}

/// A resource, for `target_info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) labels: Box<str>,
    pub(crate) updated_ms: u64,
}

/// What a metric is kept as.
pub(crate) struct Kept<'a> {
    pub(crate) name: &'a MetricName,
    pub(crate) help: &'a str,
    pub(crate) kind: Kind,
}

impl Store {
    pub(crate) fn families(&self) -> impl Iterator<Item = (&str, &Family)> {
        self.families.iter().map(|(name, family)| (&**name, family))
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = (&str, &Target)> {
        self.targets.iter().map(|(key, target)| (&**key, target))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Family> {
        self.families.get(name)
    }

    /// The bounds of the histogram that came last, to be shared by the next.
    pub(crate) fn bounds(&self, name: &str) -> Rc<Bounds> {
        self.get(name).map(|family| family.bounds.clone()).unwrap_or_default()
    }

    pub(crate) fn set_bounds(&mut self, name: &str, bounds: &Rc<Bounds>) {
        if let Some(family) = self.families.get_mut(name) {
            family.bounds = bounds.clone();
        }
    }

    /// How many, targets included.
    pub(crate) fn len(&self) -> usize {
        self.series + self.targets.len()
    }

    /// The family of a metric, made if there is none. The first type that a name has is its type; while its series
    /// live, no other metric may have samples of the same names.
    pub(crate) fn family(&mut self, kept: &Kept<'_>) -> Result<&mut Family, Dropped> {
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

    /// Whether a family is called so, or may have samples that are.
    pub(crate) fn has_sample(&self, name: &str) -> bool {
        let of = |base: &str, suffix: &str| {
            self.families.get(base).is_some_and(|family| family.kind.suffixes().contains(&suffix))
        };
        let suffixes = ["_bucket", "_count", "_sum", "_created"];
        of(name, "")
            || suffixes.iter().any(|suffix| name.strip_suffix(suffix).is_some_and(|base| of(base, suffix)))
    }

    /// Takes a point into the family of its metric. `limit` is of all series.
    pub(crate) fn take(
        &mut self,
        kept: &Kept<'_>,
        labels: &str,
        point: Point,
        temporality: Temporality,
        (now_ms, limit): (u64, usize),
    ) -> Result<(), Dropped> {
        let has_room = self.len() < limit;
        let family = self.family(kept)?;
        let before = family.len();
        let taken = family.take(labels, point, temporality, now_ms, has_room);
        let after = family.len();
        self.series += after - before;
        if after == 0 {
            self.families.remove(kept.name.name.as_str());
        }
        taken
    }

    /// The series has ended.
    pub(crate) fn end(&mut self, name: &str, labels: &str) {
        if let Some(series) = self.families.get_mut(name).and_then(|family| family.find(labels)) {
            series.updated_ms = ENDED;
        }
    }

    /// The latest resource with these `job` and `instance` is the target.
    pub(crate) fn target(
        &mut self,
        key: &str,
        labels: &str,
        (now_ms, limit): (u64, usize),
    ) -> Result<(), Dropped> {
        let len = self.len();
        match self.targets.get_mut(key) {
            Some(target) => {
                if *target.labels != *labels {
                    target.labels = labels.into();
                }
                target.updated_ms = now_ms;
            }
            None if len < limit => {
                self.targets.insert(key.into(), Target { labels: labels.into(), updated_ms: now_ms });
            }
            None => return Err(Dropped::SeriesLimit),
        }
        Ok(())
    }

    /// What has not been heard of since then is gone.
    pub(crate) fn sweep(&mut self, since_ms: u64) {
        self.targets.retain(|_, target| target.updated_ms >= since_ms);
        self.families.retain(|_, family| {
            family.sweep(since_ms);
            family.len() > 0
        });
        self.series = self.families.values().map(Family::len).sum();
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
        store.take(&kept, labels, point, Temporality::Cumulative, (now_ms, 5))
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
        store.end("a", "");
        assert_eq!(shown(&store), [""; 0]);
        take(&mut store, "a", Kind::Gauge, "", 1).unwrap();
        assert_eq!(shown(&store), ["a{}"]);
    }

    #[test]
    fn there_are_no_more_series_than_may_be() {
        let mut store = Store::default();
        store.target("job=\"a\"", "", (1, 5)).unwrap();
        for (labels, taken) in
            [("1", Ok(())), ("2", Ok(())), ("3", Ok(())), ("4", Ok(())), ("5", Err(Dropped::SeriesLimit))]
        {
            assert_eq!(take(&mut store, "a", Kind::Gauge, labels, 1), taken);
        }
        assert_eq!(take(&mut store, "a", Kind::Gauge, "4", 2), Ok(()), "those that are there go on");
        assert_eq!(take(&mut store, "b", Kind::Gauge, "", 2), Err(Dropped::SeriesLimit));
        assert!(store.get("b").is_none());
    }
}
