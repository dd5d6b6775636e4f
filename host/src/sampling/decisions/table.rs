//! A table of decisions: sets of entries, in which a new entry replaces the one that was not used for the longest time.

use crate::pipeline::kept::{Basis, KeptAt};

/// How many decisions share a set of a table.
pub(super) const WAYS: usize = 16;
/// How many sets make a page.
const PAGE: usize = 16;
/// How many bits of an entry are not its key.
const NOTE_BITS: u32 = 16;

/// What is remembered of a trace: the key, and a note of 16 bits. The default is a free entry; no key is zero.
pub(super) trait Entry: Copy + Default {
    fn key(self) -> u128;
    fn note(self) -> u16;
}

/// An entry of a trace of which nothing else is known.
#[derive(Clone, Copy, Default)]
pub(super) struct Plain(u128);

/// An entry of a trace that was kept at a rate.
#[derive(Clone, Copy, Default)]
pub(super) struct Rated {
    /// The key and the note, in two halves, so that an entry takes 24 bytes.
    entry: [u64; 2],
    /// The bits of the rate. The upper two, which are zero in rates below 2, are the basis.
    rate: u64,
}

/// The bases in the order of their numbers.
const BASES: [Basis; 3] = [Basis::Consistent, Basis::Nested, Basis::Independent];
const BASIS_SHIFT: u32 = 62;

#[derive(Default)]
pub(super) struct Table<E> {
    sets: Vec<[E; WAYS]>,
    /// A bit for each page of sets that was written to.
    pages: Vec<u64>,
}

impl Plain {
    pub(super) fn new(key: u128, note: u16) -> Plain {
        Plain(key << NOTE_BITS | u128::from(note))
    }
}

impl Rated {
    pub(super) fn new(key: u128, note: u16, kept: KeptAt) -> Rated {
        let Plain(entry) = Plain::new(key, note);
        let basis = BASES.iter().position(|basis| *basis == kept.basis).unwrap_or_default() as u64;
        let rate = kept.rate.clamp(0.0, 1.0).to_bits() | basis << BASIS_SHIFT;
        Rated { entry: [(entry >> 64) as u64, entry as u64], rate }
    }

    pub(super) fn kept(self) -> KeptAt {
        let basis = BASES.get((self.rate >> BASIS_SHIFT) as usize).copied().unwrap_or(Basis::Unknown);
        KeptAt { rate: f64::from_bits(self.rate & (u64::MAX >> (64 - BASIS_SHIFT))), basis }
    }
}

impl Entry for Plain {
    fn key(self) -> u128 {
        self.0 >> NOTE_BITS
    }

    fn note(self) -> u16 {
        self.0 as u16
    }
}

impl Entry for Rated {
    fn key(self) -> u128 {
        let [high, low] = self.entry;
        Plain(u128::from(high) << 64 | u128::from(low)).key()
    }

    fn note(self) -> u16 {
        self.entry.last().map_or(0, |low| *low as u16)
    }
}

impl<E: Entry> Table<E> {
    /// Memory that was never written to is not taken from the system.
    pub(super) fn new(sets: usize) -> Table<E> {
        Table { sets: vec![[E::default(); WAYS]; sets], pages: vec![0; sets.div_ceil(PAGE * 64)] }
    }

    pub(super) fn sets(&self) -> usize {
        self.sets.len()
    }

    fn number(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.sets.len() as u128) >> 64) as usize
    }

    /// Returns an entry, which becomes the one of its set that was used last.
    pub(super) fn get(&mut self, hash: u64, key: u128) -> Option<E> {
        let number = self.number(hash);
        let set = self.sets.get_mut(number)?;
        let at = set.iter().position(|entry| entry.key() == key)?;
        set.get_mut(..=at)?.rotate_right(1);
        set.first().copied()
    }

    pub(super) fn insert(&mut self, hash: u64, entry: E) {
        let number = self.number(hash);
        let Some(set) = self.sets.get_mut(number) else { return };
        set.rotate_right(1);
        if let Some(first) = set.first_mut() {
            *first = entry;
        }
        let page = number / PAGE;
        if let Some(bits) = self.pages.get_mut(page / 64) {
            *bits |= 1 << (page % 64);
        }
    }

    /// Moves the entries, in a time that depends on their number, not on the size of the table.
    pub(super) fn move_to(self, other: &mut Table<E>, hash: impl Fn(u128) -> u64) {
        let is_written =
            |page: usize| self.pages.get(page / 64).is_some_and(|bits| bits >> (page % 64) & 1 == 1);
        let written = self.sets.chunks(PAGE).enumerate().filter(|(page, _)| is_written(*page));
        for set in written.flat_map(|(_, sets)| sets) {
            for entry in set.iter().rev().filter(|entry| entry.key() != 0) {
                other.insert(hash(entry.key()), *entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: rates from the smallest to just below 1 are remembered, of each basis.
    /// Guarantees: they come back bit for bit, with the key and the note; an entry takes 24 bytes.
    #[test]
    fn a_rate_is_remembered_bit_for_bit() {
        let key = u128::MAX >> NOTE_BITS;
        for rate in [f64::MIN_POSITIVE, 1e-9, 0.05, 1.0 / 3.0, 1.0 - f64::EPSILON] {
            for basis in BASES {
                let kept = KeptAt { rate, basis };
                let entry = Rated::new(key, 0xabcd, kept);
                assert_eq!((entry.kept(), entry.key(), entry.note()), (kept, key, 0xabcd));
            }
        }
        assert_eq!(size_of::<Rated>(), 24);
    }
}
