//! Gathers small requests until they are large enough, or have waited for long enough.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::room::Place;
use crate::{
    component::BatchSettings,
    pipeline::{Batch, Metadata},
};

/// The most partitions in which requests are gathered at a time, as in the Collector. With one more, the oldest is
/// sent before its time.
const PARTITIONS_LIMIT: usize = 10_000;

/// A batch with the room that it takes.
pub(super) struct Waiting {
    pub(super) batch: Batch,
    pub(super) place: Place,
}

/// What requests must have in common to be gathered: a hash of the values of the headers by which they are kept
/// apart. Senders choose how long and how many the values are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Partition([u8; 32]);

/// The gathered requests of each partition. None is large enough to be sent.
#[derive(Default)]
pub(super) struct Gatherings {
    /// The oldest first. All wait equally long, so the oldest is the first that is due.
    by_age: BTreeMap<u64, Gathering>,
    ages: HashMap<Partition, u64>,
    begun: u64,
}

struct Gathering {
    partition: Partition,
    waiting: Waiting,
    deadline: Instant,
}

impl Partition {
    /// Returns the partition of a request. A header that is missing differs from one that is empty.
    pub(super) fn of(keys: &[String], metadata: Option<&Metadata>) -> Partition {
        let Some(metadata) = metadata.filter(|_| !keys.is_empty()) else { return Partition::default() };
        let mut hash = Sha256::new();
        let mut is_alone = true;
        for (number, key) in keys.iter().enumerate() {
            for value in metadata.bytes_of(key) {
                hash.update(number.to_le_bytes());
                hash.update(value.len().to_le_bytes());
                hash.update(value);
                is_alone = false;
            }
        }
        // Requests without any of the headers belong to those whose receiver keeps no headers.
        if is_alone { Partition::default() } else { Partition(hash.finalize().into()) }
    }
}

impl Gatherings {
    /// Adds a request. Returns it, with what was gathered before it, if both are large enough to be sent.
    pub(super) fn add(
        &mut self,
        batching: &BatchSettings,
        partition: Partition,
        waiting: Waiting,
    ) -> Option<Waiting> {
        if let Some(age) = self.ages.get(&partition).copied()
            && let Some(gathering) = self.by_age.get_mut(&age)
        {
            gathering.waiting.merge(waiting);
            return if gathering.waiting.is_full(batching) { self.remove(age) } else { None };
        }
        if waiting.is_full(batching) {
            return Some(waiting);
        }
        let deadline = Instant::now() + batching.flush_timeout;
        self.begun += 1;
        self.by_age.insert(self.begun, Gathering { partition, waiting, deadline });
        self.ages.insert(partition, self.begun);
        None
    }

    /// Takes out the oldest if its time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Waiting> {
        let age = *self.by_age.first_key_value().filter(|(_, oldest)| oldest.deadline <= now)?.0;
        self.remove(age)
    }

    /// Takes out the oldest if there are too many partitions.
    pub(super) fn take_excess(&mut self) -> Option<Waiting> {
        let is_over = self.by_age.len() > PARTITIONS_LIMIT;
        let age = *self.by_age.first_key_value().filter(|_| is_over)?.0;
        self.remove(age)
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Waiting> + use<> {
        std::mem::take(self).by_age.into_values().map(|gathering| gathering.waiting)
    }

    /// Returns when the next is due, or `None` if nothing is gathered.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.by_age.first_key_value().map(|(_, oldest)| oldest.deadline)
    }

    fn remove(&mut self, age: u64) -> Option<Waiting> {
        let Gathering { partition, waiting, .. } = self.by_age.remove(&age)?;
        self.ages.remove(&partition);
        Some(waiting)
    }
}

impl Waiting {
    fn is_full(&self, batching: &BatchSettings) -> bool {
        batching.sizer.size(&self.batch.data) >= batching.min_size
    }

    fn merge(&mut self, other: Waiting) {
        self.batch.merge(other.batch);
        self.place.merge(other.place);
    }

    /// Splits the batch into parts of at most `max_size` each.
    pub(super) fn split(mut self, batching: &BatchSettings) -> Vec<Waiting> {
        let Some(max_items) = self.max_items(batching) else { return vec![self] };
        let mut items = self.batch.items();
        let parts = self.batch.split_items(max_items).into_iter();
        let waiting = parts.map(|batch| {
            let place = self.place.split_off(batch.items(), items);
            items -= batch.items();
            Waiting { batch, place }
        });
        waiting.collect()
    }

    /// Keeps at most `max_size` (but at least one item) and returns the rest.
    pub(super) fn split_above(&mut self, batching: &BatchSettings) -> Option<Waiting> {
        let max_items = self.max_items(batching)?;
        let items = self.batch.items();
        let rest = self.batch.cut(max_items)?;
        let place = self.place.split_off(rest.items(), items);
        Some(Waiting { batch: rest, place })
    }

    /// Returns the number of items that fit in `max_size`, or `None` if the batch is not larger. In bytes
    /// this assumes that all items have the same size, so a part may come out larger.
    fn max_items(&self, batching: &BatchSettings) -> Option<usize> {
        let size = batching.sizer.size(&self.batch.data);
        if batching.max_size == 0 || size <= batching.max_size {
            return None;
        }
        let share = batching.max_size as f64 / size as f64;
        Some(((self.batch.items() as f64 * share) as usize).max(1))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn partition(headers: &[(&'static str, &str)]) -> Partition {
        let header = |(name, value): &(&'static str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        let metadata = Metadata::of(&headers.iter().map(header).collect::<HeaderMap>());
        Partition::of(&["X-Tenant".to_owned(), "x-region".to_owned()], Some(&metadata))
    }

    /// Scenario: requests with different values of two headers, with several values, and with none.
    /// Guarantees: exactly those with the same values of both headers are gathered together.
    #[test]
    fn requests_belong_together_by_the_values_of_all_keys() {
        let partitions = [
            partition(&[]),
            partition(&[("x-tenant", "")]),
            partition(&[("x-tenant", "a")]),
            partition(&[("x-region", "a")]),
            partition(&[("x-tenant", "a"), ("x-region", "a")]),
            partition(&[("x-tenant", "a"), ("x-tenant", "b")]),
            partition(&[("x-tenant", "ab")]),
        ];
        for (at, one) in partitions.iter().enumerate() {
            assert!(!partitions[..at].contains(one), "{at}");
        }
        assert_eq!(partition(&[("X-TENANT", "a"), ("other", "1")]), partition(&[("x-tenant", "a")]));
        assert_eq!(partition(&[("other", "1")]), Partition::of(&["x-tenant".to_owned()], None));
        assert_eq!(Partition::of(&[], None), Partition::default());
    }
}
