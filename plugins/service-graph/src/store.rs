//! Stores the edges that wait for their other side.

use std::collections::VecDeque;

use hashbrown::HashTable;
use spanloom_aggregate::hash;

use crate::edge::{Edge, Id};

/// The most memory that the edges may take, whatever their number.
const LIMIT_BYTES: usize = 16 << 20;

#[derive(Debug, Default)]
pub(crate) struct Store {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// The slots, hashed by the ids of their edges.
    index: HashTable<u32>,
    /// The slots in the order in which they were taken, which is the order of expiration, each with its turn.
    /// Entries whose slot was taken anew since are skipped.
    queue: VecDeque<(u32, u32)>,
    used_bytes: usize,
}

#[derive(Debug, Default)]
struct Slot {
    edge: Edge,
    /// How often the slot was freed.
    turn: u32,
    taken: bool,
    /// The bytes that the slot adds to `used_bytes`.
    bytes: usize,
}

impl Store {
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Returns whether there is no room for another edge.
    pub(crate) fn is_full(&self, max_items: usize) -> bool {
        self.len() >= max_items || self.used_bytes >= LIMIT_BYTES
    }

    pub(crate) fn find(&self, id: &Id) -> Option<u32> {
        let is_it = |at: &u32| self.slots.get(*at as usize).is_some_and(|slot| slot.edge.id == id);
        self.index.find(hash(id), is_it).copied()
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut Edge> {
        self.slots.get_mut(at as usize).map(|slot| &mut slot.edge)
    }

    /// Moves an edge into the store, and leaves an empty edge in its place. The id must not be in the store.
    pub(crate) fn insert(&mut self, edge: &mut Edge) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        std::mem::swap(&mut slot.edge, edge);
        slot.taken = true;
        slot.bytes = slot.edge.bytes();
        self.used_bytes += slot.bytes;
        self.queue.push_back((at, slot.turn));
        let id_hash = hash(&slot.edge.id);
        let slots = &self.slots;
        self.index
            .insert_unique(id_hash, at, |at| slots.get(*at as usize).map_or(0, |slot| hash(&slot.edge.id)));
        if self.queue.len() > 2 * self.len() + 64 {
            self.queue.retain(|(at, turn)| slots.get(*at as usize).is_some_and(|slot| slot.is_at(*turn)));
        }
    }

    /// Moves an edge out of the store into `edge`. The memory of the old `edge` is reused.
    pub(crate) fn remove(&mut self, at: u32, edge: &mut Edge) {
        let Some(slot) = self.slots.get_mut(at as usize).filter(|slot| slot.taken) else { return };
        if let Ok(entry) = self.index.find_entry(hash(&slot.edge.id), |other| *other == at) {
            entry.remove();
        }
        edge.reset();
        std::mem::swap(&mut slot.edge, edge);
        self.used_bytes = self.used_bytes.saturating_sub(slot.bytes);
        slot.taken = false;
        slot.turn = slot.turn.wrapping_add(1);
        self.free.push(at);
    }

    /// Moves the oldest edge out of the store, if it expires by `by_unix_nano`.
    pub(crate) fn pop_expired(&mut self, by_unix_nano: u64, edge: &mut Edge) -> bool {
        while let Some((at, turn)) = self.queue.front().copied() {
            let slot = self.slots.get(at as usize).filter(|slot| slot.is_at(turn));
            if let Some(slot) = slot {
                if slot.edge.expires_unix_nano > by_unix_nano {
                    return false;
                }
                self.queue.pop_front();
                self.remove(at, edge);
                return true;
            }
            self.queue.pop_front();
        }
        false
    }
}

impl Slot {
    fn is_at(&self, turn: u32) -> bool {
        self.taken && self.turn == turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(number: u8) -> Edge {
        Edge { id: vec![number; 24], expires_unix_nano: number.into(), ..Edge::default() }
    }

    #[test]
    fn edges_expire_in_the_order_they_came_and_once() {
        let mut store = Store::default();
        for number in 1..=5 {
            store.insert(&mut edge(number));
        }
        let mut taken = Edge::default();
        let second = store.find(&[2; 24]).expect("the second");
        store.remove(second, &mut taken);
        assert_eq!(taken.id, [2; 24]);
        store.insert(&mut edge(6));
        let mut expired = Vec::new();
        while store.pop_expired(4, &mut taken) {
            expired.push(taken.id[0]);
        }
        assert_eq!(expired, [1, 3, 4]);
        assert_eq!(store.len(), 2);
        assert!(store.find(&[6; 24]).is_some() && store.find(&[2; 24]).is_none());
    }

    #[test]
    fn a_store_of_passing_edges_does_not_grow() {
        let mut store = Store::default();
        let mut taken = Edge::default();
        for number in 0..10_000_u32 {
            store.insert(&mut edge((number % 200) as u8));
            let at = store.find(&[(number % 200) as u8; 24]).expect("it");
            store.remove(at, &mut taken);
        }
        assert!(store.slots.len() == 1 && store.queue.len() <= 65 && store.used_bytes == 0);
    }
}
