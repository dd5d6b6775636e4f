//! A collector with a sampler, and the sink behind it.

use std::{net::SocketAddr, path::PathBuf, process::Command};

use serde::Serialize;
use tempfile::TempDir;

use crate::{
    process::{Part, Process},
    subject::{free_address, launch, write},
};

pub(super) enum Kind {
    Spanloom(PathBuf),
    Collector(PathBuf),
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sampler {
    Tail,
    Probabilistic,
}

pub(super) struct Subject {
    pub(super) sink: Part,
    /// Where the generator sends.
    pub(super) target: SocketAddr,
    pub(super) process: Process,
    /// The config and the log.
    _scratch: TempDir,
}

impl Sampler {
    /// The id of the processor, in both.
    pub(super) fn id(self) -> &'static str {
        match self {
            Sampler::Tail => "tail_sampling",
            Sampler::Probabilistic => "probabilistic_sampler",
        }
    }
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Kind::Spanloom(_) => "Spanloom",
            Kind::Collector(_) => "Collector",
        }
    }
}

impl Subject {
    pub(super) fn start(kind: &Kind, sampler: Sampler, wait_secs: u64) -> anyhow::Result<Subject> {
        let scratch = tempfile::tempdir()?;
        let (sink, sink_at) = Part::start::<SocketAddr>("trace-sink", &[])?;
        let target = free_address()?;
        let mut command = match kind {
            Kind::Spanloom(path) => {
                let mut command = Command::new(path);
                command.arg("run");
                let config = include_str!("../../configs/sampling-spanloom.yaml");
                command.arg("--config").arg(write(scratch.path(), "spanloom.yaml", config)?);
                command
            }
            Kind::Collector(path) => {
                let mut command = Command::new(path);
                let config = include_str!("../../configs/sampling-otelcol.yaml");
                command.arg("--config").arg(write(scratch.path(), "otelcol.yaml", config)?);
                command
            }
        };
        command
            .env("BENCH_PORT", target.port().to_string())
            .env("BENCH_SINK_PORT", sink_at.port().to_string())
            .env("BENCH_WAIT", format!("{wait_secs}s"))
            .env("BENCH_SAMPLER", sampler.id());
        let process = launch(&mut command, scratch.path(), target)?;
        Ok(Subject { sink, target, process, _scratch: scratch })
    }
}
