//! One guest: a store with an instance, and the calls into it.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::{Result, Store, UpdateDeadline, component::Resource};
use wire::Signal;

use super::{
    Guest, Shared,
    configure::Refusal,
    custody::{Custody, Passed, TakenBack},
    deadline::Deadline,
    describe,
    exports::Exports,
    failure::{CallError, CallErrorKind},
    interface::{
        self, ComponentExports, Decisions, ExportFailure, Incoming, InstanceExports, Listener, Outgoing,
        Passing, Reply, Request, SamplingDecision, Saved, Taken,
    },
    limits, listeners,
    ticker::Ticker,
    traces::TraceBatch,
};
use crate::{
    pipeline::Batch,
    plugin::load::{
        card::{Optional, Role},
        description::Description,
        text,
    },
};

/// One guest. Used by one call at a time.
pub(in crate::plugin) struct Instance {
    store: Store<Guest>,
    functions: Box<dyn InstanceExports>,
    component: Arc<dyn ComponentExports>,
    ticker: Arc<Ticker>,
    deadline: Deadline,
    call_timeout: Duration,
    pub(in crate::plugin) calls: u64,
    pub(in crate::plugin) born: Instant,
    /// The time spent in calls since it was last taken.
    busy: Duration,
    /// When the last call ended. The value is kept because reading the clock costs a large part of an empty
    /// call.
    pub(in crate::plugin) idle_since: Instant,
}

/// A call that failed, and the batches that it gives back.
#[derive(Debug)]
pub(in crate::plugin) struct Undone {
    pub(in crate::plugin) error: CallError,
    pub(in crate::plugin) retry_after: Option<Duration>,
    pub(in crate::plugin) batches: TakenBack,
}

impl Undone {
    /// Returns the failure of a call that was given `own`.
    pub(in crate::plugin) fn holding(error: CallError, own: Vec<Batch>) -> Undone {
        Undone { error, retry_after: None, batches: TakenBack { own, held: Vec::new() } }
    }
}

impl Instance {
    pub(in crate::plugin) async fn start(
        exports: &Exports,
        shared: &Arc<Shared>,
    ) -> Result<Instance, CallError> {
        let call_timeout = shared.limits.call_timeout;
        let mut store = Store::new(exports.pre.engine(), Guest::new(shared));
        store.limiter(|guest| &mut guest.limits);
        store.set_hostcall_fuel(limits::host_call_bytes());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            context.data().deadline.check().map(|()| UpdateDeadline::Yield(1))
        });
        let born = Instant::now();
        let Guest { deadline, last_words, .. } = store.data();
        let (deadline, last_words) = (deadline.clone(), last_words.clone());
        deadline.start(born, call_timeout);
        let instantiated = exports.ticker.run(exports.pre.instantiate_async(&mut store));
        let instance = deadline.limit(pin!(instantiated)).await;
        let functions = instance.and_then(|instance| exports.functions.load(&mut store, &instance));
        let functions = functions.map_err(|error| CallError {
            kind: CallErrorKind::Start,
            ..CallError::of(&error).with_last_words(&last_words)
        })?;
        Ok(Instance {
            store,
            functions,
            component: exports.functions.clone(),
            ticker: exports.ticker.clone(),
            deadline,
            call_timeout,
            calls: 0,
            born,
            busy: Duration::ZERO,
            idle_since: born,
        })
    }
}

/// The calls.
impl Instance {
    /// Returns the plugin's description, or `None` if the plugin has no `describe`.
    pub(in crate::plugin) async fn describe(&mut self) -> Result<Option<Description>, CallError> {
        if !self.component.has(Optional::Describe) {
            return Ok(None);
        }
        let said = self.call(|functions, store| functions.describe(store)).await?;
        describe::bounded(said).map(Some)
    }

    /// Returns the signals that a connector or a receiver emits.
    pub(in crate::plugin) async fn emits(&mut self) -> Result<Vec<Signal>, CallError> {
        Ok(describe::distinct(self.call(|functions, store| functions.emits(store)).await?))
    }

    /// Returns the listeners of a receiver.
    pub(in crate::plugin) async fn listens(&mut self) -> Result<Vec<Listener>, CallError> {
        listeners::checked(self.call(|functions, store| functions.listens(store)).await?)
    }

    /// Configures the guest. The inner error is the guest's, and says what is wrong with the config.
    pub(in crate::plugin) async fn configure(
        &mut self,
        role: Role,
        config: &str,
    ) -> Result<Result<(), Refusal>, CallError> {
        let config = config.to_owned();
        let configured = self.call(|functions, store| functions.configure(store, role, config)).await?;
        let refused = |Refusal { path, message }| Refusal {
            path: text::message(path),
            message: text::message(message),
        };
        Ok(configured.map_err(refused))
    }

    /// Gives a processor or a connector a batch.
    pub(in crate::plugin) async fn process(&mut self, batch: Box<Batch>) -> Result<Passed, Undone> {
        let custody = &mut self.store.data_mut().custody;
        if custody.is_full() {
            let full = "it holds as many batches as it may (`limits.held_mib`)";
            let kind = CallErrorKind::Failed { retryable: true };
            return Err(Undone::holding(CallError::new(kind, full), vec![*batch]));
        }
        let held_nothing = custody.is_empty();
        let batch = custody.lend(*batch);
        let outcome = self.call(|functions, store| functions.process(store, batch)).await;
        let mut passed = self.conclude(outcome)?;
        passed.mixed = !held_nothing || !self.is_empty();
        Ok(passed)
    }

    /// Wakes the guest as it asked. Does nothing if the guest has no `timer`.
    pub(in crate::plugin) async fn wake(&mut self) -> Result<Passed, Undone> {
        self.store.data_mut().wake_at = None;
        if !self.component.has(Optional::Timer) {
            return Ok(Passed::default());
        }
        let outcome = self.call(|functions, store| functions.wake(store)).await;
        self.conclude(outcome)
    }

    /// Makes the guest pass on what it still holds. Does nothing if the guest has no `flush`.
    pub(in crate::plugin) async fn flush(&mut self) -> Result<Passed, Undone> {
        if !self.component.has(Optional::Flush) {
            return Ok(Passed::default());
        }
        let outcome = self.call(|functions, store| functions.flush(store)).await;
        self.conclude(outcome)
    }

    pub(in crate::plugin) fn hands_over(&self) -> bool {
        self.component.has(Optional::Handover)
    }

    /// Makes the last call of a guest: returns its state, all batches that it holds, and its output.
    pub(in crate::plugin) async fn save(mut self) -> Result<(Vec<u8>, Vec<Batch>, Passed), Undone> {
        if !self.hands_over() {
            return Ok((Vec::new(), self.dissolve(), Passed::default()));
        }
        let (state, named, answer) = match self.call(|functions, store| functions.save(store)).await {
            Ok(Ok(Saved { state, batches })) => (state, batches, Ok(Ok(Vec::new()))),
            Ok(Err(failure)) => (Vec::new(), Vec::new(), Ok(Err(failure))),
            Err(error) => (Vec::new(), Vec::new(), Err(error)),
        };
        match self.conclude(answer) {
            // The guest also hands over the batches that it did not name.
            Ok(passed) => Ok((state, self.store.data_mut().custody.hand_in(&named), passed)),
            Err(mut undone) => {
                undone.batches.held.extend(self.dissolve());
                Err(undone)
            }
        }
    }

    /// Gives the guest the state and the batches of another guest.
    pub(in crate::plugin) async fn restore(
        &mut self,
        state: Vec<u8>,
        batches: Vec<Batch>,
    ) -> Result<Passed, Undone> {
        if !self.hands_over() {
            let error = CallError::new(CallErrorKind::Start, "it has no `handover`");
            return Err(Undone::holding(error, batches));
        }
        let custody = &mut self.store.data_mut().custody;
        let batches = batches.into_iter().map(|batch| custody.lend(batch)).collect();
        let saved = Saved { state, batches };
        let outcome = self.call(|functions, store| functions.restore(store, saved)).await;
        self.conclude(outcome.map(|answer| answer.map(|()| Vec::new())))
    }

    /// Returns one decision for each trace.
    pub(in crate::plugin) async fn sample(&mut self, traces: TraceBatch) -> Result<Decisions, Undone> {
        let count = traces.len();
        let outcome = match self.store.data_mut().table.push(traces) {
            Ok(traces) => {
                let number = traces.rep();
                let outcome = self.call(|functions, store| functions.sample(store, traces)).await;
                let guest = self.store.data_mut();
                // The guest may have dropped the handle already, as it should.
                if let Ok(traces) = guest.table.get_mut(&Resource::<TraceBatch>::new_borrow(number)) {
                    traces.end();
                }
                guest.custody.end_looks();
                outcome
            }
            Err(full) => Err(CallError::new(CallErrorKind::Start, full.to_string())),
        };
        let decisions = match outcome {
            Ok(Ok(decisions)) => checked(decisions, count).map(Ok),
            Ok(Err(failure)) => Ok(Err(failure)),
            Err(error) => Err(error),
        };
        // The call was given no batch that it could return.
        let (error, retry_after) = match decisions {
            Ok(Ok(decisions)) => return Ok(decisions),
            Ok(Err(failure)) => CallError::failed(failure),
            Err(error) => (error, None),
        };
        Err(Undone { error, retry_after, batches: TakenBack::default() })
    }

    /// Shows the guest a batch, to send it.
    pub(in crate::plugin) async fn export(
        &mut self,
        data: &wire::Batch,
    ) -> Result<Result<(), ExportFailure>, Undone> {
        let batch = self.store.data_mut().custody.show(data.clone());
        let outcome = self.call(|functions, store| functions.export(store, batch)).await;
        self.store.data_mut().custody.end_looks();
        outcome.map_err(|error| Undone::holding(error, Vec::new()))
    }

    /// Gives a receiver requests. Returns one reply for each, and what else it passed on.
    pub(in crate::plugin) async fn receive(
        &mut self,
        requests: Arc<[Request]>,
    ) -> Result<(Vec<Reply<wire::Batch>>, Passed), Undone> {
        let count = requests.len();
        let outcome = self.call(|functions, store| functions.receive(store, requests)).await;
        let custody = &mut self.store.data_mut().custody;
        let error = match outcome {
            Ok(Ok(replies)) if replies.len() != count => {
                let wrong = format!("{} replies to {count} requests", replies.len());
                CallError::new(CallErrorKind::WrongAnswer, wrong)
            }
            Ok(Ok(replies)) => match committed(custody, replies) {
                Ok(committed) => return Ok(committed),
                Err(wrong) => CallError::new(CallErrorKind::WrongAnswer, wrong.to_string()),
            },
            Ok(Err(failure)) => {
                let (error, retry_after) = CallError::failed(failure);
                return Err(Undone { error, retry_after, batches: custody.undo() });
            }
            Err(error) => error,
        };
        Err(Undone { error, retry_after: None, batches: custody.rollback() })
    }

    /// Lets the guest answer a request. The plugin must have an `http-handler`.
    pub(in crate::plugin) async fn handle(
        &mut self,
        request: Incoming,
    ) -> Result<(Outgoing, Passed), Undone> {
        match self.call(|functions, store| functions.handle(store, request)).await {
            Ok(answer) => self.conclude(Ok(Ok(Vec::new()))).map(|passed| (answer, passed)),
            Err(error) => {
                Err(Undone { error, retry_after: None, batches: self.store.data_mut().custody.rollback() })
            }
        }
    }

    pub(in crate::plugin) fn wake_at(&self) -> Option<Instant> {
        self.store.data().wake_at
    }

    /// Returns whether the guest holds no batch with shares.
    pub(in crate::plugin) fn is_empty(&self) -> bool {
        self.store.data().custody.is_empty()
    }

    pub(in crate::plugin) fn memory_used_bytes(&self) -> usize {
        self.store.data().limits.memory_used_bytes
    }

    /// Returns the time spent in calls since the last call of this function.
    pub(in crate::plugin) fn take_busy(&mut self) -> Duration {
        std::mem::take(&mut self.busy)
    }

    /// Returns the number of items that the guest released without settling them since the last call of this
    /// function.
    pub(in crate::plugin) fn take_items_forgotten(&mut self) -> usize {
        self.store.data_mut().custody.take_items_forgotten()
    }

    /// Ends the guest and returns every batch that it holds.
    pub(in crate::plugin) fn dissolve(mut self) -> Vec<Batch> {
        self.store.data_mut().custody.rollback().held
    }

    async fn call<T>(
        &mut self,
        call: impl for<'a> FnOnce(&'a dyn InstanceExports, &'a mut Store<Guest>) -> interface::Call<'a, T>,
    ) -> Result<T, CallError> {
        self.calls += 1;
        self.store.data().last_words.clear();
        let begun = Instant::now();
        self.deadline.start(begun, self.call_timeout);
        self.store.set_epoch_deadline(1);
        let call = self.ticker.run(call(&*self.functions, &mut self.store));
        let outcome = self.deadline.limit(pin!(call)).await;
        self.store.data_mut().limits.end_call();
        self.idle_since = Instant::now();
        self.busy += self.idle_since - begun;
        outcome.map_err(|error| CallError::of(&error).with_last_words(&self.store.data().last_words))
    }

    /// Commits the changes of a call, or undoes them.
    fn conclude(&mut self, outcome: Result<Passing, CallError>) -> Result<Passed, Undone> {
        let custody = &mut self.store.data_mut().custody;
        let error = match outcome {
            Ok(Ok(returned)) => match custody.commit(&returned) {
                Ok(passed) => return Ok(passed),
                Err(wrong) => CallError::new(CallErrorKind::WrongAnswer, wrong.to_string()),
            },
            Ok(Err(failure)) => {
                let (error, retry_after) = CallError::failed(failure);
                return Err(Undone { error, retry_after, batches: custody.undo() });
            }
            Err(error) => error,
        };
        Err(Undone { error, retry_after: None, batches: custody.rollback() })
    }
}

/// Takes the batches of all replies out of the guest's custody.
fn committed(custody: &mut Custody, mut replies: Vec<Reply>) -> Result<(Vec<Reply<wire::Batch>>, Passed)> {
    let batches = |reply: &mut Reply| match reply {
        Reply::Taken(taken) => std::mem::take(&mut taken.batches),
        Reply::Rejected { .. } => Vec::new(),
    };
    let named: Vec<_> = replies.iter_mut().map(batches).collect();
    let (each, passed) = custody.commit_each(&named)?;
    let replies = std::iter::zip(replies, each).map(|(reply, batches)| match reply {
        Reply::Taken(Taken { answer, refused, .. }) => Reply::Taken(Taken { batches, answer, refused }),
        Reply::Rejected { answer, reason } => Reply::Rejected { answer, reason },
    });
    Ok((replies.collect(), passed))
}

/// The longest reason, in bytes.
const REASON_LIMIT_BYTES: usize = 256;

/// Checks the decisions on `count` traces, and shortens their reasons.
fn checked(mut decisions: Decisions, count: usize) -> Result<Decisions, CallError> {
    let wrong = |what: String| Err(CallError::new(CallErrorKind::WrongAnswer, what));
    let Decisions { each, reasons, texts } = &mut decisions;
    if each.len() != count {
        return wrong(format!("{} decisions for {count} traces", each.len()));
    }
    for decision in &*each {
        if let SamplingDecision::Keep { rate, .. } = decision
            && !(*rate > 0.0 && *rate <= 1.0)
        {
            return wrong(format!("{rate} is no share of traces to keep: above 0 and up to 1"));
        }
    }
    if !reasons.is_empty() && reasons.len() != count {
        return wrong(format!("{} reasons for {count} traces", reasons.len()));
    }
    if let Some(reason) = reasons.iter().find(|reason| **reason as usize > texts.len()) {
        return wrong(format!("reason {reason} of {} texts", texts.len()));
    }
    for text in texts {
        text.truncate(text.floor_char_boundary(REASON_LIMIT_BYTES));
    }
    Ok(decisions)
}
