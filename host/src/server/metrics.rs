//! Serves `/metrics`: Spanloom's own metrics in the text exposition format.

use std::sync::Arc;

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use tokio::net::TcpListener;

use crate::{
    config::telemetry::Naming,
    running::Running,
    server::{self, ServerSettings},
    telemetry::Telemetry,
};

/// Serves `GET /metrics` until `running.stop`, with names as the reader writes them.
pub fn serve(listener: TcpListener, telemetry: Arc<Telemetry>, naming: Naming, running: &Running) {
    let routes = Router::new().route("/metrics", get(metrics)).with_state((telemetry, naming));
    server::serve(listener, None, routes, ServerSettings::for_operators(), running);
}

async fn metrics(State((telemetry, naming)): State<(Arc<Telemetry>, Naming)>) -> impl IntoResponse {
    let text = telemetry.render_as(naming);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
