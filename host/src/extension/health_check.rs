//! The extension `health_check` answers 200 while the service is ready, and 503 before and after.

mod config;

use std::sync::Arc;

use anyhow::Context;
use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use self::config::HealthCheckConfig;
use crate::{
    component::{BuiltExtension, Endpoint, ExtensionFactory, Factory},
    config::{ConfigError, Finding, Node},
    running::Running,
    server::{self, ServerSettings},
    telemetry::Health,
    tls::{self, server::ServerTls},
};

pub struct HealthCheckFactory;

struct HealthCheck(HealthCheckConfig);

impl Factory for HealthCheckFactory {
    fn name(&self) -> &str {
        "health_check"
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(HealthCheckConfig::validate).map(drop)
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        let mut doubts = config.unused::<HealthCheckConfig>();
        doubts.extend(config.get("tls").into_iter().flat_map(tls::doubts));
        doubts
    }
}

impl ExtensionFactory for HealthCheckFactory {
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError> {
        let endpoint = HealthCheck(config.read_valid(HealthCheckConfig::validate)?);
        Ok(BuiltExtension { endpoint: Some(Box::new(endpoint)), ..BuiltExtension::default() })
    }
}

#[async_trait::async_trait]
impl Endpoint for HealthCheck {
    async fn start(&self, health: Arc<Health>, running: &Running) -> anyhow::Result<()> {
        let HealthCheck(config) = self;
        let tls = match &config.tls {
            Some(tls) => Some(ServerTls::load(tls.clone()).await.context("health_check")?),
            None => None,
        };
        let listeners = server::listen(&config.endpoint).await.context("health_check: endpoint")?;
        let router = router(config, health)?;
        for listener in listeners {
            server::serve(listener, tls.clone(), router.clone(), ServerSettings::for_operators(), running);
        }
        Ok(())
    }
}

fn router(config: &HealthCheckConfig, health: Arc<Health>) -> Result<Router, ConfigError> {
    let mut router = Router::new().fallback(answer).with_state((Arc::new(config.clone()), health));
    if let Some(cors) = &config.cors {
        router = cors.apply(Method::GET, router);
    }
    Ok(server::with_headers(router, config.response_headers()?))
}

type Asked = (Arc<HealthCheckConfig>, Arc<Health>);

async fn answer(State((config, health)): State<Asked>, uri: Uri) -> Response {
    if !config.answers(uri.path()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let is_ready = health.is_ready();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if let Some(body) = config.body(is_ready) {
        return (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body.to_owned())
            .into_response();
    }
    let body = match is_ready {
        true => json!({"status": "Server available", "uptime_seconds": health.uptime().as_secs()}),
        false => json!({"status": "Server not available"}),
    };
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests;
