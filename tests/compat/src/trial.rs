//! One config, one span, and what became of both: for topics whose rows each start both sides anew.

use std::time::Duration;

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, join, stream};

use crate::{
    http1::{self, Request},
    observation::{Case, Observation, REASON},
    payload::{self, SPAN},
    side::{Binaries, Kind, Refused, Setup, Side},
};

const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(3);

/// How many trials go on at the same time. Most of the time goes by in waiting for what does not come.
const AT_ONCE: usize = 4;

pub(crate) struct Trial {
    pub(crate) name: String,
    pub(crate) setup: Setup,
}

/// Tries each setup on both sides. Of what arrives at the stub, these headers are compared.
pub(crate) async fn run(binaries: &Binaries, trials: Vec<Trial>, headers: &[&str]) -> Result<Vec<Case>> {
    let cases = stream::iter(trials).map(|trial| compared(binaries, trial, headers));
    cases.buffered(AT_ONCE).try_collect().await
}

async fn compared(binaries: &Binaries, trial: Trial, headers: &[&str]) -> Result<Case> {
    let tried = |kind| tried(kind, binaries, &trial.setup, headers);
    let (collector, spanloom) = join!(tried(Kind::Collector), tried(Kind::Spanloom));
    Ok(Case { name: trial.name, collector: collector?, spanloom: spanloom? })
}

/// Starts a side. The inner error is what was seen of a side that does not start.
pub(crate) async fn started(
    kind: Kind,
    binaries: &Binaries,
    setup: &Setup,
) -> Result<Result<Side, Observation>> {
    Ok(match Side::start(kind, binaries, setup).await {
        Ok(Ok(side)) => Ok(side),
        Ok(Err(Refused { output })) => {
            let reason = output.lines().find(|line| line.to_ascii_lowercase().starts_with("error"));
            let refuses = Observation::default().with("start", "refuses");
            Err(refuses.with(REASON, reason.unwrap_or_default()))
        }
        Err(error) => {
            let first = error.to_string().lines().next().unwrap_or_default().to_owned();
            Err(Observation::default().with("start", format!("neither: {first}")))
        }
    })
}

async fn tried(kind: Kind, binaries: &Binaries, setup: &Setup, headers: &[&str]) -> Result<Observation> {
    let mut side = match started(kind, binaries, setup).await? {
        Ok(side) => side,
        Err(seen) => return Ok(seen),
    };
    let request = Request::post("/v1/traces", "application/json", payload::span(SPAN)).bytes();
    let answer = http1::exchange(side.at.http, &request, false).await;
    let status = status(answer);
    let accepted = usize::from(status == "200");
    let arrivals = side.stub.take_after(accepted, ARRIVAL_TIMEOUT).await;
    let mut seen = Observation::default().with("start", "starts").with("status", status);
    seen = seen.and_arrivals(&arrivals, headers).with("connections", side.connections());
    // The ports of each side are its own.
    for (port, name) in [(side.stub.at.port(), ":STUB"), (side.at.http.port(), ":HTTP")] {
        let port = format!(":{port}");
        seen.0.values_mut().for_each(|value| *value = value.replace(&port, name));
    }
    side.stop().await;
    Ok(seen)
}

/// Returns an answer's status, or why there is none.
pub(crate) fn status(answer: Result<http1::Answer>) -> String {
    answer.map_or_else(|error| error.root_cause().to_string(), |answer| answer.status.to_string())
}
