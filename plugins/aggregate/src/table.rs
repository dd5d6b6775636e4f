//! A table of series by their keys, in the order of insertion.

use hashbrown::HashTable;

use crate::hash;

#[derive(Clone, Debug)]
pub struct Table<S> {
    entries: Vec<Entry<S>>,
    /// Indexes in `entries`.
    index: HashTable<u32>,
}

#[derive(Clone, Debug)]
pub struct Entry<S> {
    pub key: Vec<u8>,
    pub series: S,
    hash: u64,
}

impl<S> Table<S> {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn entries(&self) -> &[Entry<S>] {
        &self.entries
    }

    pub fn into_entries(self) -> impl Iterator<Item = (Vec<u8>, S)> {
        self.entries.into_iter().map(|entry| (entry.key, entry.series))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&[u8], &mut S)> {
        self.entries.iter_mut().map(|entry| (entry.key.as_slice(), &mut entry.series))
    }

    /// Returns the index of the series with that key. `hash` must be the key's own hash
    /// ([`Key::hash`](crate::Key::hash)).
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let is_it = |at: &u32| {
            self.entries.get(*at as usize).is_some_and(|entry| entry.hash == hash && entry.key == key)
        };
        self.index.find(hash, is_it).map(|at| *at as usize)
    }

    #[inline]
    pub fn get_mut(&mut self, at: usize) -> Option<&mut S> {
        self.entries.get_mut(at).map(|entry| &mut entry.series)
    }

    /// Adds a series and returns its index. The key must be new.
    pub fn insert(&mut self, key: &[u8], series: S) -> usize {
        let (at, hash) = (self.entries.len(), hash(key));
        self.entries.push(Entry { key: key.to_vec(), series, hash });
        self.index(at, hash);
        at
    }

    /// Removes all series and keeps the memory of the table.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.index.clear();
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&Entry<S>) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|entry| keep(entry));
        if self.entries.len() == before {
            return;
        }
        self.index.clear();
        for at in 0..self.entries.len() {
            self.entries.get(at).map(|entry| entry.hash).into_iter().for_each(|hash| self.index(at, hash));
        }
    }

    fn index(&mut self, at: usize, hash: u64) {
        let entries = &self.entries;
        let rehash = |at: &u32| entries.get(*at as usize).map_or(0, |entry| entry.hash);
        // The memory of a guest ends at 4 GiB, so the index fits.
        self.index.insert_unique(hash, at as u32, rehash);
    }
}

impl<S> Default for Table<S> {
    fn default() -> Table<S> {
        Table { entries: Vec::new(), index: HashTable::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_and_what_is_not_is_gone() {
        let mut table = Table::default();
        let key = |number: u32| number.to_le_bytes();
        for number in 0..1000 {
            table.insert(&key(number), number);
        }
        table.retain(|entry| entry.series % 3 == 0);
        for number in 0..1000 {
            let found = table.find(hash(&key(number)), &key(number));
            assert_eq!(found.is_some(), number % 3 == 0, "{number}");
            assert_eq!(found.and_then(|at| table.get_mut(at).copied()).unwrap_or(number), number);
        }
    }
}
