//! Writes answers: JSON, and the HTTP status of the outcome.

use axum::{
    body::Bytes,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::ErrorAnswer;
use crate::control::operator::OperatorError;

/// Returns an answer with the value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], Bytes::from(body)).into_response(),
        Err(error) => {
            tracing::error!("the admin endpoint cannot write its answer: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(super) fn error(status: StatusCode, why: impl ToString) -> Response {
    json(status, &ErrorAnswer { error: why.to_string() })
}

impl IntoResponse for OperatorError {
    fn into_response(self) -> Response {
        let status = match &self {
            OperatorError::UnknownPlugin { .. } => StatusCode::NOT_FOUND,
            OperatorError::Impossible(_) => StatusCode::CONFLICT,
            OperatorError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        error(status, self)
    }
}
