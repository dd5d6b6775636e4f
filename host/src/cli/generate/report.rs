//! Counts the outcomes of requests.

use std::{collections::BTreeMap, fmt, time::Duration};

use hdrhistogram::Histogram;
use wire::Signal;

use super::{client::Accepted, payload::Payload};

/// The counts so far, in items: spans, data points or log records.
#[derive(Clone, Debug)]
pub(super) struct Report {
    signal: Signal,
    requests: u64,
    sent: u64,
    bytes: u64,
    accepted: u64,
    rejected: u64,
    /// The server's message about items that it rejected.
    rejection: String,
    failed: BTreeMap<String, u64>,
    /// The latency of answered requests, in microseconds.
    latency_us: Histogram<u64>,
}

/// A report with its time, at the end or on the way.
pub(super) struct Summary<'a> {
    pub(super) report: &'a Report,
    pub(super) elapsed: Duration,
}

/// The number of reasons that are counted separately. Further reasons count as `other reasons`.
const REASON_LIMIT: usize = 10;
const LONGEST_LATENCY_US: u64 = 3_600_000_000;

impl Report {
    pub(super) fn new(signal: Signal) -> anyhow::Result<Report> {
        Ok(Report {
            signal,
            requests: 0,
            sent: 0,
            bytes: 0,
            accepted: 0,
            rejected: 0,
            rejection: String::new(),
            failed: BTreeMap::new(),
            latency_us: Histogram::new_with_bounds(1, LONGEST_LATENCY_US, 3)?,
        })
    }

    pub(super) fn record(&mut self, payload: &Payload, took: Duration, outcome: Result<Accepted, String>) {
        let items = payload.items as u64;
        self.requests += 1;
        self.sent += items;
        self.bytes += payload.body.len() as u64;
        match outcome {
            Ok(Accepted { rejected, message }) => {
                let rejected = rejected.min(items);
                self.rejected += rejected;
                self.accepted += items - rejected;
                self.latency_us.saturating_record((took.as_micros() as u64).max(1));
                if !message.is_empty() {
                    self.rejection = message;
                }
            }
            Err(reason) => {
                let is_known = self.failed.contains_key(&reason) || self.failed.len() < REASON_LIMIT;
                let reason = if is_known { reason } else { "other reasons".to_owned() };
                *self.failed.entry(reason).or_default() += items;
            }
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.rejected == 0 && self.failed.is_empty()
    }

    /// Returns the counts since `before`.
    pub(super) fn since(&self, before: &Report) -> Report {
        let mut since = self.clone();
        for (now, before) in [
            (&mut since.requests, before.requests),
            (&mut since.sent, before.sent),
            (&mut since.bytes, before.bytes),
            (&mut since.accepted, before.accepted),
            (&mut since.rejected, before.rejected),
        ] {
            *now = now.saturating_sub(before);
        }
        for (reason, items) in &mut since.failed {
            *items = items.saturating_sub(before.failed.get(reason).copied().unwrap_or_default());
        }
        since.failed.retain(|_, items| *items > 0);
        // This fails only if `before` has larger counts, which is impossible.
        let _ = since.latency_us.subtract(&before.latency_us);
        since
    }

    /// Returns the counts in a few words, for a line of progress.
    pub(super) fn brief(&self, elapsed: Duration) -> String {
        let mut brief = format!("{} {}  {}", grouped(self.accepted), self.items(), self.rate(elapsed));
        if !self.latency_us.is_empty() {
            brief += &format!("  p99 {}", millis(self.latency_us.value_at_quantile(0.99)));
        }
        if self.rejected > 0 {
            brief += &format!("  {} rejected", grouped(self.rejected));
        }
        if !self.failed.is_empty() {
            brief += &format!("  {} failed", grouped(self.failed_items()));
        }
        brief
    }

    fn items(&self) -> &'static str {
        match self.signal {
            Signal::Traces => "spans",
            Signal::Metrics => "data points",
            Signal::Logs => "log records",
        }
    }

    fn rate(&self, elapsed: Duration) -> String {
        let rate = self.accepted as f64 / elapsed.as_secs_f64().max(0.001);
        format!("{}/s", grouped(rate.round() as u64))
    }

    fn failed_items(&self) -> u64 {
        self.failed.values().sum()
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { report, elapsed } = self;
        let sent = [report.sent, report.requests].map(grouped);
        let [sent, requests] = &sent;
        writeln!(f, "sent      {sent} {} in {requests} requests, {}", report.items(), bytes(report.bytes))?;
        let seconds = elapsed.as_secs_f64();
        writeln!(f, "accepted  {} in {seconds:.1} s, {}", grouped(report.accepted), report.rate(*elapsed))?;
        let rejection = if report.rejection.is_empty() { "" } else { ": " };
        writeln!(f, "rejected  {}{rejection}{}", grouped(report.rejected), report.rejection)?;
        writeln!(f, "failed    {}", grouped(report.failed_items()))?;
        for (reason, items) in &report.failed {
            writeln!(f, "          {} × {reason}", grouped(*items))?;
        }
        if report.latency_us.is_empty() {
            return Ok(());
        }
        let at = |quantile| millis(report.latency_us.value_at_quantile(quantile));
        let max = millis(report.latency_us.max());
        writeln!(f, "latency   p50 {}  p90 {}  p99 {}  max {max}", at(0.5), at(0.9), at(0.99))
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1_048_576 => format!("{:.1} KiB", count as f64 / 1_024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

fn millis(us: u64) -> String {
    format!("{:.2} ms", us as f64 / 1_000.0)
}

/// Writes a number with separators: `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn payload(items: usize) -> Payload {
        Payload { body: Bytes::from(vec![0; 1 << 20]), items }
    }

    fn accepted(rejected: u64) -> Result<Accepted, String> {
        let message = if rejected > 0 { "too old" } else { "" };
        Ok(Accepted { rejected, message: message.to_owned() })
    }

    /// Scenario: requests are accepted, partly rejected and failed.
    /// Guarantees: each item is counted once, and the summary shows all.
    #[test]
    fn the_summary_accounts_for_everything_sent() {
        let mut report = Report::new(Signal::Traces).unwrap();
        report.record(&payload(1_000), Duration::from_millis(2), accepted(0));
        report.record(&payload(500), Duration::from_millis(8), accepted(100));
        report.record(&payload(34), Duration::from_secs(1), Err("Unavailable: shut".to_owned()));
        let summary = Summary { report: &report, elapsed: Duration::from_secs(2) }.to_string();
        let expected = "\
sent      1,534 spans in 3 requests, 3.0 MiB
accepted  1,400 in 2.0 s, 700/s
rejected  100: too old
failed    34
          34 × Unavailable: shut
latency   p50 2.00 ms  p90 8.00 ms  p99 8.00 ms  max 8.00 ms
";
        assert_eq!(summary, expected, "\n{summary}");
        assert!(!report.is_clean());
    }

    /// Scenario: requests are counted before and after a copy of the report.
    /// Guarantees: the difference holds only the later requests.
    #[test]
    fn news_are_what_was_added_since() {
        let mut report = Report::new(Signal::Traces).unwrap();
        report.record(&payload(10), Duration::from_secs(9), accepted(1));
        report.record(&payload(5), Duration::from_secs(1), Err("shut".to_owned()));
        let before = report.clone();
        assert!(report.since(&before).is_clean());
        report.record(&payload(20), Duration::from_millis(2), accepted(0));
        report.record(&payload(3), Duration::from_secs(1), Err("shut".to_owned()));
        let news = report.since(&before);
        assert_eq!(news.brief(Duration::from_secs(1)), "20 spans  20/s  p99 2.00 ms  3 failed");
    }

    /// Scenario: each failure has a different message.
    /// Guarantees: only ten reasons are kept, and every item is counted.
    #[test]
    fn only_so_many_reasons_are_told_apart() {
        let mut report = Report::new(Signal::Logs).unwrap();
        for number in 0..100 {
            report.record(&payload(1), Duration::ZERO, Err(format!("request {number}")));
        }
        assert_eq!(report.failed.len(), REASON_LIMIT + 1);
        assert_eq!(report.failed_items(), 100);
    }
}
