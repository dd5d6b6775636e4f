//! The failures of calls into a guest.

use std::time::Duration;

use wasmtime::{Error, Trap, WasmBacktrace};

use super::{custody::HeldExceeded, interface::GuestFailure, last_words::LastWords, limits::MemoryExceeded};
use crate::{
    memory::MemoryShort,
    plugin::load::text::{self, one_line},
};

/// The limit of a function's name in a backtrace.
const NAME_LIMIT_BYTES: usize = 200;

/// The error of a call that failed. After an accident, the guest is lost too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", .kind.describe(), .message)]
pub struct CallError {
    pub kind: CallErrorKind,
    pub message: String,
    /// The guest's frames, innermost first; empty if there are none.
    pub backtrace: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorKind {
    /// `unreachable`, an index out of bounds, or an invalid handle: in most languages, a panic.
    Trap,
    /// `limits.call_timeout` passed.
    Overrun,
    /// The guest exceeded `limits.memory_mib`, made the host hold more than `limits.held_mib`, or needed more
    /// memory than the process has.
    Memory,
    /// The guest's answer is invalid.
    WrongAnswer,
    /// The instance did not start.
    Start,
    /// The guest reported the failure, and whether a retry may succeed.
    Failed { retryable: bool },
}

/// `limits.call_timeout` passed.
#[derive(Debug, thiserror::Error)]
#[error("it ran longer than {0:?} (`limits.call_timeout`)")]
pub(in crate::plugin) struct Overrun(pub(in crate::plugin) Duration);

impl CallErrorKind {
    /// Returns the `outcome` label of `spanloom_plugin_calls`.
    pub fn as_str(self) -> &'static str {
        match self {
            CallErrorKind::Trap => "trap",
            CallErrorKind::Overrun => "overrun",
            CallErrorKind::Memory => "memory",
            CallErrorKind::WrongAnswer => "wrong_answer",
            CallErrorKind::Start => "start",
            CallErrorKind::Failed { .. } => "failed",
        }
    }

    fn describe(self) -> &'static str {
        match self {
            CallErrorKind::Trap => "the plugin trapped: ",
            CallErrorKind::Overrun | CallErrorKind::Memory => "the plugin was stopped: ",
            CallErrorKind::WrongAnswer => "the plugin gave a wrong answer: ",
            CallErrorKind::Start => "the plugin did not start: ",
            CallErrorKind::Failed { .. } => "the plugin failed: ",
        }
    }

    /// Returns whether a fresh instance may succeed. A failure that the guest reports would only be reported
    /// again.
    pub(in crate::plugin) fn is_accident(self) -> bool {
        !matches!(self, CallErrorKind::Failed { .. })
    }
}

impl CallError {
    pub(in crate::plugin) fn new(kind: CallErrorKind, message: impl Into<String>) -> CallError {
        CallError { kind, message: text::message(message), backtrace: String::new() }
    }

    /// Adds the guest's last words to the error.
    pub(super) fn with_last_words(self, words: &LastWords) -> CallError {
        match words.take() {
            Some(words) => CallError { message: format!("{}; it said: {words}", self.message), ..self },
            None => self,
        }
    }

    /// Converts wasmtime's error of a call.
    pub(in crate::plugin) fn of(error: &Error) -> CallError {
        let backtrace = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
        let (kind, message) = if let Some(overrun) = error.downcast_ref::<Overrun>() {
            (CallErrorKind::Overrun, overrun.to_string())
        } else if let Some(memory) = error.downcast_ref::<MemoryExceeded>() {
            (CallErrorKind::Memory, memory.to_string())
        } else if let Some(held) = error.downcast_ref::<HeldExceeded>() {
            (CallErrorKind::Memory, held.to_string())
        } else if let Some(short) = error.downcast_ref::<MemoryShort>() {
            (CallErrorKind::Memory, short.to_string())
        } else if let Some(trap) = error.downcast_ref::<Trap>() {
            (CallErrorKind::Trap, trap.to_string())
        } else {
            (CallErrorKind::Trap, error.root_cause().to_string())
        };
        CallError { kind, message: text::message(message), backtrace }
    }

    pub(in crate::plugin) fn failed(failure: GuestFailure) -> (CallError, Option<Duration>) {
        let failed = |retryable, message| CallError::new(CallErrorKind::Failed { retryable }, message);
        match failure {
            GuestFailure::Retryable { message, after } => (failed(true, message), after),
            GuestFailure::Permanent { message } => (failed(false, message), None),
        }
    }
}

fn frames(backtrace: &WasmBacktrace) -> String {
    let names = backtrace.frames().iter().map(|frame| match frame.func_name() {
        Some(name) => {
            one_line(&format!("{:#}", rustc_demangle::demangle(name)), NAME_LIMIT_BYTES).into_owned()
        }
        None => format!("<function {}>", frame.func_index()),
    });
    names.collect::<Vec<_>>().join(" < ")
}
