//! What a guest holds: its batches, what they are owed to, and how to take a call back.
//!
//! A call is all or nothing. While it runs nothing is settled: what the guest passes on, discards or forgets is noted, and
//! of each batch that it changes there is a copy (which shares the bytes) of what it was before. When the call
//! has returned, [`Custody::commit`] makes it so; when it failed, [`Custody::rollback`] gives back every batch as it was.

use hashbrown::HashMap;
use wasmtime::{Result, bail, component::Resource};

use super::bindings::imported::batches::Batch as Handle;
use crate::pipeline::{Batch, batch::Saved};

/// Types of handles. They have no values: a handle is a number in the guest's [`Custody`].
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub enum Spans {}
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub enum Metrics {}
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub enum Logs {}

#[derive(Default)]
pub(super) struct Custody {
    held: HashMap<u32, Held>,
    next: u32,
    /// What batches were before this call changed them, or took them away; by their numbers.
    before: HashMap<u32, Saved>,
    emitted: Vec<Batch>,
    discarded: Vec<Batch>,
    forgotten: Vec<Batch>,
    /// How many items the guest let go of without saying so.
    pub(super) items_forgotten: usize,
}

struct Held {
    batch: Batch,
    /// Came into being in the call that is under way: taking the call back makes it go.
    new: bool,
    /// Owed to nobody: a look at a batch that someone else has.
    look: bool,
}

/// What a call let go.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// What goes on, in order.
    pub(super) onward: Vec<Batch>,
    /// What the plugin took out. To be settled once what goes on has been taken.
    pub(super) filtered: Vec<Batch>,
}

impl Passed {
    pub(super) fn is_empty(&self) -> bool {
        self.onward.is_empty() && self.filtered.is_empty()
    }

    pub(super) fn append(&mut self, mut other: Passed) {
        self.onward.append(&mut other.onward);
        self.filtered.append(&mut other.filtered);
    }

    /// What the plugin took out is dropped, as it wished: no failure.
    pub(super) fn settle_filtered(&mut self) {
        self.filtered.drain(..).for_each(Batch::filtered);
    }
}

impl Custody {
    /// Gives the guest a batch. Before the call begins, so that taking the call back returns it.
    pub(super) fn lend(&mut self, batch: Batch) -> Handle {
        let signal = batch.data.signal();
        let number = self.put(Held { batch, new: false, look: false });
        handle(signal, number)
    }

    /// Gives the guest a look at a batch that stays whose it is.
    pub(super) fn show(&mut self, data: wire::Batch) -> Handle {
        let signal = data.signal();
        let number = self.put(Held { batch: Batch::owed_to_nobody(data), new: true, look: true });
        handle(signal, number)
    }

    /// Whether the guest holds nothing that is owed to anybody.
    pub(super) fn is_empty(&self) -> bool {
        self.held.values().all(|held| held.look)
    }

    /// The call has returned these: settles what it let go of, and hands out what goes on.
    pub(super) fn commit(&mut self, returned: Vec<Handle>) -> Result<Passed> {
        let mut passed = Passed::default();
        let returned: Vec<Batch> =
            returned.into_iter().map(|batch| self.take(number(&batch))).collect::<Result<_>>()?;
        passed.onward = std::mem::take(&mut self.emitted);
        passed.onward.extend(returned);
        self.before.clear();
        for held in self.held.values_mut() {
            held.new = false;
            // What it still holds may be less than it was.
            passed.filtered.extend(held.batch.excess().filter(|_| !held.look));
        }
        for batch in &mut passed.onward {
            passed.filtered.extend(batch.excess());
        }
        passed.onward.retain(|batch| batch.items() > 0);
        passed.filtered.append(&mut self.discarded);
        self.items_forgotten += self.forgotten.iter().map(Batch::items).sum::<usize>();
        passed.filtered.append(&mut self.forgotten);
        Ok(passed)
    }

    /// Nothing is shown any more.
    pub(super) fn end_looks(&mut self) {
        self.held.retain(|_, held| !held.look);
    }

    /// The call has failed: every batch as it was before, the oldest first. The guest is to be used no more.
    pub(super) fn rollback(&mut self) -> Vec<Batch> {
        let mut batches: Vec<(u32, Batch)> = Vec::new();
        let mut made: Vec<Batch> = Vec::new();
        for (number, held) in self.held.drain() {
            match self.before.remove(&number) {
                Some(saved) => {
                    batches.push((number, saved.restore()));
                    made.push(held.batch);
                }
                None if held.new || held.look => made.push(held.batch),
                None => batches.push((number, held.batch)),
            }
        }
        batches.extend(self.before.drain().map(|(number, saved)| (number, saved.restore())));
        made.append(&mut self.emitted);
        made.append(&mut self.discarded);
        made.append(&mut self.forgotten);
        made.into_iter().for_each(Batch::forget);
        batches.sort_by_key(|(number, _)| *number);
        batches.into_iter().map(|(_, batch)| batch).collect()
    }
}

/// One handle.
impl Custody {
    pub(super) fn data(&self, number: u32) -> Result<&wire::Batch> {
        match self.held.get(&number) {
            Some(held) => Ok(&held.batch.data),
            None => bail!("there is no batch {number}"),
        }
    }

    /// A batch to change: what it was is kept until the call ends.
    pub(super) fn edit(&mut self, number: u32) -> Result<&mut Batch> {
        let Some(held) = self.held.get_mut(&number) else { bail!("there is no batch {number}") };
        if !held.new {
            self.before.entry(number).or_insert_with(|| held.batch.save());
        }
        Ok(&mut held.batch)
    }

    /// A batch that was made of another.
    pub(super) fn add(&mut self, of: u32, batch: Batch) -> u32 {
        let look = self.held.get(&of).is_some_and(|held| held.look);
        self.put(Held { batch, new: true, look })
    }

    /// Takes a batch from the guest.
    pub(super) fn take(&mut self, number: u32) -> Result<Batch> {
        self.edit(number)?;
        match self.held.remove(&number) {
            Some(held) if held.look => bail!("batch {number} is to be looked at, not to be passed on"),
            Some(held) => Ok(held.batch),
            None => bail!("there is no batch {number}"),
        }
    }

    pub(super) fn emit(&mut self, batch: &Handle) -> Result<()> {
        let batch = self.take(number(batch))?;
        self.emitted.push(batch);
        Ok(())
    }

    pub(super) fn discard(&mut self, batch: &Handle) -> Result<()> {
        let batch = self.take(number(batch))?;
        self.discarded.push(batch);
        Ok(())
    }

    /// The guest dropped its handle.
    pub(super) fn drop(&mut self, number: u32) -> Result<()> {
        if self.held.get(&number).is_some_and(|held| held.look) {
            self.held.remove(&number);
            return Ok(());
        }
        let batch = self.take(number)?;
        self.forgotten.push(batch);
        Ok(())
    }

    fn put(&mut self, held: Held) -> u32 {
        while self.held.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.held.insert(number, held);
        number
    }
}

fn handle(signal: wire::Signal, number: u32) -> Handle {
    match signal {
        wire::Signal::Traces => Handle::Spans(Resource::new_own(number)),
        wire::Signal::Metrics => Handle::Metrics(Resource::new_own(number)),
        wire::Signal::Logs => Handle::Logs(Resource::new_own(number)),
    }
}

fn number(handle: &Handle) -> u32 {
    match handle {
        Handle::Spans(batch) => batch.rep(),
        Handle::Metrics(batch) => batch.rep(),
        Handle::Logs(batch) => batch.rep(),
    }
}
