//! Remembers when the last deltas of series ended, so that their next deltas begin there.
//!
//! A counter that adds deltas up begins anew after a gap. So the ends outlive the series: a series that expires,
//! whose resource is evicted, or that counts in the overflow series for a while goes on where it ended.

use std::collections::BTreeMap;

use spanloom_aggregate::hash;

use crate::groups::Group;

/// The most series that are remembered, whatever the config says. They take about 10 MB.
const LIMIT: usize = 1 << 18;

#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// The ends, in nanoseconds since 1970, by the ids of series.
    ends: BTreeMap<u64, u64>,
}

/// Returns the id of a series, given the keys of its resource and of its dimensions.
pub(crate) fn id(resource: &[u8], family: usize, key: &[u8]) -> u64 {
    hash(key) ^ hash(resource).rotate_left(family as u32 + 1)
}

impl Ends {
    pub(crate) fn from_pairs(pairs: impl Iterator<Item = (u64, u64)>) -> Ends {
        Ends { ends: pairs.collect() }
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ends.iter().map(|(id, end)| (*id, *end))
    }

    pub(crate) fn get(&self, id: u64) -> Option<u64> {
        self.ends.get(&id).copied()
    }

    /// Notes that each series of a group has just emitted its points.
    pub(crate) fn note_all(&mut self, group: &Group, now_unix_nano: u64) {
        for (number, table) in group.tables.iter().enumerate() {
            for entry in table.entries() {
                let end = entry.series.end_unix_nano(now_unix_nano);
                self.note(id(&group.resource.key, number, &entry.key), end);
            }
        }
    }

    fn note(&mut self, id: u64, end_unix_nano: u64) {
        self.ends.insert(id, end_unix_nano);
    }

    /// Forgets the series that ended first, until there are `most`.
    pub(crate) fn limit(&mut self, most: usize) {
        let Some(mut surplus) = self.ends.len().checked_sub(most.min(LIMIT)).filter(|it| *it > 0) else {
            return;
        };
        let mut ends: Vec<u64> = self.ends.values().copied().collect();
        let (_, last, _) = ends.select_nth_unstable(surplus - 1);
        let last = *last;
        self.ends.retain(|_, end| {
            let goes = *end < last;
            surplus -= usize::from(goes);
            !goes
        });
        // Of those that ended at the same time, no more than needed.
        self.ends.retain(|_, end| {
            let goes = surplus > 0 && *end == last;
            surplus -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_that_ended_first_are_forgotten() {
        let mut ends = Ends::default();
        for (id, end) in [(1, 10), (2, 30), (3, 20), (4, 20), (5, 30)] {
            ends.note(id, end);
        }
        ends.limit(5);
        assert_eq!(ends.pairs().count(), 5);
        ends.limit(3);
        assert_eq!(ends.pairs().collect::<Vec<_>>(), [(2, 30), (4, 20), (5, 30)]);
        ends.limit(0);
        assert_eq!(ends.get(2), None);
    }
}
