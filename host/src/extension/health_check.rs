//! `health_check`: answers 200 while the service is ready, 503 before and after.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use anyhow::Context;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use super::{BuiltExtension, Endpoint};
use crate::{
    component::{ExtensionFactory, Factory},
    config::{ConfigError, Node},
    receiver::Running,
    server::{self, ServerSettings},
};

pub struct HealthCheckFactory;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthCheckConfig {
    /// `host:port`.
    pub endpoint: String,
    /// The path that answers; every other is 404.
    pub path: String,
}

/// Whether the service takes data. Ready from the moment every receiver listens until it is told to stop.
pub struct Health {
    ready: AtomicBool,
    since: Instant,
}

struct HealthCheck(HealthCheckConfig);

impl Default for HealthCheckConfig {
    fn default() -> HealthCheckConfig {
        HealthCheckConfig { endpoint: "localhost:13133".to_owned(), path: "/".to_owned() }
    }
}

impl Factory for HealthCheckFactory {
    fn name(&self) -> &str {
        "health_check"
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read::<HealthCheckConfig>().map(drop)
    }
}

impl ExtensionFactory for HealthCheckFactory {
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError> {
        let endpoint = HealthCheck(config.read()?);
        Ok(BuiltExtension { endpoint: Some(Box::new(endpoint)), ..BuiltExtension::default() })
    }
}

#[async_trait::async_trait]
impl Endpoint for HealthCheck {
    async fn start(&self, health: Arc<Health>, running: &Running) -> anyhow::Result<()> {
        let listener = TcpListener::bind(&self.0.endpoint)
            .await
            .with_context(|| format!("health_check: endpoint: cannot listen on {}", self.0.endpoint))?;
        let routes = Router::new().fallback(answer).with_state((self.0.path.clone(), health));
        server::serve(listener, None, routes, ServerSettings::for_operators(), running);
        Ok(())
    }
}

impl Default for Health {
    fn default() -> Health {
        Health { ready: AtomicBool::new(false), since: Instant::now() }
    }
}

impl Health {
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Relaxed);
    }
}

async fn answer(State((path, health)): State<(String, Arc<Health>)>, uri: Uri) -> Response {
    if uri.path() != path {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (status, body) = if health.ready.load(Relaxed) {
        let uptime_seconds = health.since.elapsed().as_secs();
        (StatusCode::OK, json!({"status": "Server available", "uptime_seconds": uptime_seconds}))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "Server not available"}))
    };
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
