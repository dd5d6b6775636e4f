//! Values that many spans have in common.

use hashbrown::HashTable;

/// Values, each held once, with the number of its users. A value is dropped with its last user.
pub(super) struct Interned<T> {
    table: HashTable<u32>,
    slots: Vec<Option<Slot<T>>>,
    /// The empty slots.
    free: Vec<u32>,
}

struct Slot<T> {
    value: T,
    hash: u64,
    users: usize,
}

impl<T> Default for Interned<T> {
    fn default() -> Interned<T> {
        Interned { table: HashTable::new(), slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Interned<T> {
    /// Adds users to the value that `is_it` accepts among those of this hash. Returns its number.
    pub(super) fn enter(&mut self, hash: u64, users: usize, is_it: impl Fn(&T) -> bool) -> Option<u32> {
        let slot = |number: u32| self.slots.get(number as usize).and_then(Option::as_ref);
        let known = self.table.find(hash, |number| {
            slot(*number).is_some_and(|known| known.hash == hash && is_it(&known.value))
        });
        let number = *known?;
        self.slots.get_mut(number as usize)?.as_mut()?.users += users;
        Some(number)
    }

    /// Adds a value that is not there. Returns its number.
    pub(super) fn insert(&mut self, hash: u64, users: usize, value: T) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        if let Some(empty) = self.slots.get_mut(number as usize) {
            *empty = Some(Slot { value, hash, users });
        }
        let slots = &self.slots;
        let hash_of = |number: &u32| match slots.get(*number as usize) {
            Some(Some(slot)) => slot.hash,
            _ => 0,
        };
        self.table.insert_unique(hash, number, hash_of);
        number
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.slots.get(number as usize)?.as_ref().map(|slot| &slot.value)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.slots.get_mut(number as usize)?.as_mut().map(|slot| &mut slot.value)
    }

    /// Takes users from a value. Returns the value if they were the last.
    pub(super) fn leave(&mut self, number: u32, users: usize) -> Option<T> {
        let place = self.slots.get_mut(number as usize)?;
        let slot = place.as_mut()?;
        slot.users = slot.users.saturating_sub(users);
        if slot.users > 0 {
            return None;
        }
        let Slot { value, hash, .. } = place.take()?;
        if let Ok(entry) = self.table.find_entry(hash, |known| *known == number) {
            entry.remove();
        }
        self.free.push(number);
        Some(value)
    }

    /// Returns how many values there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: values are added, all with the same hash; users enter and leave; another value is added.
    /// Guarantees: a value stays until its last user has left, and then its number is used again.
    #[test]
    fn a_value_stays_as_long_as_it_has_users() {
        let mut interned = Interned::default();
        assert_eq!([interned.insert(7, 1, "a"), interned.insert(7, 1, "b")], [0, 1]);
        assert_eq!(interned.enter(7, 2, |known| *known == "a"), Some(0));
        assert_eq!(interned.enter(7, 2, |known| *known == "c"), None);
        assert_eq!(interned.enter(8, 2, |known| *known == "a"), None);
        assert_eq!((interned.leave(0, 2), interned.get(0), interned.len()), (None, Some(&"a"), 2));
        assert_eq!((interned.leave(0, 1), interned.get(0), interned.len()), (Some("a"), None, 1));
        assert_eq!(interned.leave(0, 1), None);
        assert_eq!(interned.insert(7, 1, "c"), 0);
        assert_eq!([interned.get(0), interned.get(1)], [Some(&"c"), Some(&"b")]);
    }
}
