//! Starts processes and reads their costs. The run's own processes talk in lines of JSON.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow};
use nix::time::ClockId;
use nix::unistd::Pid;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A running process. It is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    cpu_clock: ClockId,
}

/// A process of this binary (`sink`, `blast`, `relay`) that answers each line with a line.
pub(crate) struct Part {
    process: Process,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let cpu_clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(child.id())?))?;
        Ok(Self { child, cpu_clock })
    }

    /// Returns the CPU time, user and system, of all threads of the process since its start.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        Ok(self.cpu_clock.now()?.into())
    }

    /// Returns the peak resident memory of the process.
    pub(crate) fn peak_rss_bytes(&self) -> anyhow::Result<u64> {
        self.status_bytes("VmHWM:")
    }

    /// Returns the resident memory of the process.
    pub(crate) fn rss_bytes(&self) -> anyhow::Result<u64> {
        self.status_bytes("VmRSS:")
    }

    /// Returns a figure of the process's status (proc(5)).
    fn status_bytes(&self, name: &str) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(Path::new(&path))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"))
            .ok_or_else(|| anyhow!("{path} has no {name}"))?;
        Ok(kib.parse::<u64>()? * 1024)
    }

    pub(crate) fn has_exited(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Part {
    /// Starts this binary as `name` and waits for its first line, which says that it is ready.
    pub(crate) fn start<R: DeserializeOwned>(name: &str, args: &[String]) -> anyhow::Result<(Self, R)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(name).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command)?;
        let pipes = process.child.stdin.take().zip(process.child.stdout.take());
        let (stdin, stdout) = pipes.context("no pipes to a child process")?;
        let mut part = Self { process, stdin, stdout: BufReader::new(stdout) };
        let ready = part.hear().with_context(|| format!("{name} did not start"))?;
        Ok((part, ready))
    }

    pub(crate) fn ask<R: DeserializeOwned>(&mut self, line: &str) -> anyhow::Result<R> {
        writeln!(self.stdin, "{line}")?;
        self.hear()
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Returns the process of a part that needs no more lines. The part runs until the process is dropped.
    pub(crate) fn into_process(mut self) -> Process {
        self.process.child.stdin = Some(self.stdin);
        self.process
    }

    fn hear<R: DeserializeOwned>(&mut self) -> anyhow::Result<R> {
        let mut line = String::new();
        anyhow::ensure!(self.stdout.read_line(&mut line)? > 0, "it ended without an answer");
        Ok(serde_json::from_str(&line)?)
    }
}

/// Makes the runtime that the run's own processes use: tokio's default, with one worker for each core.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Writes one line of JSON to the process that started this one.
pub(crate) fn say(answer: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&line)?;
    Ok(stdout.flush()?)
}

/// Answers every line on stdin until stdin ends, which happens when the run ends or dies.
pub(crate) fn answer_lines<A: Serialize>(
    mut answer: impl FnMut(&str) -> anyhow::Result<A>,
) -> anyhow::Result<()> {
    for line in std::io::stdin().lock().lines() {
        say(&answer(&line?)?)?;
    }
    Ok(())
}
