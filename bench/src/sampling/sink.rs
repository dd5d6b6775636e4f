//! The destination of kept traces: counts spans, and measures how long each trace took to come.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tonic::Status;

use super::sender::now_unix_nano;
use crate::{
    export_service::{self, Accept, Arrived},
    process::{self, LOOPBACK},
    shape,
};

const LONGEST_US: u64 = 600_000_000;

/// The answer to each line: what came since the line before.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct CameTraces {
    pub(super) spans: u64,
    /// Requests that are not OTLP.
    pub(super) malformed: u64,
    /// Traces, by their roots.
    pub(super) traces: u64,
    /// From the time when a root was sent until it came here.
    pub(super) took_p50_us: u64,
    pub(super) took_p99_us: u64,
}

#[derive(Clone)]
struct Sink(Arc<Mutex<Came>>);

struct Came {
    spans: u64,
    malformed: u64,
    took_us: Histogram<u64>,
}

/// Listens on a free port, says which, and answers each line on stdin, until stdin ends.
pub(crate) fn run() -> anyhow::Result<()> {
    let took_us = Histogram::new_with_bounds(1, LONGEST_US, 3)?;
    let sink = Sink(Arc::new(Mutex::new(Came { spans: 0, malformed: 0, took_us })));
    let runtime = process::runtime()?;
    let serving = sink.clone();
    let at = runtime.block_on(async { export_service::serve(SocketAddr::from((LOOPBACK, 0)), serving) })?;
    process::say(&at)?;
    process::answer_lines(|_| Ok(sink.take()))
}

impl Accept for Sink {
    async fn accept(&self, arrived: Arrived) -> Result<(), Status> {
        let now = now_unix_nano();
        let mut came = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Came { spans, took_us, .. } = &mut *came;
        let counted = shape::each_span(&arrived.request, &mut |span| {
            *spans += 1;
            if let Some(sent) = shape::start_of_root(span) {
                took_us.saturating_record(now.saturating_sub(sent) / 1000);
            }
        });
        if counted.is_none() {
            came.malformed += 1;
            return Err(Status::invalid_argument("not an export request"));
        }
        Ok(())
    }
}

impl Sink {
    fn take(&self) -> CameTraces {
        let mut came = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = CameTraces {
            spans: came.spans,
            malformed: came.malformed,
            traces: came.took_us.len(),
            took_p50_us: came.took_us.value_at_quantile(0.50),
            took_p99_us: came.took_us.value_at_quantile(0.99),
        };
        (came.spans, came.malformed) = (0, 0);
        came.took_us.reset();
        taken
    }
}
