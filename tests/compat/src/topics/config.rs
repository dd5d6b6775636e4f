//! Configs: which of them start, and what one span shows of their effect.

mod clients;
mod keys;
mod whole;

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, join, stream};

use crate::{
    configs,
    http1::{self, Request},
    observation::{Case, Observation, REASON},
    payload::{self, SPAN},
    side::{Binaries, Kind, Refused, Setup, Side},
};

const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(3);

/// How many configs are tried at the same time.
const AT_ONCE: usize = 4;

/// A config that is tried.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Several are merged, the later over the earlier.
    pub(crate) configs: Vec<String>,
}

/// The files that a config may refer to, in the working directory.
const FILES: &[(&str, &str)] = &[
    ("endpoint.txt", "127.0.0.1"),
    ("token.txt", "secret"),
    ("compression.yaml", "gzip"),
    ("headers.yaml", "{x-from: file}"),
];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let rows = [keys::rows(), clients::rows(), whole::rows()].concat();
    // Most of the time goes by in waiting for what does not come.
    stream::iter(rows).map(|row| compared(binaries, row)).buffered(AT_ONCE).try_collect().await
}

async fn compared(binaries: &Binaries, row: Row) -> Result<Case> {
    let (collector, spanloom) =
        join!(tried(Kind::Collector, binaries, &row), tried(Kind::Spanloom, binaries, &row));
    Ok(Case { name: row.name, collector: collector?, spanloom: spanloom? })
}

/// Starts one side with the config. If it starts, a span is sent over HTTP, to IPv4 and to IPv6.
async fn tried(kind: Kind, binaries: &Binaries, row: &Row) -> Result<Observation> {
    let files = FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let setup = Setup { files, ..Setup::of(&row.configs) };
    let mut side = match Side::start(kind, binaries, &setup).await {
        Ok(Ok(side)) => side,
        Ok(Err(Refused { output })) => {
            let reason = output.lines().find(|line| line.to_ascii_lowercase().starts_with("error"));
            let refuses = Observation::default().with("start", "refuses");
            return Ok(refuses.with(REASON, reason.unwrap_or_default()));
        }
        Err(error) => {
            return Ok(Observation::default().with("start", format!("neither: {}", first_line(&error))));
        }
    };
    let request = Request::post("/v1/traces", "application/json", payload::span(SPAN)).bytes();
    let status = |answer: Result<http1::Answer>| {
        answer.map_or_else(|error| error.root_cause().to_string(), |answer| answer.status.to_string())
    };
    let mut seen = Observation::default().with("start", "starts");
    seen = seen.with("status", status(http1::exchange(side.at.http, &request, false).await));
    let accepted = usize::from(seen.0.get("status").is_some_and(|status| status == "200"));
    let arrivals = side.stub.take_after(accepted, ARRIVAL_TIMEOUT).await;
    let headers = ["content-encoding", "grpc-encoding", "content-type", "x-from", "authorization", "host"];
    seen = seen.and_arrivals(&arrivals, &headers);
    // Each side has a stub of its own, on a port of its own.
    let port = format!(":{}", side.stub.at.port());
    seen.0.values_mut().for_each(|value| *value = value.replace(&port, ":STUB"));
    let ipv6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, side.at.http.port()));
    let over_ipv6 = status(http1::exchange(ipv6, &request, false).await);
    seen = seen.with("status over IPv6", over_ipv6);
    let own = http1::exchange(side.at.metrics, &Request::new("GET", "/metrics").bytes(), false).await;
    seen = seen.with("own metrics", status(own));
    let output = if side.output().contains("b7ad6b7169203331") { "the span" } else { "nothing of the span" };
    seen = seen.with("printed", output);
    side.stop().await;
    let written: Vec<String> = ["out.json", "logs.txt", "sub/out.json"]
        .into_iter()
        .filter(|name| std::fs::metadata(side.folder.path().join(name)).is_ok_and(|file| file.len() > 0))
        .map(str::to_owned)
        .collect();
    Ok(seen.with("files written", written.join(", ")))
}

fn first_line(error: &anyhow::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

impl Row {
    fn new(group: &str, name: &str, config: String) -> Row {
        Row { name: format!("{group}-{name}"), configs: vec![config] }
    }
}

/// Returns a row for each line of a table, with the line's text put in place by `config`.
fn table(group: &str, rows: &[(&str, &str)], config: impl Fn(&str) -> String) -> Vec<Row> {
    rows.iter().map(|(name, text)| Row::new(group, name, config(text))).collect()
}

/// Returns a config with these lines as the keys of an `otlp_http` exporter.
fn http_exporter(keys: &str) -> String {
    configs::relay_with("", "", &format!("otlp_http:\n    {}", keys.replace('\n', "\n    ")))
}
