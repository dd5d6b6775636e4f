//! The results of the run, as tables and as JSON.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::blast::Protocol;
use crate::measure::{Load, Sample};
use crate::subject::WIRE_FLOOR;

const MIB: f64 = 1_048_576.0;

#[derive(Default, Serialize)]
pub(crate) struct Report {
    pub(crate) records: Vec<Record>,
    pub(crate) memory: Vec<Memory>,
}

/// The sample of one phase of the run.
#[derive(Serialize)]
pub(crate) struct Record {
    pub(crate) load: Load,
    pub(crate) round: u32,
    pub(crate) subject: &'static str,
    pub(crate) sample: Sample,
}

/// A subject's peak memory over all loads of a protocol.
#[derive(Serialize)]
pub(crate) struct Memory {
    pub(crate) protocol: Protocol,
    pub(crate) subject: &'static str,
    pub(crate) peak_rss_bytes: u64,
}

/// Prints a table for each load, with a row for each subject. Every figure is the median of the rounds.
impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for load in in_order(self.records.iter().map(|record| record.load)) {
            writeln!(out, "\n{load}")?;
            writeln!(
                out,
                "  {:<12}{:>13}{:>10}{:>13}{:>9}{:>9}{:>11}   spans",
                "", "CPU-µs/span", "× floor", "spans/s", "p50 ms", "p99 ms", "peak MiB"
            )?;
            for subject in in_order(self.records.iter().map(|record| record.subject)) {
                self.write_row(out, load, subject)?;
            }
        }
        Ok(())
    }
}

impl Report {
    fn write_row(&self, out: &mut Formatter<'_>, load: Load, subject: &str) -> fmt::Result {
        let rounds: Vec<&Record> = self.rounds(load, subject).collect();
        if rounds.is_empty() {
            return Ok(());
        }
        let median_of =
            |figure: fn(&Sample) -> f64| median(rounds.iter().map(|record| figure(&record.sample)));
        let ratio = median(rounds.iter().filter_map(|record| self.ratio_to_floor(record)));
        writeln!(
            out,
            "  {subject:<12}{:>13.2}{ratio:>10.2}{:>13.0}{:>9.1}{:>9.1}{:>11}   {}",
            median_of(|sample| sample.cpu_us_per_span),
            median_of(|sample| sample.spans_per_s),
            median_of(|sample| sample.latency_p50_us as f64 / 1e3),
            median_of(|sample| sample.latency_p99_us as f64 / 1e3),
            self.peak_mib(load.protocol, subject),
            account(&rounds),
        )
    }

    fn rounds(&self, load: Load, subject: &str) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.load == load && record.subject == subject)
    }

    /// Returns the ratio of this cost to the bare wire's cost in the same round under the same load.
    fn ratio_to_floor(&self, record: &Record) -> Option<f64> {
        let floor = self.rounds(record.load, WIRE_FLOOR).find(|floor| floor.round == record.round)?;
        Some(record.sample.cpu_us_per_span / floor.sample.cpu_us_per_span)
    }

    fn peak_mib(&self, protocol: Protocol, subject: &str) -> String {
        let found =
            self.memory.iter().find(|memory| memory.protocol == protocol && memory.subject == subject);
        found.map_or("-".to_owned(), |memory| format!("{:.0}", memory.peak_rss_bytes as f64 / MIB))
    }
}

impl Display for Load {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Grpc => "gRPC",
            Protocol::Http => "HTTP",
        };
        let plural = if self.connections == 1 { "" } else { "s" };
        write!(
            out,
            "{protocol}, {} spans a request, {} connection{plural}",
            self.request_spans, self.connections
        )
    }
}

/// Says whether every accepted span arrived exactly once, and what went wrong otherwise.
fn account(rounds: &[&Record]) -> String {
    let sent: u64 = rounds.iter().map(|record| record.sample.sent_spans).sum();
    let received: u64 = rounds.iter().map(|record| record.sample.received_spans).sum();
    let mut account = match received.checked_sub(sent) {
        Some(0) => format!("{sent}, all arrived once"),
        Some(doubled) => format!("{sent}, {doubled} DOUBLED"),
        None => format!("{sent}, {} LOST", sent - received),
    };
    let failed: u64 = rounds.iter().map(|record| record.sample.failed_requests).sum();
    if failed > 0 {
        let first = rounds.iter().find_map(|record| record.sample.first_failure.as_deref());
        account.push_str(&format!("; {failed} requests failed, the first: {}", first.unwrap_or_default()));
    }
    if rounds.iter().any(|record| record.sample.compressed_requests > 0) {
        account.push_str("; sent compressed, though told not to");
    }
    account
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(f64::NAN);
    let lower = middle.checked_sub(1).and_then(|below| sorted.get(below).copied()).unwrap_or(upper);
    if sorted.len().is_multiple_of(2) { f64::midpoint(lower, upper) } else { upper }
}

/// Returns each different item once, in the order of first appearance.
fn in_order<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load { protocol: Protocol::Grpc, request_spans: 100, connections: 1, in_flight: 4 };

    fn record(round: u32, subject: &'static str, cpu_us_per_span: f64, received_spans: u64) -> Record {
        let sample = Sample {
            cpu_us_per_span,
            spans_per_s: 1e6,
            latency_p50_us: 1_000,
            latency_p99_us: 2_000,
            sent_spans: 100,
            received_spans,
            compressed_requests: 0,
            failed_requests: 0,
            first_failure: None,
        };
        Record { load: LOAD, round, subject, sample }
    }

    fn row_of(subject: &'static str, records: Vec<Record>) -> String {
        let report = Report { records, memory: Vec::new() };
        report.to_string().lines().find(|line| line.contains(subject)).unwrap().to_owned()
    }

    /// Scenario: the wire's cost differs from round to round.
    /// Guarantees: the ratio is the median of the ratios within each round.
    #[test]
    fn a_ratio_is_the_median_of_the_ratios_within_each_round() {
        let records =
            [(0, 1.0, 2.0), (1, 10.0, 30.0), (2, 1.0, 9.0)].into_iter().flat_map(|(round, wire, ours)| {
                [record(round, WIRE_FLOOR, wire, 100), record(round, "Spanloom", ours, 100)]
            });
        let row = row_of("Spanloom", records.collect());
        assert!(row.contains(" 9.00      3.00 "), "{row}");
    }

    /// Scenario: a subject loses spans, and another time delivers spans twice.
    /// Guarantees: its row says how many were lost or doubled.
    #[test]
    fn spans_that_are_lost_or_doubled_are_said() {
        assert!(row_of("Rotel", vec![record(0, "Rotel", 1.0, 90)]).ends_with("100, 10 LOST"));
        assert!(row_of("Rotel", vec![record(0, "Rotel", 1.0, 103)]).ends_with("100, 3 DOUBLED"));
    }
}
