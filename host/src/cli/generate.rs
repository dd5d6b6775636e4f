//! `spanloom generate`: sends the telemetry of a made-up shop at a given pace, and reports what became of it.

mod args;
mod client;
mod pace;
mod payload;
mod progress;
mod report;
mod shop;

use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::Uri;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_util::sync::CancellationToken;
use wire::Signal;

use super::{Exit, Terminal};

pub use self::args::{Compression, GenerateArgs, Protocol, Share, SignalArg};
pub(super) use self::progress::progress_bar;
use self::{
    client::Client,
    pace::{Pace, PaceSettings},
    payload::{Arrival, PayloadSettings, Payloads, SharedTraces},
    report::{Report, Summary},
    shop::ShopSettings,
};

/// Sends until the time is over, the total is reached, or Ctrl-C; then writes the summary. Returns
/// [`Exit::Done`] if every item was accepted.
///
/// # Errors
/// Sending could not start: the settings cannot be used, or no server listens.
pub async fn run(args: GenerateArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let stop = CancellationToken::new();
    let on_interrupt = stop.clone();
    let interrupt = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            on_interrupt.cancel();
        }
    });
    let outcome = generate(&args, stop).await;
    interrupt.abort();
    let (report, elapsed) = outcome?;
    write!(terminal.out, "{}", Summary { report: &report, elapsed })?;
    Ok(if report.is_clean() { Exit::Done } else { Exit::Failed })
}

async fn generate(args: &GenerateArgs, stop: CancellationToken) -> anyhow::Result<(Report, Duration)> {
    // Every setting is checked before the first connection is made.
    if args.signal != SignalArg::Traces && (args.shuffle || args.late.0 > 0.0) {
        bail!("--shuffle and --late are about spans: `spanloom generate traces` has them");
    }
    let clients: Vec<Client> = (0..args.connections).map(|_| Client::new(args)).collect::<Result<_, _>>()?;
    probe(&args.endpoint(), args.timeout).await?;
    let report = Arc::new(Mutex::new(Report::new(args.signal.into())?));
    let pace = Arc::new(Pace::start(pace_settings(args), stop));
    let seed = args.seed.unwrap_or_else(rand::random);
    let shared = args.shuffle.then(SharedTraces::default);
    let mut workers = JoinSet::new();
    let each = clients.iter().flat_map(|client| std::iter::repeat_n(client, args.concurrency));
    for (instance, client) in each.enumerate() {
        let seed = seed.wrapping_add(instance as u64);
        let payloads = Payloads::new(payload_settings(args, instance), seed).sharing(shared.as_ref());
        workers.spawn(work(client.clone(), payloads, pace.clone(), report.clone()));
    }
    let done = CancellationToken::new();
    let finish = async {
        let mut outcome = Ok(());
        while let Some(worker) = workers.join_next().await {
            outcome = outcome.and(worker.map_err(anyhow::Error::from).flatten());
        }
        done.cancel();
        (outcome, pace.elapsed())
    };
    let ((outcome, elapsed), ()) =
        tokio::join!(finish, progress::show(&pace, &report, args.every, done.clone()));
    outcome?;
    let report = report.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    Ok((report, elapsed))
}

/// Returns a request with this number of spans. The same seed gives the same spans, except for their times.
pub(super) fn traces(spans: usize, seed: u64) -> anyhow::Result<Bytes> {
    let shop = ShopSettings { errors: 0.05, slow: 0.02, ..ShopSettings::default() };
    let settings = PayloadSettings {
        signal: Signal::Traces,
        json: false,
        shop,
        arrival: Arrival::default(),
        attributes: Vec::new(),
        resource_attributes: Vec::new(),
        instance: 0,
    };
    Ok(Payloads::new(settings, seed).next(spans)?.body)
}

/// Makes and sends one request after another, each when it is due.
async fn work(
    client: Client,
    mut payloads: Payloads,
    pace: Arc<Pace>,
    report: Arc<Mutex<Report>>,
) -> anyhow::Result<()> {
    while let Some(items) = pace.claim().await {
        let payload = payloads.next(items)?;
        let sent = Instant::now();
        let outcome = client.send(&payload).await;
        let took = sent.elapsed();
        report.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).record(&payload, took, outcome);
    }
    Ok(())
}

/// Checks that a server listens, so that there is one clear error instead of a failure for each request.
async fn probe(endpoint: &str, timeout: Duration) -> anyhow::Result<()> {
    let uri: Uri = endpoint.parse().with_context(|| format!("--endpoint {endpoint}"))?;
    let Some(host) = uri.host() else { bail!("--endpoint {endpoint}: it names no host") };
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let address = (host.trim_matches(['[', ']']), port);
    let connected = tokio::time::timeout(timeout, TcpStream::connect(address)).await;
    connected
        .map_err(io::Error::from)
        .flatten()
        .map(|_| ())
        .with_context(|| format!("cannot connect to {endpoint} (`spanloom run` starts a collector there)"))
}

fn pace_settings(args: &GenerateArgs) -> PaceSettings {
    PaceSettings { rate: args.rate, batch: args.batch, total: args.total, duration: args.duration() }
}

fn payload_settings(args: &GenerateArgs, instance: usize) -> PayloadSettings {
    PayloadSettings {
        signal: args.signal.into(),
        json: args.protocol == Protocol::HttpJson,
        shop: ShopSettings {
            services: args.services,
            depth: args.depth,
            errors: args.errors.0,
            slow: args.slow.0,
            slow_by: args.slow_by,
            giants: args.giants.0,
            giant_spans: args.giant_spans,
        },
        arrival: Arrival { late: args.late.0, late_by: args.late_by, is_shuffled: args.shuffle },
        attributes: args.attributes.clone(),
        resource_attributes: args.resource_attributes.clone(),
        instance,
    }
}

#[cfg(test)]
mod tests;
