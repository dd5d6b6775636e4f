use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Instrument, MetricName, metric_name};
use crate::config::NameSettings;

/// Remembers the names of metrics, because the same metrics arrive again and again. Only valid for one
/// config.
#[derive(Debug, Default)]
pub(crate) struct MetricNames {
    names: HashTable<Entry>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
struct Entry {
    name: Box<str>,
    unit: Box<str>,
    instrument: Instrument,
    shown: Option<MetricName>,
}

/// The most names. At the limit, all names are forgotten.
const LIMIT: usize = 10_000;

impl MetricNames {
    /// Returns the name of a metric; see [`metric_name`].
    pub(crate) fn get(
        &mut self,
        settings: &NameSettings,
        name: &str,
        unit: &str,
        instrument: Instrument,
    ) -> Option<&MetricName> {
        if self.names.len() >= LIMIT {
            self.names.clear();
        }
        let hasher = &self.hasher;
        let hash = hasher.hash_one((name, unit, instrument));
        let is_it =
            |entry: &Entry| *entry.name == *name && *entry.unit == *unit && entry.instrument == instrument;
        let rehash = |entry: &Entry| hasher.hash_one((&*entry.name, &*entry.unit, entry.instrument));
        let new = || {
            let shown = metric_name(settings, name, unit, instrument);
            Entry { name: name.into(), unit: unit.into(), instrument, shown }
        };
        self.names.entry(hash, is_it, rehash).or_insert_with(new).into_mut().shown.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_unit_and_type_has_a_name_of_its_own_also_when_it_comes_again() {
        let settings = NameSettings { namespace: String::new(), suffixes: true, utf8: false };
        let mut names = MetricNames::default();
        for _ in 0..2 {
            let mut get = |name, unit, instrument| {
                names.get(&settings, name, unit, instrument).map(|it| it.name.clone())
            };
            assert_eq!(get("a", "s", Instrument::Gauge).as_deref(), Some("a_seconds"));
            assert_eq!(get("a", "By", Instrument::Gauge).as_deref(), Some("a_bytes"));
            assert_eq!(get("a", "s", Instrument::Counter).as_deref(), Some("a_seconds_total"));
            assert_eq!(get("", "s", Instrument::Gauge), None);
        }
    }

    #[test]
    fn there_are_no_more_than_the_limit() {
        let settings = NameSettings { namespace: String::new(), suffixes: true, utf8: false };
        let mut names = MetricNames::default();
        for number in 0..LIMIT * 2 {
            names.get(&settings, &format!("a{number}"), "", Instrument::Gauge);
            assert!(names.names.len() <= LIMIT);
        }
    }
}
