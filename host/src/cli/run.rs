//! `spanloom run`: starts the service and keeps it running until a signal ends it.

use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{ConfigArgs, Exit, Terminal};
use crate::{
    admin,
    component::Registry,
    config::{ConfigError, expand::process_env, load::load},
    control::{Control, Controller, Sources, operator::Operator as _},
    files,
    plugin::{self, factory::Plugins},
    running::Running,
    service::{Drained, Opened, Service, open_loaded},
    telemetry::{logs, summary},
};

/// Run the collector until it is told to stop.
#[derive(Debug, Args)]
#[command(after_help = "\
Without a config it receives OTLP on 127.0.0.1:4317 (gRPC) and :4318 (HTTP), and shows what passes.

Plugins' files are watched: a new version takes over between two batches, and the old one comes back if it is worse.

SIGTERM and Ctrl-C drain: nothing new is taken, what is under way is delivered, within service.shutdown_timeout \
(30s). A second signal ends it at once. The last lines of the log say what became of what came in. Exit codes: 0 everything was delivered or dropped for a counted reason, \
1 failed or was cut short, 2 the config is wrong.

Example: one config for all, one for this place, and one value more.
  spanloom run -c base.yaml -c site.yaml --set exporters::otlp_grpc::endpoint=backend:4317")]
pub struct RunArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// The text that is shown when the embedded config runs: what to try next.
const WELCOME: &str = "\
Spanloom is listening, and shows here what passes.

  send OTLP/gRPC to   127.0.0.1:4317
  send OTLP/HTTP to   http://127.0.0.1:4318
  its own metrics     http://127.0.0.1:8888/metrics

Try, from another terminal:

  spanloom generate traces --rate 20 --duration 10s
  OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 <your instrumented application>
  spanloom print-config            the config that runs now, to start your own from
  spanloom run --config my.yaml

Ctrl-C drains and ends it.
";

pub async fn run(args: &RunArgs, registry: &Registry, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    // Signals are caught before any work that may take long: reading a pipe, compiling plugins, looking up
    // the machine's place.
    let mut signals = Signals::listen()?;
    let sources = Sources {
        configs: args.config.or_embedded(),
        sets: args.config.set.clone(),
        registry: registry.clone(),
    };
    let Some(opened) = signals.unless_ended(open(&sources)).await else { return Ok(Exit::Done) };
    let opened = match opened? {
        Ok(opened) => opened,
        Err(error) => return terminal.wrong(&error),
    };
    for warning in &opened.warnings {
        writeln!(terminal.err, "{}\n", warning.warning(terminal.colour))?;
    }
    let config = opened.config.service.telemetry.logs.clone();
    let outputs = files::in_time(move || logs::open(&config)).await.flatten();
    logs::init(&opened.config.service.telemetry.logs, &outputs.context("service.telemetry.logs")?);
    if opened.plugins.iter().next().is_some() {
        plugin::check_cache();
    }
    let admin = admin::listen(&opened.config.service.admin).await?;
    let Some(service) = signals.unless_ended(Service::build(&opened)).await else {
        tracing::info!("ended before it was ready");
        return Ok(Exit::Done);
    };
    let service = service?.open().await?;
    if args.config.config.is_empty() {
        // The service runs even if nobody can read this text.
        let _ = terminal.err.write_all(WELCOME.as_bytes());
    }
    let (stop, telemetry) = (CancellationToken::new(), service.telemetry.clone());
    let (controller, control) = Controller::new(service, opened, sources, stop.clone());
    let operators = Running::default();
    admin.serve(Arc::new(control.clone()), &operators);
    let served = serve(controller, control, &stop, &mut signals).await;
    operators.stop.cancel();
    summary::log(&telemetry.ledger.balances());
    served.map(|()| Exit::Done)
}

/// Opens the config. The config is read on a thread that may block, since it may come from a pipe.
async fn open(sources: &Sources) -> anyhow::Result<Result<Opened, ConfigError>> {
    let Sources { configs, sets, registry } = sources.clone();
    let loaded = tokio::task::spawn_blocking(move || load(&configs, &sets, &process_env)).await?;
    Ok(match loaded {
        Ok(loaded) => open_loaded(loaded, &registry, &Plugins::default()).await,
        Err(error) => Err(error),
    })
}

/// Serves until SIGTERM or Ctrl-C, and then drains. A second signal ends the draining at once.
async fn serve(
    controller: Controller,
    control: Control,
    stop: &CancellationToken,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let running = tokio::spawn(controller.run());
    while signals.next().await == Told::Reload {
        let control = control.clone();
        // The outcome is in the log.
        tokio::spawn(async move { control.reload().await });
    }
    tracing::info!("draining; a second signal ends this at once");
    stop.cancel();
    let drained = async { Ok::<Drained, anyhow::Error>(running.await?.shutdown().await) };
    tokio::select! {
        drained = drained => match drained? {
            Drained::Whole => {
                tracing::info!("drained");
                Ok(())
            }
            Drained::Cut { dropped } => {
                anyhow::bail!("service.shutdown_timeout passed: {dropped} items had not been delivered and were dropped")
            }
        },
        () = signals.end() => anyhow::bail!("ended by a second signal before everything was delivered"),
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// An order that a signal gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    End,
    Reload,
}

impl Signals {
    fn listen() -> anyhow::Result<Signals> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
            _ = self.hangup.recv() => Told::Reload,
        }
    }

    /// Waits for `work`. Returns `None` if SIGTERM or Ctrl-C comes first.
    async fn unless_ended<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.end() => None,
        }
    }

    async fn end(&mut self) {
        while self.next().await != Told::End {}
    }
}
