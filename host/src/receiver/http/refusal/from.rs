//! Which refusal follows from which error.

use wire::{WireError, json::JsonError};

use super::{Cause, Detail, Refusal};
use crate::{
    memory::MemoryShort,
    receipt::{Code, Failure, Reason, Retry},
    server::request_body::{InflateError, OverBudget, ReadError},
};

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        let code = failure.code_for_sender();
        let (retryable, delay) = match failure.retry {
            Retry::Never => (false, None),
            Retry::After(delay) => (true, delay),
        };
        // Over HTTP, RESOURCE_EXHAUSTED would be repeated, and the request stays too large.
        let cause = match failure.reason {
            Reason::TooLarge if code == Code::ResourceExhausted => Cause::TooLarge,
            _ => Cause::NotTaken { code, retryable },
        };
        Refusal { detail: delay.map(Detail::Retry), ..Refusal::new(cause, failure.message) }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Refusal {
        let description = format!("at byte {}: {}", error.offset, error.kind);
        Refusal::bad_field(&error, error.path.clone(), description)
    }
}

impl From<JsonError> for Refusal {
    fn from(error: JsonError) -> Refusal {
        let description = format!("at line {} column {}: {}", error.line, error.column, error.message);
        Refusal::bad_field(&error, error.path.clone(), description)
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Refusal {
        match error {
            ReadError::TooLarge { .. } => Refusal::new(Cause::TooLarge, error),
            ReadError::TooSlow(_) => Refusal::new(Cause::TooSlow, error),
            ReadError::OverBudget(error) => error.into(),
            ReadError::Stalled => Refusal::no_room(error),
            ReadError::Broken(_) => Refusal::new(Cause::BrokenOff, error),
        }
    }
}

impl From<InflateError> for Refusal {
    fn from(error: InflateError) -> Refusal {
        match error {
            InflateError::TooLarge { .. } => Refusal::new(Cause::TooLarge, error),
            InflateError::Invalid { .. } => Refusal::new(Cause::Invalid, error),
            InflateError::OverBudget(error) => error.into(),
        }
    }
}

impl From<OverBudget> for Refusal {
    fn from(error: OverBudget) -> Refusal {
        match error {
            OverBudget::Now { .. } => Refusal::no_room(error),
            OverBudget::Ever { .. } => Refusal::new(Cause::TooLarge, error),
        }
    }
}

impl From<MemoryShort> for Refusal {
    fn from(error: MemoryShort) -> Refusal {
        Refusal::no_room(error)
    }
}
