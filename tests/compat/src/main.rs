//! The command behind `cargo xtask compat`: starts the Collector and Spanloom with the same configs, sends both
//! the same bytes, and prints in what they differ.
#![expect(clippy::print_stdout, reason = "a developer's tool speaks on its standard output")]

mod compression;
mod configs;
mod decode;
mod differences;
mod encode;
mod front;
mod grpc;
mod http1;
mod observation;
mod pair;
mod payload;
mod promcheck;
mod report;
mod schema;
mod scrape;
mod side;
mod stub;
mod topics;
mod trial;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::{promcheck::Promcheck, report::Report, side::Binaries};

/// Compares Spanloom with the Collector.
#[derive(Parser)]
struct Args {
    /// The Collector's binary
    #[arg(long)]
    collector: PathBuf,
    /// Spanloom's binary
    #[arg(long)]
    spanloom: PathBuf,
    /// The program of `promcheck/`, which judges scrapes
    #[arg(long)]
    promcheck: PathBuf,
    /// The differences that are known
    #[arg(long)]
    differences: PathBuf,
    /// Show the whole of what differs
    #[arg(long)]
    full: bool,
    /// Compare only these topics
    topics: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    for topic in &args.topics {
        if !topics::NAMES.contains(&topic.as_str()) {
            bail!("no topic `{topic}`; there are {}", topics::NAMES.join(", "));
        }
    }
    let known = std::fs::read_to_string(&args.differences)
        .with_context(|| format!("cannot read {}", args.differences.display()))?;
    let binaries = Binaries {
        collector: args.collector.canonicalize().context("no Collector")?,
        spanloom: args.spanloom.canonicalize().context("no Spanloom")?,
        promcheck: Promcheck::new(args.promcheck.canonicalize().context("no promcheck")?),
    };
    let mut report = Report::new(differences::parse(&known), args.full);
    for name in topics::NAMES {
        if !args.topics.is_empty() && !args.topics.iter().any(|topic| topic == name) {
            continue;
        }
        let started = Instant::now();
        match topics::run(name, &binaries).await {
            Ok(cases) => report.topic(name, &cases),
            Err(error) => report.failed(name, &error),
        }
        report.faults(name, &binaries.promcheck.take());
        println!("compared {name} in {:.1} s", started.elapsed().as_secs_f64());
    }
    Ok(if report.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
