//! Sends documents: fifty in a request, one request after another.

use spanloom_plugin::http::Request;
use spanloom_plugin::json::Writer;
use spanloom_plugin::{Failure, debug, warn};

use crate::answer::{Processed, Unprocessed, refusal};
use crate::config::Config;
use crate::counters::Counters;
use crate::failures::Failures;
use crate::telemetry::Telemetry;
use crate::translate::{Document, Refused};

/// The most documents of a `PutTraceSegments` request.
const MAX_DOCUMENTS: usize = 50;

pub(crate) struct Delivery<'p> {
    config: &'p Config,
    counters: &'p mut Counters,
    telemetry: &'p mut Telemetry,
    /// The row and segment id of each document in the body.
    pending: Vec<(u32, [u8; 8])>,
    body: Writer,
    failures: Failures,
    /// Set when no more requests are made, because they would fail like the last one.
    stopped: Option<Failure>,
}

impl<'p> Delivery<'p> {
    pub(crate) fn new(
        config: &'p Config,
        counters: &'p mut Counters,
        telemetry: &'p mut Telemetry,
    ) -> Delivery<'p> {
        Delivery {
            config,
            counters,
            telemetry,
            pending: Vec::new(),
            body: Writer::default(),
            failures: Failures::default(),
            stopped: None,
        }
    }

    pub(crate) fn add(&mut self, row: u32, document: &Document<'_>) {
        if let Some(failure) = &self.stopped {
            self.failures.add(row, failure);
            return;
        }
        self.telemetry.received(1);
        if self.pending.is_empty() {
            self.body.raw("{\"TraceSegmentDocuments\":[").newline();
        }
        self.body.embed(document.json);
        self.pending.push((row, document.id));
        if self.pending.len() == MAX_DOCUMENTS {
            self.put();
        }
    }

    /// Adds the failure of a span that has no document.
    pub(crate) fn refuse(&mut self, row: u32, why: Refused) {
        self.counters.refused_span(why);
        let message = match why {
            Refused::TraceIdMissing => "the span has no trace id",
            Refused::SpanIdMissing => "the span has no id",
            Refused::ResourceMissing => "the span has no resource",
            Refused::TraceIdOld => "the trace id does not begin with a time of the past 28 days",
        };
        self.failures.add(row, &Failure::permanent(message));
    }

    pub(crate) fn finish(mut self) -> Failures {
        if !self.pending.is_empty() {
            self.put();
        }
        self.failures
    }

    fn put(&mut self) {
        self.body.newline();
        self.body.raw("]}");
        let pending = std::mem::take(&mut self.pending);
        let request = Request::post(&self.config.url("/TraceSegments"))
            .header("content-type", "application/json")
            .timeout(self.config.request_timeout())
            .body(self.body.take());
        let failure = match request.send() {
            Ok(response) if (200..=299).contains(&response.status) => {
                return self.processed(&pending, &Processed::read(&response));
            }
            Ok(response) => {
                self.telemetry.status(response.status);
                // A refused body says nothing about the next one. Any other refusal would also meet the next
                // request.
                let only_this = matches!(response.status, 400 | 413);
                let failure = refusal(&response);
                let stops = !only_this || matches!(failure, Failure::Retryable(_));
                self.stopped = stops.then(|| failure.clone());
                failure
            }
            Err(error) => {
                self.telemetry.unanswered(&error);
                let failure = Failure::from(error);
                self.stopped = Some(failure.clone());
                failure
            }
        };
        for (row, _) in pending {
            self.failures.add(row, &failure);
        }
    }

    fn processed(&mut self, pending: &[(u32, [u8; 8])], unprocessed: &[Unprocessed]) {
        self.telemetry.sent(pending.len().saturating_sub(unprocessed.len()) as u64);
        self.telemetry.rejected(unprocessed.len() as u64);
        for segment in unprocessed {
            self.counters.unprocessed(segment.code(), 1);
            let message = segment.message.as_deref().unwrap_or_default();
            debug!("segment {:?} was not processed: {}: {message}", segment.id, segment.code());
            let id =
                segment.id.as_deref().and_then(|id| u64::from_str_radix(id, 16).ok()).map(u64::to_be_bytes);
            let mut rows = pending.iter().filter(|(_, of)| Some(*of) == id).peekable();
            if rows.peek().is_none() {
                warn!("X-Ray did not process a segment that it does not name: {}: {message}", segment.code());
            }
            let failure = segment.failure();
            rows.for_each(|(row, _)| self.failures.add(*row, &failure));
        }
    }
}
