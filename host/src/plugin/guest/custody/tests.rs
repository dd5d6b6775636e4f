//! Whatever a guest does with its batches, nothing is lost, doubled or owed twice; and a call that failed has not been.

use std::{collections::BTreeMap, sync::Arc};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::{collection::vec, prelude::*};
use prost::Message;

use super::*;
use crate::{
    plugin::{
        config::LimitsConfig,
        guest::{Guest, Shared, limits::Limits},
    },
    receipt::{
        Failure, Reason, Receipt,
        ledger::{Account, Ledger},
    },
};

/// What a guest does; `usize`s pick one of the batches that it has.
#[derive(Clone, Debug)]
enum Act {
    Retain(usize, Vec<bool>),
    SplitOff(usize, u32),
    Merge(usize, usize),
    Partition(usize, Vec<u32>),
    Set(usize),
    /// The spans of the second in the place of the first's, so many times.
    Replace(usize, usize, usize),
    Emit(usize),
    Discard(usize),
    SampleOut(usize),
    Drop(usize),
}

#[derive(Clone, Copy, Debug)]
enum End {
    /// Every so many batches are returned, the others held.
    Returns(usize),
    Fails,
    Traps,
}

/// Spans that it is given, what it does, how it ends.
type Call = (usize, Vec<Act>, End);

fn act() -> impl Strategy<Value = Act> {
    let batch = 0usize..8;
    prop_oneof![
        (batch.clone(), vec(any::<bool>(), 12)).prop_map(|(batch, keep)| Act::Retain(batch, keep)),
        (batch.clone(), prop_oneof![0u32..6, Just(u32::MAX)])
            .prop_map(|(batch, count)| Act::SplitOff(batch, count)),
        (batch.clone(), batch.clone()).prop_map(|(into, other)| Act::Merge(into, other)),
        (batch.clone(), vec(0u32..4, 12)).prop_map(|(batch, parts)| Act::Partition(batch, parts)),
        batch.clone().prop_map(Act::Set),
        (batch.clone(), batch.clone(), 0usize..3)
            .prop_map(|(batch, by, times)| Act::Replace(batch, by, times)),
        batch.clone().prop_map(Act::Emit),
        batch.clone().prop_map(Act::Discard),
        batch.clone().prop_map(Act::SampleOut),
        batch.prop_map(Act::Drop),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let end =
        prop_oneof![4 => (1usize..4).prop_map(End::Returns), 1 => Just(End::Fails), 1 => Just(End::Traps)];
    (0usize..12, vec(act(), 0..12), end)
}

/// A guest, the account of its pipeline, and the handles that it has.
struct Scene {
    guest: Guest,
    account: Arc<Account>,
    handles: Vec<u32>,
    spans: u64,
}

/// A batch in one word: the spans it holds, encoded, and how many are owed for.
type Content = (Vec<u8>, usize);

impl Scene {
    fn new(shared: &Arc<Shared>) -> Scene {
        let account = Ledger::default().open("traces", "somewhere");
        Scene { guest: Guest::new(shared), account, handles: Vec::new(), spans: 0 }
    }

    fn batch(&mut self, spans: usize) -> Batch {
        let spans = (0..spans).map(|_| {
            self.spans += 1;
            Span {
                span_id: self.spans.to_be_bytes().to_vec(),
                name: format!("{}", self.spans),
                ..Span::default()
            }
        });
        let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let data = wire::Batch::decode(wire::Signal::Traces, request.into()).unwrap();
        Batch::enter(data, Receipt::unawaited(), [self.account.clone()].into())
    }

    fn held(&self) -> BTreeMap<u32, Content> {
        self.guest.custody.held.iter().map(|(number, held)| (number, content(&held.batch))).collect()
    }

    fn items_held(&self) -> u64 {
        self.guest.custody.held.iter().map(|(_, held)| held.batch.owed() as u64).sum()
    }

    fn act(&mut self, act: &Act) {
        let Some(at) = act.batch().checked_rem(self.handles.len()) else { return };
        let number = self.handles[at];
        let custody = &mut self.guest.custody;
        let len = custody.data(number).unwrap().items();
        match act {
            Act::Retain(_, keep) => {
                let keep: Vec<bool> = keep.iter().copied().cycle().take(len).collect();
                custody.retain(number, &keep).unwrap().unwrap();
            }
            Act::SplitOff(_, count) => {
                let rest = custody.split_off(number, *count).unwrap();
                self.handles.push(rest);
            }
            Act::Merge(_, other) => {
                let other = other % self.handles.len();
                if other != at {
                    custody.merge(number, self.handles.remove(other)).unwrap();
                }
            }
            Act::Partition(_, parts) => {
                let parts: Vec<u32> = parts.iter().copied().cycle().take(len).collect();
                self.handles.extend(custody.partition(number, &parts).unwrap().unwrap());
            }
            Act::Set(_) => {
                let edited = custody.edit_spans(number, 0, |spans| spans.set(0, "key", &wire::Value::Int(1)));
                assert_eq!(edited.unwrap().is_ok(), len > 0);
            }
            Act::Replace(_, by, times) => {
                let otlp = custody.otlp(self.handles[by % self.handles.len()]).unwrap().repeat(*times);
                if otlp.len() < 1 << 16 {
                    custody.replace(number, wire::Signal::Traces, otlp.into()).unwrap().unwrap();
                }
            }
            Act::Emit(_) => {
                let batch = self.let_go(at);
                self.guest.custody.emit(batch).unwrap();
            }
            Act::Discard(_) => {
                let batch = self.let_go(at);
                self.guest.custody.discard(batch).unwrap();
            }
            Act::SampleOut(_) => custody.count_as_sampled_out(number).unwrap(),
            Act::Drop(_) => {
                self.handles.remove(at);
                self.guest.custody.drop(number).unwrap();
            }
        }
    }

    fn let_go(&mut self, at: usize) -> Handle {
        Handle { signal: wire::Signal::Traces, number: self.handles.remove(at) }
    }

    /// Every item that was entered is settled or held; a batch is owed what it holds, once its call is over.
    fn check_books(&self) {
        let balance = self.account.balance();
        assert!(balance.holds(), "{balance:?}");
        assert_eq!(balance.in_flight, self.items_held(), "{balance:?}");
        let mut weight_bytes = 0;
        for (_, held) in self.guest.custody.held.iter() {
            assert_eq!(held.batch.owed(), held.batch.items());
            weight_bytes += load::weight_bytes(&held.batch);
        }
        assert_eq!(self.guest.custody.held.weight_bytes(), weight_bytes);
    }

    /// Makes the call; what a failed one gave back is dropped, as if nobody would have it.
    fn call(&mut self, (spans, acts, end): &Call) {
        let before = self.held();
        let batch = self.batch(*spans);
        let given = content(&batch);
        let lent = self.guest.custody.lend(batch).number;
        self.handles.push(lent);
        acts.iter().for_each(|act| self.act(act));
        let back = match end {
            End::Returns(every) => return self.commit(*every),
            End::Fails => self.guest.custody.undo(),
            End::Traps => self.guest.custody.rollback(),
        };
        assert_eq!(back.own.iter().map(content).collect::<Vec<_>>(), [given], "what it was given");
        let mut held: Vec<Content> = self.held().into_values().chain(back.held.iter().map(content)).collect();
        let mut expected: Vec<Content> = before.values().cloned().collect();
        assert_eq!((held.sort(), expected.sort()), ((), ()));
        assert_eq!(held, expected, "what it held");
        for (number, content) in self.held() {
            assert_eq!(before.get(&number), Some(&content), "by the number that the guest knows");
        }
        if matches!(end, End::Traps) {
            assert!(self.held().is_empty(), "the guest is gone");
        }
        let failure = Failure::permanent(Reason::PluginFailed, "it failed");
        back.own.into_iter().chain(back.held).for_each(|batch| batch.dropped(&failure));
        self.handles = self.held().into_keys().collect();
    }

    fn commit(&mut self, every: usize) {
        let mut returned = Vec::new();
        for at in (0..self.handles.len()).rev().filter(|at| at % every == 0).collect::<Vec<_>>() {
            returned.push(self.let_go(at));
        }
        let passed = self.guest.custody.commit(&returned).unwrap();
        for batch in passed.onward {
            assert_eq!(batch.owed(), batch.items(), "what goes on is owed");
            batch.delivered();
        }
        passed.filtered.into_iter().for_each(Batch::filtered);
        passed.sampled_out.into_iter().for_each(Batch::sampled_out);
    }
}

impl Act {
    fn batch(&self) -> usize {
        match self {
            Act::Retain(batch, _)
            | Act::SplitOff(batch, _)
            | Act::Merge(batch, _)
            | Act::Partition(batch, _) => *batch,
            Act::Set(batch)
            | Act::Replace(batch, _, _)
            | Act::Emit(batch)
            | Act::Discard(batch)
            | Act::SampleOut(batch)
            | Act::Drop(batch) => *batch,
        }
    }
}

fn content(batch: &Batch) -> Content {
    (batch.data.chunks().concat(), batch.owed())
}

proptest! {
    #[test]
    fn whatever_a_guest_does_the_books_balance(calls in vec(call(), 1..8)) {
        let shared = Shared::of_nobody("guest", "guest", &Limits::from(&LimitsConfig::default())).unwrap();
        let mut scene = Scene::new(&shared);
        for call in &calls {
            scene.call(call);
            scene.check_books();
        }
        let left = scene.guest.custody.rollback();
        left.own.into_iter().chain(left.held).for_each(Batch::delivered);
        let balance = scene.account.balance();
        prop_assert!(balance.holds() && balance.in_flight == 0, "{balance:?}");
    }
}

/// Scenario: of seven spans, a guest samples one out of a batch that it returns, one out of another that it emits,
/// discards one as sampled out, and leaves one out without saying so.
/// Guarantees: each is counted as the guest said, and what a later call leaves out counts as filtered again.
#[test]
fn what_a_guest_samples_out_is_not_dropped() {
    let shared = Shared::of_nobody("guest", "guest", &Limits::from(&LimitsConfig::default())).unwrap();
    let mut scene = Scene::new(&shared);
    let batches = [2, 2, 1, 2].map(|spans| scene.batch(spans));
    let custody = &mut scene.guest.custody;
    let lent = batches.map(|batch| custody.lend(batch));
    let [returned, emitted, discarded, kept] = lent;
    for batch in [returned, emitted, kept] {
        custody.retain(batch.number, &[true, false]).unwrap().unwrap();
    }
    for batch in [returned, emitted, discarded] {
        custody.count_as_sampled_out(batch.number).unwrap();
    }
    custody.emit(emitted).unwrap();
    custody.discard(discarded).unwrap();
    scene.handles = vec![returned.number];
    scene.commit(1);
    let balance = scene.account.balance();
    assert_eq!((balance.delivered, balance.sampled_out, balance.dropped_total()), (2, 3, 1), "{balance:?}");
    scene.guest.custody.retain(kept.number, &[false]).unwrap().unwrap();
    scene.handles = vec![kept.number];
    scene.commit(1);
    let balance = scene.account.balance();
    assert_eq!((balance.sampled_out, balance.dropped_total(), balance.in_flight), (3, 2, 0), "{balance:?}");
}

/// A guest may be given only so many batches, and bring in only so many bytes: they are in the host's memory.
#[test]
fn batches_and_bytes_that_a_guest_has_the_host_hold_are_bounded() {
    let shared = Shared::of_nobody("guest", "guest", &Limits::from(&LimitsConfig::default())).unwrap();
    let mut scene = Scene::new(&shared);
    let batch = scene.batch(1);
    let lent = scene.guest.custody.lend(batch).number;
    let made = (0..BATCH_LIMIT + 1).take_while(|_| scene.guest.custody.split_off(lent, 0).is_ok());
    assert_eq!(made.count(), BATCH_LIMIT - 1);
    assert!(scene.guest.custody.is_full());
    assert!(scene.guest.custody.brings(BROUGHT_LIMIT_BYTES));
    assert!(!scene.guest.custody.brings(1));
    let back = scene.guest.custody.rollback();
    assert_eq!((back.own.len(), back.held.len()), (1, 0));
    back.own.into_iter().for_each(Batch::delivered);
}

/// Taking a batch apart and putting it together again has the host hold no more; adding to it does.
#[test]
fn what_a_call_makes_the_host_hold_is_bounded() {
    let limits = LimitsConfig { held_mib: 8, ..LimitsConfig::default() };
    let shared = Shared::of_nobody("guest", "guest", &Limits::from(&limits)).unwrap();
    let mut scene = Scene::new(&shared);
    let batch = scene.batch(40_000);
    let lent = scene.guest.custody.lend(batch).number;
    for _ in 0..100 {
        let rest = scene.guest.custody.split_off(lent, 20_000).unwrap();
        scene.guest.custody.merge(lent, rest).unwrap();
    }
    let mut turns = 0;
    let held = std::iter::repeat_with(|| {
        turns += 1;
        let custody = &mut scene.guest.custody;
        let part = custody.split_off(lent, 39_999)?;
        let (key, value) = (format!("huge {turns}"), vec![7; 100_000]);
        custody.edit_spans(part, 0, |spans| spans.set(0, &key, &wire::Value::Bytes(&value)))?.unwrap();
        custody.merge(lent, part)
    });
    let error = held.take(200).find_map(Result::err).expect("a limit");
    assert!(error.to_string().contains("may 8 MiB (`limits.held_mib`)"), "{error}");
    let back = scene.guest.custody.rollback();
    assert_eq!(back.own.iter().map(Batch::items).sum::<usize>(), 40_000);
    back.own.into_iter().for_each(Batch::delivered);
}

/// A guest keeps a few spans of many from one call to the next: the others are freed.
#[test]
fn what_a_guest_keeps_of_a_batch_holds_not_all_of_it() {
    let shared = Shared::of_nobody("guest", "guest", &Limits::from(&LimitsConfig::default())).unwrap();
    let mut scene = Scene::new(&shared);
    let batch = scene.batch(10_000);
    let lent = scene.guest.custody.lend(batch).number;
    let wire::Batch::Spans(spans) = &mut scene.guest.custody.edit(lent).unwrap().data else {
        panic!("not spans")
    };
    spans.retain(|row| row % 1000 == 0);
    let passed = scene.guest.custody.commit(&[]).unwrap();
    let kept = scene.guest.custody.data(lent).unwrap();
    assert!(kept.items() == 10 && kept.held_bytes() <= kept.encoded_len() * 5 / 4);
    passed.filtered.into_iter().for_each(Batch::filtered);
    scene.guest.custody.rollback().held.into_iter().for_each(Batch::delivered);
}

/// Scenario: the limit ends a call in the middle of a partition into three batches.
/// Guarantees: the batch comes back whole, and none of its items has been settled.
#[test]
fn a_partition_that_the_limit_ends_settles_nothing() {
    let limits = Limits { held_bytes: 0, ..Limits::from(&LimitsConfig::default()) };
    let shared = Shared::of_nobody("guest", "guest", &limits).unwrap();
    let mut scene = Scene::new(&shared);
    let batch = scene.batch(3);
    let lent = scene.guest.custody.lend(batch).number;
    assert!(scene.guest.custody.partition(lent, &[0, 1, 2]).is_err());
    let back = scene.guest.custody.rollback();
    assert_eq!(back.own.iter().map(Batch::items).collect::<Vec<_>>(), [3]);
    back.own.into_iter().for_each(Batch::delivered);
    let balance = scene.account.balance();
    assert!(balance.holds() && balance.in_flight == 0 && balance.delivered == 3, "{balance:?}");
}
