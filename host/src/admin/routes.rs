//! Routes the paths of the endpoint.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};

use super::{
    AdminWays,
    access::Access,
    answer,
    guard::{Door, guard},
};
use crate::{
    control::{
        operator::{Operator, OperatorError, SwapRequest},
        status::ReloadOutcome,
    },
    swap::attempt::{Attempt, Outcome},
};

const BODY_LIMIT_BYTES: usize = 64 << 10;

type Asked = State<Arc<dyn Operator>>;

pub(super) fn routes(
    operator: Arc<dyn Operator>,
    endpoint: &str,
    access: Access,
    ways: &AdminWays,
) -> Router {
    let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host).to_owned();
    let ways = ways.clone();
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/sampling", get(decisions))
        .route("/v1/admin", get(move || async move { answer::json(StatusCode::OK, &ways) }))
        .route("/v1/plugins/{name}/swap", post(swap))
        .route("/v1/plugins/{name}/rollback", post(rollback))
        .route("/v1/plugins/{name}/pause", post(pause))
        .route("/v1/plugins/{name}/resume", post(resume))
        .route("/v1/reload", post(reload))
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method)
        .with_state(operator)
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(middleware::from_fn_with_state(Arc::new(Door { host, access }), guard))
}

async fn status(State(operator): Asked) -> Response {
    answer::json(StatusCode::OK, &operator.status().await)
}

async fn decisions(State(operator): Asked) -> Response {
    answer::json(StatusCode::OK, &operator.decisions().await)
}

async fn swap(
    State(operator): Asked,
    Path(plugin): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(error) => return answer::error(error.status(), error.body_text()),
    };
    let request = match read(&body) {
        Ok(request) => request,
        Err(why) => return answer::error(StatusCode::BAD_REQUEST, why),
    };
    attempted(operator.swap(&plugin, request).await)
}

async fn rollback(State(operator): Asked, Path(plugin): Path<String>) -> Response {
    attempted(operator.rollback(&plugin).await)
}

/// Answers `null`, since nothing was attempted.
async fn pause(State(operator): Asked, Path(plugin): Path<String>) -> Response {
    match operator.pause(&plugin).await {
        Ok(()) => answer::json(StatusCode::OK, &None::<Attempt>),
        Err(error) => error.into_response(),
    }
}

/// Answers `null` if the file has not changed during the pause.
async fn resume(State(operator): Asked, Path(plugin): Path<String>) -> Response {
    match operator.resume(&plugin).await {
        Ok(Some(attempt)) => attempted(Ok(attempt)),
        Ok(None) => answer::json(StatusCode::OK, &None::<Attempt>),
        Err(error) => error.into_response(),
    }
}

async fn reload(State(operator): Asked) -> Response {
    match operator.reload().await {
        Ok(reload) if reload.outcome == ReloadOutcome::Rejected => {
            answer::json(StatusCode::CONFLICT, &reload)
        }
        Ok(reload) => answer::json(StatusCode::OK, &reload),
        Err(error) => error.into_response(),
    }
}

async fn nothing_here() -> Response {
    let why = "unknown path; GET /v1/status returns the status";
    answer::error(StatusCode::NOT_FOUND, why)
}

async fn other_method() -> Response {
    answer::error(StatusCode::METHOD_NOT_ALLOWED, "GET reads, POST changes")
}

fn attempted(attempt: Result<Attempt, OperatorError>) -> Response {
    match attempt {
        Ok(attempt) if attempt.outcome == Outcome::Rejected => answer::json(StatusCode::CONFLICT, &attempt),
        Ok(attempt) => answer::json(StatusCode::OK, &attempt),
        Err(error) => error.into_response(),
    }
}

fn read(body: &[u8]) -> Result<SwapRequest, String> {
    if body.is_empty() {
        return Ok(SwapRequest::default());
    }
    let wrong = |error: serde_json::Error| format!("expected {{\"file\": \"/path/of/a.wasm\"}}: {error}");
    let request: SwapRequest = serde_json::from_slice(body).map_err(wrong)?;
    match &request.file {
        Some(file) if !file.is_absolute() => {
            Err(format!("`file` is a path from the root, and {} is not", file.display()))
        }
        _ => Ok(request),
    }
}
