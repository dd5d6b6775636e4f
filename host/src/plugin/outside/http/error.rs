//! The reasons why an exchange failed: the cases of `http-error` in the interface.

use super::{address::LinkLocal, grant::Origin};
use crate::{component::auth::SignError, exporter::otlp::with_causes};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The origin is not granted. The text names it, and what to write in the config.
    #[error("{0}")]
    Denied(String),
    /// The request itself is not valid.
    #[error("{0}")]
    Invalid(String),
    #[error("no answer in time")]
    Timeout,
    /// There is no connection, or it broke.
    #[error("{0}")]
    Unreachable(String),
    #[error("the answer is too large")]
    TooLarge,
    /// The credentials could not be obtained; the text says why.
    #[error("{0}")]
    Credentials(String),
}

impl HttpError {
    pub(super) fn not_granted(origin: &Origin) -> HttpError {
        HttpError::Denied(format!(
            "{origin} is not granted; to grant it, write `grants: {{ http: [{origin}] }}`"
        ))
    }

    pub(super) fn link_local(origin: &Origin) -> HttpError {
        HttpError::Denied(format!(
            "{origin} is a link-local address, or one of a cloud's metadata service; to allow it, write \
             `grants: {{ http: [{{ origin: {origin}, allow_link_local: true }}] }}`"
        ))
    }

    /// Returns the error of a failed request. The text has the origin without path and query, which may hold
    /// a key.
    pub(super) fn of(origin: &Origin, error: reqwest::Error) -> HttpError {
        if is_link_local(&error) {
            return HttpError::link_local(origin);
        }
        if error.is_timeout() {
            return HttpError::Timeout;
        }
        let builder = error.is_builder();
        let message = format!("{origin}: {}", with_causes(&error.without_url()));
        if builder { HttpError::Invalid(message) } else { HttpError::Unreachable(message) }
    }

    /// Returns the kind in one word, for a metric's label.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            HttpError::Denied(_) => "denied",
            HttpError::Invalid(_) => "invalid",
            HttpError::Timeout => "timeout",
            HttpError::Unreachable(_) => "unreachable",
            HttpError::TooLarge => "too_large",
            HttpError::Credentials(_) => "credentials",
        }
    }
}

impl From<SignError> for HttpError {
    fn from(error: SignError) -> HttpError {
        match error {
            SignError::NoCredentials(message) => HttpError::Credentials(message),
            SignError::Invalid(message) => HttpError::Invalid(message),
        }
    }
}

fn is_link_local(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<LinkLocal>())
}
