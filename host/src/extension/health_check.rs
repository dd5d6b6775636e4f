//! The extension `health_check` answers 200 while the service is ready, and 503 before and after.

mod config;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri, header},
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
        router = cors.apply(|_| "GET".to_owned(), router);
    }
    Ok(server::with_headers(router, config.response_headers()?))
}

type Asked = (Arc<HealthCheckConfig>, Arc<Health>);

async fn answer(State((config, health)): State<Asked>, uri: Uri) -> Response {
    if !config.answers(uri.path()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let since = health.ready_since();
    let status = if since.is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if let Some(body) = config.body(since.is_some()) {
        return (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body.to_owned())
            .into_response();
    }
    let body = match since {
        Some(since) => json!({
            "status": "Server available",
            "upSince": humantime::format_rfc3339_nanos(since.time).to_string(),
            "uptime": in_words(since.instant.elapsed()),
        }),
        // The Collector's answer has all keys at all times.
        None => json!({"status": "Server not available", "upSince": "0001-01-01T00:00:00Z", "uptime": ""}),
    };
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// Returns a duration as the Collector writes it: `1h2m3.5s`, `12.5ms`.
fn in_words(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let decimal = |nanos: u128, unit: u128, name: &str| {
        let digits = unit.ilog10() as usize;
        let fraction = format!("{:0digits$}", nanos % unit);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{}{point}{fraction}{name}", nanos / unit)
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => decimal(nanos, 1_000, "µs"),
        1_000_000..1_000_000_000 => decimal(nanos, 1_000_000, "ms"),
        _ => {
            let (hours, minutes) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60);
            let seconds = decimal(nanos % 60_000_000_000, 1_000_000_000, "s");
            match (hours, minutes) {
                (0, 0) => seconds,
                (0, _) => format!("{minutes}m{seconds}"),
                _ => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
