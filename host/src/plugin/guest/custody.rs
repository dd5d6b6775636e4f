//! What a guest holds: its batches, what they are owed to, and how to take a call back.
//!
//! A call is all or nothing. While it runs nothing is settled: what the guest passes on, discards or forgets is noted, and
//! of each batch that it changes there is a copy (which shares the bytes) of what it was before. When the call
//! has returned, [`Custody::commit`] makes it so. When it failed, every batch is again as it was: [`Custody::undo`] leaves
//! the guest what it held before, [`Custody::rollback`] leaves it nothing, since it is gone.

mod batches;
mod load;
mod shelf;

use hashbrown::HashMap;
use wasmtime::{Result, bail};

use super::interface::Handle;
pub(in crate::plugin) use batches::NotBrought;
pub(in crate::plugin) use load::HeldExceeded;
use load::{Load, Memory};
use shelf::{Held, Shelf};

use crate::{
    memory,
    pipeline::{Batch, batch::Saved},
};

/// Types of handles. They have no values: a handle is a number in the guest's [`Custody`].
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub enum Spans {}
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub enum Metrics {}
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub enum Logs {}

/// Batches that one guest may have at a time.
const BATCH_LIMIT: usize = 10_000;
/// What one call may bring into batches, in encoded bytes: they are in the host's memory, not in the guest's.
const BROUGHT_LIMIT_BYTES: usize = 256 << 20;
pub(in crate::plugin) struct Custody {
    held: Shelf,
    /// What batches were before this call changed them, or took them away; by their numbers.
    before: HashMap<u32, Saved>,
    emitted: Vec<Batch>,
    discarded: Vec<Batch>,
    forgotten: Vec<Batch>,
    /// What was left out of batches, or discarded, and is to count as sampled out.
    sampled_out: Vec<Batch>,
    /// The batches of which that is so, in the call that is under way.
    sampled: Vec<u32>,
    /// What the call that is under way was given.
    lent: Vec<u32>,
    /// What has come in the call that is under way.
    came: Vec<u32>,
    brought_bytes: usize,
    load: Load,
    /// Batches were merged in the call that is under way.
    merged: bool,
    /// How many items the guest let go of without saying so.
    items_forgotten: usize,
}

/// What a call that failed gives back, each batch as it was before.
#[derive(Debug, Default)]
pub(in crate::plugin) struct TakenBack {
    /// What it was given.
    pub(in crate::plugin) own: Vec<Batch>,
    /// What the guest held of earlier calls, the oldest first.
    pub(in crate::plugin) held: Vec<Batch>,
}

impl TakenBack {
    pub(in crate::plugin) fn all(self) -> Vec<Batch> {
        let mut all = self.held;
        all.extend(self.own);
        all
    }
}

/// What a call let go.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Passed {
    /// What goes on, in order.
    pub(in crate::plugin) onward: Vec<Batch>,
    /// What the plugin took out. To be settled once what goes on has been taken.
    pub(in crate::plugin) filtered: Vec<Batch>,
    /// The same for what the plugin has sampled out.
    pub(in crate::plugin) sampled_out: Vec<Batch>,
    /// It is not what the call was given, whole: something of earlier calls is in it, or something was held back. Then it
    /// can't be given back to a sender.
    pub(in crate::plugin) mixed: bool,
}

impl Passed {
    pub(in crate::plugin) fn is_empty(&self) -> bool {
        self.onward.is_empty() && self.filtered.is_empty() && self.sampled_out.is_empty()
    }

    /// Takes the batch, if there is one, and nothing else.
    pub(in crate::plugin) fn take_single(&mut self) -> Option<Batch> {
        let is_single = self.onward.len() == 1 && self.filtered.is_empty() && self.sampled_out.is_empty();
        is_single.then(|| self.onward.pop()).flatten()
    }

    pub(in crate::plugin) fn append(&mut self, mut other: Passed) {
        self.onward.append(&mut other.onward);
        self.filtered.append(&mut other.filtered);
        self.sampled_out.append(&mut other.sampled_out);
        self.mixed |= other.mixed;
    }
}

impl Custody {
    /// Of a guest that may have the host hold so much, from call to call and, beyond that, in one call.
    pub(in crate::plugin) fn new(limit_bytes: usize) -> Custody {
        Custody {
            held: Shelf::default(),
            before: HashMap::new(),
            emitted: Vec::new(),
            discarded: Vec::new(),
            forgotten: Vec::new(),
            sampled_out: Vec::new(),
            sampled: Vec::new(),
            lent: Vec::new(),
            came: Vec::new(),
            brought_bytes: 0,
            load: Load::new(limit_bytes),
            merged: false,
            items_forgotten: 0,
        }
    }

    /// Gives the guest a batch. Before the call begins, so that taking the call back returns it.
    pub(super) fn lend(&mut self, batch: Batch) -> Handle {
        let signal = batch.data.signal();
        let number = self.put(batch, false, false);
        self.lent.push(number);
        Handle { signal, number }
    }

    /// Gives the guest a look at a batch that stays whose it is, until the call ends.
    pub(in crate::plugin) fn show(&mut self, data: wire::Batch) -> Handle {
        let signal = data.signal();
        let number = self.put(Batch::owed_to_nobody(data), true, true);
        Handle { signal, number }
    }

    /// Keeps a batch that the guest has made; it is owed to nobody.
    pub(in crate::plugin) fn own(&mut self, data: wire::Batch) -> u32 {
        self.put(Batch::owed_to_nobody(data), true, false)
    }

    /// Whether the guest holds nothing that is owed to anybody.
    pub(in crate::plugin) fn is_empty(&self) -> bool {
        self.held.iter().all(|(_, held)| held.look)
    }

    /// Whether the guest is to be given no more batches until it has let go of some.
    pub(super) fn is_full(&self) -> bool {
        let limit_bytes = self.load.limit_bytes();
        // Counted without what batches share only where it matters.
        self.held.len() >= BATCH_LIMIT
            || (self.held.weight_bytes() >= limit_bytes && self.held.shared_bytes() >= limit_bytes)
    }

    /// How many items the guest let go of without saying so, since this was last asked.
    pub(in crate::plugin) fn take_items_forgotten(&mut self) -> usize {
        std::mem::take(&mut self.items_forgotten)
    }

    /// The call has returned these: settles what it let go of, and hands out what goes on.
    pub(super) fn commit(&mut self, returned: &[Handle]) -> Result<Passed> {
        // All of them, before any is taken.
        for number in returned.iter().map(|batch| batch.number) {
            match self.held.get(number) {
                Some(held) if held.look => bail!("batch {number} is to be looked at, not to be passed on"),
                Some(_) => {}
                None => bail!("there is no batch {number}"),
            }
        }
        self.check_merged(returned)?;
        let mut passed = Passed { onward: std::mem::take(&mut self.emitted), ..Passed::default() };
        for number in returned.iter().map(|batch| batch.number) {
            let Some(Held { mut batch, .. }) = self.held.remove(number) else { continue };
            if self.sampled.contains(&number) {
                self.sampled_out.extend(batch.excess());
            }
            passed.onward.push(batch);
        }
        passed.sampled_out = std::mem::take(&mut self.sampled_out);
        let sampled = std::mem::take(&mut self.sampled);
        self.lent.clear();
        self.end_call();
        // Only these can be other than they were: a guest may hold many that a call does not touch.
        for number in self.came.drain(..).chain(self.before.drain().map(|(number, _)| number)) {
            let Some(held) = self.held.measure(number) else { continue };
            held.new = false;
            // What it still holds may be less than it was.
            let left_out = held.batch.excess();
            if sampled.contains(&number) {
                passed.sampled_out.extend(left_out);
            } else {
                passed.filtered.extend(left_out);
            }
        }
        for batch in &mut passed.onward {
            passed.filtered.extend(batch.excess());
        }
        passed.onward.retain(|batch| batch.items() > 0);
        passed.filtered.append(&mut self.discarded);
        // What is owed to nobody may be let go of.
        let owed = self.forgotten.iter().filter(|batch| !batch.is_owed_to_nobody());
        self.items_forgotten += owed.map(Batch::items).sum::<usize>();
        passed.filtered.append(&mut self.forgotten);
        Ok(passed)
    }

    /// Does the same as [`Custody::commit`] for a receiver, whose call returned batches for several requests. Returns
    /// them as they were returned, and what else the call let go.
    pub(super) fn commit_each(
        &mut self,
        returned: &[Vec<Handle>],
    ) -> Result<(Vec<Vec<wire::Batch>>, Passed)> {
        let all: Vec<Handle> = returned.iter().flatten().copied().collect();
        for number in all.iter().map(|batch| batch.number) {
            match self.held.get(number) {
                Some(held) if held.batch.is_owed_to_nobody() => {}
                Some(_) => bail!("batch {number} is not the receiver's own"),
                None => bail!("there is no batch {number}"),
            }
        }
        self.check_merged(&all)?;
        let mut take = |batch: &Handle| self.held.remove(batch.number).map(|held| held.batch.into_data());
        let each = returned.iter().map(|batches| batches.iter().filter_map(&mut take).collect()).collect();
        Ok((each, self.commit(&[])?))
    }

    /// Nothing is shown any more.
    pub(super) fn end_looks(&mut self) {
        self.held.end_looks();
    }

    /// After the last call: what the guest holds, those that it names first, in its order.
    pub(super) fn hand_in(&mut self, named: &[Handle]) -> Vec<Batch> {
        let named = named.iter().filter_map(|batch| self.held.remove(batch.number));
        let mut batches: Vec<Batch> = named.filter(|held| !held.look).map(|held| held.batch).collect();
        batches.extend(self.rollback().held);
        batches
    }

    /// The call has failed, and the guest is gone.
    pub(super) fn rollback(&mut self) -> TakenBack {
        let lent = std::mem::take(&mut self.lent);
        self.take_back(|_| true).sorted(&lent)
    }

    /// The call has failed by the guest's own word. The guest goes on: what it held before it holds, but for what it has
    /// let go of in the call, which comes back together with what it was given.
    pub(super) fn undo(&mut self) -> TakenBack {
        let lent = std::mem::take(&mut self.lent);
        self.take_back(|number| lent.contains(&number)).sorted(&lent)
    }

    /// Makes every batch what it was. What the guest still holds stays there, unless it is `wanted`.
    fn take_back(&mut self, wanted: impl Fn(u32) -> bool) -> Restored {
        let mut restored = Restored::default();
        let mut made = std::mem::take(&mut self.emitted);
        made.append(&mut self.discarded);
        made.append(&mut self.forgotten);
        made.append(&mut self.sampled_out);
        for (number, mut held) in self.held.take_all() {
            if held.new || held.look {
                made.push(held.batch);
                continue;
            }
            if let Some(saved) = self.before.remove(&number) {
                made.push(std::mem::replace(&mut held.batch, saved.restore()));
            }
            if wanted(number) {
                restored.0.push((number, held.batch));
            } else {
                self.held.put_back(number, held);
            }
        }
        restored.0.extend(self.before.drain().map(|(number, saved)| (number, saved.restore())));
        made.into_iter().for_each(Batch::forget);
        self.came.clear();
        self.end_call();
        restored
    }

    fn end_call(&mut self) {
        self.brought_bytes = 0;
        self.merged = false;
        self.sampled.clear();
        self.load.end_call();
    }
}

/// Batches by their numbers.
#[derive(Default)]
struct Restored(Vec<(u32, Batch)>);

impl Restored {
    fn sorted(mut self, lent: &[u32]) -> TakenBack {
        self.0.sort_by_key(|(number, _)| *number);
        let (own, held): (Vec<_>, Vec<_>) = self.0.into_iter().partition(|(number, _)| lent.contains(number));
        let batches = |of: Vec<(u32, Batch)>| of.into_iter().map(|(_, batch)| batch).collect();
        TakenBack { own: batches(own), held: batches(held) }
    }
}

/// One handle.
impl Custody {
    pub(in crate::plugin) fn data(&self, number: u32) -> Result<&wire::Batch> {
        match self.held.get(number) {
            Some(held) => Ok(&held.batch.data),
            None => bail!("there is no batch {number}"),
        }
    }

    pub(in crate::plugin) fn metadata(&self, number: u32, key: &str) -> Result<Vec<String>> {
        match self.held.get(number) {
            Some(held) => Ok(held.batch.metadata().map(|said| said.values(key)).unwrap_or_default()),
            None => bail!("there is no batch {number}"),
        }
    }

    /// A batch to change: what it was is kept until the call ends.
    pub(super) fn edit(&mut self, number: u32) -> Result<&mut Batch> {
        let Some(held) = self.held.get_mut(number) else { bail!("there is no batch {number}") };
        if !held.new {
            self.before.entry(number).or_insert_with(|| held.batch.save());
        }
        Ok(&mut held.batch)
    }

    /// Before batches are made of others.
    pub(super) fn check_room(&self) -> Result<()> {
        if self.held.len() >= BATCH_LIMIT {
            bail!("it has {BATCH_LIMIT} batches, and may have no more");
        }
        Ok(())
    }

    /// Before the guest's bytes come into a batch; whether they may.
    pub(in crate::plugin) fn brings(&mut self, len: usize) -> bool {
        self.brought_bytes = self.brought_bytes.saturating_add(len);
        self.brought_bytes <= BROUGHT_LIMIT_BYTES
    }

    /// After batch `number` was changed or made: whether the call makes the host hold too much.
    pub(super) fn charge(&mut self, number: u32) -> Result<()> {
        self.charge_bytes(self.weight_bytes(number))
    }

    /// Returns the memory that the batch keeps alive, or 0 if the guest has no such batch.
    fn weight_bytes(&self, number: u32) -> usize {
        self.held.get(number).map_or(0, |held| load::weight_bytes(&held.batch))
    }

    fn charge_bytes(&mut self, allocated_bytes: usize) -> Result<()> {
        // What all guests make the host hold together is bounded by what the process may have.
        memory::has_room_for_work(0)?;
        if self.load.add(allocated_bytes) {
            let grown_bytes = self.grown_bytes();
            self.load.counted(grown_bytes)?;
        }
        Ok(())
    }

    /// What the call under way has made the host hold, beyond what was there before.
    fn grown_bytes(&self) -> usize {
        let mut memory = Memory::default();
        let is_of_call = |number: &u32, held: &Held| held.new || self.before.contains_key(number);
        self.before.values().for_each(|saved| memory.know(saved.data()));
        for (_, held) in self.held.iter().filter(|(number, held)| !is_of_call(number, held)) {
            memory.know(&held.batch.data);
        }
        let kept = self.held.iter().filter(|(number, held)| is_of_call(number, held));
        let let_go =
            [&self.emitted, &self.discarded, &self.forgotten, &self.sampled_out].into_iter().flatten();
        for batch in kept.map(|(_, held)| &held.batch).chain(let_go) {
            memory.count(batch);
        }
        memory.bytes()
    }

    /// Spans that are merged out of order repeat their resources and scopes when they are encoded: these bytes are held by
    /// whoever encodes them.
    fn check_merged(&self, returned: &[Handle]) -> Result<()> {
        if !self.merged {
            return Ok(());
        }
        let numbers = returned.iter().map(|batch| batch.number).chain(self.came.iter().copied());
        let held = numbers.chain(self.before.keys().copied()).filter_map(|number| self.held.get(number));
        for batch in held.map(|held| &held.batch).chain(&self.emitted) {
            self.load.check(batch.data.encoded_len().saturating_sub(load::weight_bytes(batch)))?;
        }
        Ok(())
    }

    /// A batch that was made of another.
    pub(in crate::plugin) fn add(&mut self, of: u32, batch: Batch) -> u32 {
        let look = self.held.get(of).is_some_and(|held| held.look);
        self.put(batch, true, look)
    }

    /// Takes a batch from the guest.
    pub(in crate::plugin) fn take(&mut self, number: u32) -> Result<Batch> {
        self.edit(number)?;
        match self.held.remove(number) {
            Some(held) if held.look => bail!("batch {number} is to be looked at, not to be passed on"),
            Some(held) => Ok(held.batch),
            None => bail!("there is no batch {number}"),
        }
    }

    pub(super) fn emit(&mut self, batch: Handle) -> Result<()> {
        let number = batch.number;
        let mut batch = self.take(number)?;
        // What the plugin added is entered when the call has succeeded.
        if self.sampled.contains(&number) && batch.owed() > batch.items() {
            self.sampled_out.extend(batch.excess());
        }
        self.emitted.push(batch);
        Ok(())
    }

    pub(super) fn discard(&mut self, batch: Handle) -> Result<()> {
        let number = batch.number;
        let batch = self.take(number)?;
        let list = if self.sampled.contains(&number) { &mut self.sampled_out } else { &mut self.discarded };
        list.push(batch);
        Ok(())
    }

    /// Makes what the call that is under way leaves out of the batch count as sampled out.
    pub(super) fn count_as_sampled_out(&mut self, number: u32) -> Result<()> {
        self.data(number)?;
        if !self.sampled.contains(&number) {
            self.sampled.push(number);
        }
        Ok(())
    }

    /// The guest dropped its handle. It may be that of a look which ended: languages that collect garbage let go late.
    pub(in crate::plugin) fn drop(&mut self, number: u32) -> Result<()> {
        match self.held.get(number) {
            None => {}
            Some(held) if held.look || (held.new && held.batch.is_owed_to_nobody()) => {
                self.held.remove(number);
            }
            Some(_) if self.sampled.contains(&number) => {
                let batch = self.take(number)?;
                self.sampled_out.push(batch);
            }
            Some(_) => {
                let batch = self.take(number)?;
                self.forgotten.push(batch);
            }
        }
        Ok(())
    }

    /// Appends the other batch, which is gone.
    pub(super) fn merge(&mut self, number: u32, other: u32) -> Result<()> {
        self.data(number)?;
        // The batch that it is merged into was charged when it was made or edited.
        let weight_bytes = self.weight_bytes(other);
        let _room = memory::Grant::of(weight_bytes)?;
        let other = self.take(other)?;
        self.edit(number)?.merge(other);
        self.merged = true;
        self.charge_bytes(weight_bytes)
    }

    fn put(&mut self, batch: Batch, new: bool, look: bool) -> u32 {
        let number = self.held.put(Held { batch, new, look });
        if !look {
            self.came.push(number);
        }
        number
    }
}

#[cfg(test)]
mod tests;
