//! Where a guest's batches are, each under the number that is its handle in the guest.

use hashbrown::HashMap;

use super::load::{Memory, weight_bytes};
use crate::pipeline::Batch;

/// A batch that keeps more than so many times its own bytes alive is trimmed.
const MAX_WASTE: usize = 3;

/// A number is not given a second time before all others were: languages that collect garbage let go of theirs late.
#[derive(Default)]
pub(super) struct Shelf {
    batches: HashMap<u32, Entry>,
    next: u32,
    weight_bytes: usize,
}

pub(super) struct Held {
    pub(super) batch: Batch,
    /// Came into being in the call that is under way: taking the call back makes it go.
    pub(super) new: bool,
    /// Owed to nobody: a look at a batch that someone else has.
    pub(super) look: bool,
}

struct Entry {
    held: Held,
    /// When it was last [measured](Shelf::measure).
    weight_bytes: usize,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.batches.len()
    }

    /// What each batch keeps alive, added up, as it was last measured: what several share counts several times. It is kept,
    /// since every call asks, and there may be thousands of batches.
    pub(super) fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }

    /// What all batches keep alive together.
    pub(super) fn shared_bytes(&self) -> usize {
        let mut memory = Memory::default();
        self.batches.values().for_each(|entry| memory.count(&entry.held.batch));
        memory.bytes()
    }

    pub(super) fn put(&mut self, held: Held) -> u32 {
        while self.batches.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.batches.insert(number, Entry { held, weight_bytes: 0 });
        number
    }

    /// Under the number that it had; it is measured.
    pub(super) fn put_back(&mut self, number: u32, held: Held) {
        self.batches.insert(number, Entry { held, weight_bytes: 0 });
        self.measure(number);
    }

    pub(super) fn get(&self, number: u32) -> Option<&Held> {
        self.batches.get(&number).map(|entry| &entry.held)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Held> {
        self.batches.get_mut(&number).map(|entry| &mut entry.held)
    }

    /// Adds the batch to what all have, as it is now.
    pub(super) fn measure(&mut self, number: u32) -> Option<&mut Held> {
        let entry = self.batches.get_mut(&number)?;
        let data = &mut entry.held.batch.data;
        // Few spans of a large request: it may be held for long, and the rest of the request with it.
        if data.held_bytes() > data.encoded_len().saturating_mul(MAX_WASTE) {
            data.trim();
        }
        self.weight_bytes -= entry.weight_bytes;
        entry.weight_bytes = weight_bytes(&entry.held.batch);
        self.weight_bytes += entry.weight_bytes;
        Some(&mut entry.held)
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Held> {
        let entry = self.batches.remove(&number)?;
        self.weight_bytes -= entry.weight_bytes;
        Some(entry.held)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Held)> {
        self.batches.iter().map(|(number, entry)| (*number, &entry.held))
    }

    /// Looks are never measured.
    pub(super) fn end_looks(&mut self) {
        self.batches.retain(|_, entry| !entry.held.look);
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (u32, Held)> + use<> {
        self.weight_bytes = 0;
        std::mem::take(&mut self.batches).into_iter().map(|(number, entry)| (number, entry.held))
    }
}
