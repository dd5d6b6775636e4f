//! The errors of calls.

use std::time::Duration;

use crate::bindings::spanloom::plugin::{http::HttpError, spans, types};

pub use crate::bindings::spanloom::plugin::types::{ConfigError, Failure};
pub use spans::EditError;

/// Says why a batch was not delivered.
#[derive(Clone, Debug, PartialEq)]
pub enum ExportError {
    /// No item of the batch was delivered.
    Whole(Failure),
    /// These rows of the batch were not delivered; the others were. Only for batches of spans.
    Parts(Vec<(Vec<u32>, Failure)>),
}

impl Failure {
    /// Makes a failure after which the same batch may succeed later.
    pub fn retryable(message: impl Into<String>) -> Failure {
        Failure::Retryable(types::Retryable { message: message.into(), after_ms: None })
    }

    /// Makes a failure after which the same batch would fail again.
    pub fn permanent(message: impl Into<String>) -> Failure {
        Failure::Permanent(message.into())
    }

    /// Sets the shortest time to wait before the batch is retried. A permanent failure stays as it is.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Failure {
        if let Failure::Retryable(retryable) = &mut self {
            retryable.after_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        }
        self
    }
}

impl ConfigError {
    /// Makes an error. `path` leads from the component's own config to the mistake: `keys[2]`, `tls.ca_file`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> ConfigError {
        ConfigError { path: path.into(), message: message.into() }
    }
}

impl From<Failure> for ExportError {
    fn from(failure: Failure) -> ExportError {
        ExportError::Whole(failure)
    }
}

impl From<HttpError> for ExportError {
    fn from(error: HttpError) -> ExportError {
        ExportError::Whole(error.into())
    }
}

/// Converts an error of a request. A missing answer or missing credentials are retryable. Other errors are
/// permanent, because the operator has to fix them.
impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Failure {
        match error {
            HttpError::Timeout => Failure::retryable("no answer in time"),
            HttpError::Unreachable(why) => Failure::retryable(format!("unreachable: {why}")),
            HttpError::Credentials(why) => Failure::retryable(format!("no credentials: {why}")),
            HttpError::Denied(why) => Failure::permanent(why),
            HttpError::Invalid(why) => Failure::permanent(format!("invalid request: {why}")),
            HttpError::TooLarge => Failure::permanent("the answer is larger than 16 MiB"),
        }
    }
}

/// Converts a refused edit into a permanent failure, because the same edit would be refused again.
impl From<EditError> for Failure {
    fn from(error: EditError) -> Failure {
        Failure::permanent(match error {
            EditError::NoSuchRow(row) => format!("edit refused: no row {row}"),
            EditError::WrongLength(length) => {
                format!("edit refused: {} entries for {} rows", length.given, length.expected)
            }
            EditError::BadColumn(why) => format!("edit refused: invalid column: {why}"),
            EditError::BadValue(why) => format!("edit refused: invalid value: {why}"),
            EditError::BadOtlp(why) => format!("edit refused: invalid OTLP: {why}"),
            EditError::TooLarge => "edit refused: the batch would be too large".to_owned(),
        })
    }
}
