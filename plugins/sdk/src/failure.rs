//! Why a call could not do what it was asked.

use std::time::Duration;

use crate::bindings::spanloom::plugin::{http::HttpError, spans, types};

pub use crate::bindings::spanloom::plugin::types::{ConfigError, Failure};
pub use spans::EditError;

/// Why spans were not delivered.
#[derive(Clone, Debug, PartialEq)]
pub enum ExportError {
    /// Nothing of the batch was delivered.
    Whole(Failure),
    /// These rows of the batch were not delivered, the others were. For batches of spans only.
    Parts(Vec<(Vec<u32>, Failure)>),
}

impl Failure {
    /// The same batch may succeed later.
    pub fn retryable(message: impl Into<String>) -> Failure {
        Failure::Retryable(types::Retryable { message: message.into(), after_ms: None })
    }

    /// The same batch will fail again.
    pub fn permanent(message: impl Into<String>) -> Failure {
        Failure::Permanent(message.into())
    }

    /// How long to wait at least before the batch comes again. What is permanent stays it.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Failure {
        if let Failure::Retryable(retryable) = &mut self {
            retryable.after_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        }
        self
    }
}

impl ConfigError {
    /// `path` leads from the component's own config to what is wrong: `keys[2]`, `tls.ca_file`.
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

/// No answer, and no credentials, may be better next time; the rest is for the operator to mend.
impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Failure {
        match error {
            HttpError::Timeout => Failure::retryable("no answer in time"),
            HttpError::Unreachable(why) => Failure::retryable(format!("unreachable: {why}")),
            HttpError::Credentials(why) => Failure::retryable(format!("no credentials: {why}")),
            HttpError::Denied(why) => Failure::permanent(why),
            HttpError::Invalid(why) => Failure::permanent(format!("no request: {why}")),
            HttpError::TooLarge => Failure::permanent("the answer is larger than 16 MiB"),
        }
    }
}

/// The same edit would be refused again.
impl From<EditError> for Failure {
    fn from(error: EditError) -> Failure {
        Failure::permanent(match error {
            EditError::NoSuchRow(row) => format!("edit refused: no row {row}"),
            EditError::WrongLength(length) => {
                format!("edit refused: {} entries for {} rows", length.given, length.expected)
            }
            EditError::BadColumn(why) => format!("edit refused: no column: {why}"),
            EditError::BadValue(why) => format!("edit refused: no value: {why}"),
            EditError::BadOtlp(why) => format!("edit refused: no OTLP: {why}"),
            EditError::TooLarge => "edit refused: the batch would be too large".to_owned(),
        })
    }
}
