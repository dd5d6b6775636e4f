//! Serves `/metrics`: Spanloom's own metrics in the text exposition format.

use std::sync::Arc;

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use tokio::net::TcpListener;

use crate::{
    running::Running,
    server::{self, ServerSettings},
    telemetry::Telemetry,
};

/// Serves `GET /metrics` until `running.stop`.
pub fn serve(listener: TcpListener, telemetry: Arc<Telemetry>, running: &Running) {
    let routes = Router::new().route("/metrics", get(metrics)).with_state(telemetry);
    server::serve(listener, None, routes, ServerSettings::for_operators(), running);
}

async fn metrics(State(telemetry): State<Arc<Telemetry>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry.render())
}
