//! Runs a service: starts the parts that a config describes in order, and stops them in order.

mod changes;
pub mod check;
pub mod flow;
mod graph;
mod open;
mod reload;
mod retire;
mod samplers;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use futures::future::join_all;
use tokio::time::{Instant, timeout_at};

pub use changes::Changes;
use graph::{Graph, Intake, Plan, Wave, plan};
pub use open::{Opened, open, open_loaded};
use reload::Fixed;
use retire::Draining;

use crate::{
    component::{Extensions, Registry},
    config::{Config, ConfigError, MemoryLimitMib, telemetry::Reader},
    files,
    memory::Limit,
    plugin::{self, Live},
    running::Running,
    server,
    telemetry::{Health, Telemetry},
};

/// A service that runs. [`Service::start`] starts it, and [`Service::shutdown`] ends it.
pub struct Service {
    pub telemetry: Arc<Telemetry>,
    health: Arc<Health>,
    extensions: Extensions,
    graph: Graph,
    /// The parts that reloads replaced and that still drain.
    draining: Draining,
    fixed: Fixed,
    /// The servers of metrics and health. They stop last, so that an operator can watch the rest end.
    endpoints: Running,
    shutdown_timeout: Duration,
}

/// How a service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Each item that was accepted reached its destinations, or was dropped earlier with a reason.
    Whole,
    /// `shutdown_timeout` passed. `dropped` items were still in flight, or were dropped with the reason
    /// `shutdown`.
    Cut { dropped: u64 },
}

impl Service {
    /// Builds and starts everything: endpoints first and receivers last, so that all that a receiver accepts
    /// has a destination.
    pub async fn start(opened: &Opened) -> anyhow::Result<Service> {
        Service::build(opened).await?.open().await
    }

    /// Builds everything, and starts everything but the receivers. No data arrives yet, so the caller may
    /// drop the service.
    pub async fn build(opened: &Opened) -> anyhow::Result<Service> {
        let Opened { config, registry, .. } = opened;
        // Each connection uses a file descriptor, and the system's default limit is meant for shells. A
        // service with a lower limit still works, so a failure is ignored.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        hold_to_memory_limit(config);
        let telemetry = Telemetry::at(config.service.telemetry.metrics.level);
        telemetry.identify(&config.service.telemetry.resource.attributes);
        let health = Arc::new(Health::default());
        let endpoints = Running::default();
        for Reader { address, naming } in config.service.telemetry.metrics.readers() {
            let listeners = server::listen(&address).await.context("service.telemetry.metrics")?;
            for listener in listeners {
                server::metrics::serve(listener, telemetry.clone(), naming, &endpoints);
            }
        }
        let extensions = start_extensions(config, registry, &health, &endpoints).await?;
        let (Plan { graph, .. }, outcome) = plan(opened, &telemetry, &extensions, &Graph::default()).await;
        outcome?;
        Ok(Service {
            telemetry,
            health,
            extensions,
            graph,
            draining: Draining::default(),
            fixed: Fixed::of(config),
            endpoints,
            shutdown_timeout: config.service.shutdown_timeout.0,
        })
    }

    /// Starts the receivers.
    pub async fn open(self) -> anyhow::Result<Service> {
        if let Err(error) = self.receive().await {
            // The receivers that did start may have accepted data already.
            self.shutdown().await;
            return Err(error);
        }
        plugin::data_passes();
        self.health.set_ready(true);
        tracing::info!(pipelines = self.graph.chains().count(), "ready");
        Ok(self)
    }

    async fn receive(&self) -> anyhow::Result<()> {
        for (id, intake) in &self.graph.receivers {
            reload::start(id, intake).await?;
        }
        Ok(())
    }

    /// Drains the service within `shutdown_timeout`: accepts no new requests, finishes those under way, and
    /// flushes the queues.
    pub async fn shutdown(self) -> Drained {
        let deadline = Instant::now() + self.shutdown_timeout;
        self.health.set_ready(false);
        for Intake { running, .. } in self.graph.receivers.values() {
            running.stop.cancel();
            running.tasks.close();
        }
        // Receivers have three quarters of the time, since their requests may wait for room in the stages
        // behind them. Processors and connectors have half of the rest.
        let grace = deadline - self.shutdown_timeout / 4;
        if timeout_at(grace, self.received()).await.is_err() {
            tracing::warn!("some senders' requests were still under way when the receivers closed");
        }
        let grace = deadline - self.shutdown_timeout / 8;
        drain(&self.graph.waves, grace).await;
        join_all(self.graph.exporters.values().map(|exporter| exporter.sending.shutdown(deadline))).await;
        self.draining.exporters.close();
        if timeout_at(deadline, self.draining.exporters.wait()).await.is_err() {
            tracing::warn!("an exporter of an earlier config did not send all that it had");
        }
        let drained = self.drained();
        self.endpoints.stop.cancel();
        drained
    }

    /// Returns the components that are plugins.
    pub fn lives(&self) -> Vec<Live> {
        self.graph.lives()
    }

    /// Resolves when no receiver works on a request any more and the stages of earlier configs have drained.
    async fn received(&self) {
        join_all(self.graph.receivers.values().map(|intake| intake.running.tasks.wait())).await;
        self.draining.stages.close();
        self.draining.stages.wait().await;
    }

    fn drained(&self) -> Drained {
        use crate::receipt::Reason::Shutdown;
        let balances = self.telemetry.ledger.close();
        let cut = |balance: &crate::receipt::ledger::Balance| {
            balance.in_flight
                + balance.dropped.iter().filter(|(why, _)| *why == Shutdown).map(|(_, n)| n).sum::<u64>()
        };
        match balances.iter().map(cut).sum() {
            0 => Drained::Whole,
            dropped => Drained::Cut { dropped },
        }
    }
}

/// Drains the waves from the front to the back, so that a later wave accepts the data that an earlier one
/// passes on while it drains. Each wave has an equal part of the time that the earlier waves left.
async fn drain(waves: &[Wave], deadline: Instant) {
    for (drained, wave) in waves.iter().enumerate() {
        let now = Instant::now();
        let parts = u32::try_from(waves.len() - drained).unwrap_or(u32::MAX);
        let deadline = now + deadline.saturating_duration_since(now) / parts;
        let pipelines = wave.chains.iter().map(|chain| async move {
            for stage in &chain.stages {
                stage.processor.shutdown(deadline).await;
            }
        });
        join_all(pipelines).await;
        join_all(wave.connectors.iter().map(|known| known.connector.shutdown(deadline))).await;
    }
}

async fn start_extensions(
    config: &Config,
    registry: &Registry,
    health: &Arc<Health>,
    endpoints: &Running,
) -> anyhow::Result<Extensions> {
    let mut extensions = Extensions::default();
    for id in &config.service.extensions {
        let Some(node) = config.extensions.get(id) else { continue };
        let (registry, component_type, own) = (registry.clone(), id.component_type.clone(), node.clone());
        let build =
            move || registry.extension(&component_type).map(|factory| factory.build(&own)).transpose();
        let built = files::in_time(build).await.map_err(ConfigError::from).flatten();
        let Some(built) = built.map_err(|error| error.within(node))? else { continue };
        extensions.server_auth.extend(built.server_auth.map(|auth| (id.to_string(), auth)));
        extensions.client_auth.extend(built.client_auth.map(|auth| (id.to_string(), auth)));
        extensions.signers.extend(built.signer.map(|signer| (id.to_string(), signer)));
        extensions.limiters.extend(built.limiter.map(|limiter| (id.to_string(), limiter)));
        if let Some(endpoint) = built.endpoint {
            endpoint
                .start(health.clone(), endpoints)
                .await
                .with_context(|| format!("extension {id} did not start"))?;
        }
    }
    Ok(extensions)
}

/// Sets the memory limit. From then on, requests are refused while memory is short.
fn hold_to_memory_limit(config: &Config) {
    let limit = Limit::of(config.service.memory_limit_mib.map(|MemoryLimitMib(mib)| mib));
    limit.set();
    match limit {
        Limit::Configured { bytes } => {
            tracing::info!(mib = bytes >> 20, "held to `service.memory_limit_mib`")
        }
        Limit::Container { bytes } => {
            tracing::info!(mib = bytes >> 20, "held to nine tenths of the container's memory")
        }
        Limit::None => {}
    }
}
