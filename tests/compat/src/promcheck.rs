//! Prometheus' verdict on scrapes. What Prometheus would refuse is a fault, whatever the Collector does.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::http1::{self, Request};

/// What is asked for: text, OpenMetrics, and what Prometheus 3 asks for without and with native histograms.
const ACCEPTED: &[&str] = &[
    "text/plain",
    "application/openmetrics-text;version=1.0.0",
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3",
];

/// Calls the program of `promcheck/`, and keeps what it finds.
#[derive(Clone)]
pub(crate) struct Promcheck {
    binary: PathBuf,
    faults: Arc<Mutex<Vec<String>>>,
}

impl Promcheck {
    pub(crate) fn new(binary: PathBuf) -> Promcheck {
        Promcheck { binary, faults: Arc::default() }
    }

    /// Scrapes in each form, and notes why Prometheus would refuse a scrape or lose a part of it.
    pub(crate) async fn check(&self, name: &str, from: SocketAddr) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(&self.binary);
        command.kill_on_drop(true);
        for (number, accepted) in ACCEPTED.iter().enumerate() {
            let request = Request::new("GET", "/metrics").header("Accept", accepted);
            let answer = http1::exchange(from, &request.bytes(), false).await.context("no scrape")?;
            if answer.status != 200 {
                self.note(format!("{name}: a scrape of {accepted} is answered with {}", answer.status));
                continue;
            }
            let content_type = answer.headers.get("content-type").and_then(|value| value.to_str().ok());
            let file = folder.path().join(number.to_string());
            std::fs::write(&file, &answer.body)?;
            command.arg(content_type.unwrap_or_default()).arg(file);
        }
        let output = command.output().await.context("cannot run promcheck")?;
        if !output.status.success() {
            bail!("promcheck: {}", String::from_utf8_lossy(&output.stderr));
        }
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let (number, finding) = line.split_once(' ').unwrap_or_default();
            let accepted = number.parse().ok().and_then(|number: usize| ACCEPTED.get(number));
            let form = accepted.and_then(|accepted| accepted.split([';', ',']).next()).unwrap_or_default();
            self.note(format!("{name}: {form} ({number}): {finding}"));
        }
        Ok(())
    }

    /// Returns what was found since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        self.faults.lock().map(|mut faults| std::mem::take(&mut *faults)).unwrap_or_default()
    }

    fn note(&self, fault: String) {
        if let Ok(mut faults) = self.faults.lock() {
            faults.push(fault);
        }
    }
}
