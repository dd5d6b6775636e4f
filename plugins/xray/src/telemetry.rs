//! Reports on this exporter to X-Ray (`PutTelemetryRecords`) if `telemetry.enabled` is set: one record per
//! minute.

use std::collections::VecDeque;
use std::time::Duration;

use spanloom_plugin::http::{HttpError, Request};
use spanloom_plugin::json::Writer;
use spanloom_plugin::{clock, debug, schedule};

use crate::config::Config;

const INTERVAL: Duration = Duration::from_secs(60);
/// The most records that wait to be sent. Beyond it, the oldest are dropped.
const MAX_WAITING: usize = 30;
/// The most records of one request.
const MAX_RECORDS: usize = 10;

#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    enabled: bool,
    record: Record,
    waiting: VecDeque<Record>,
}

/// A `TelemetryRecord`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Record {
    time_unix_nano: u64,
    received: u64,
    sent: u64,
    rejected: u64,
    timeouts: u64,
    refused_connections: u64,
    unknown_hosts: u64,
    status_4xx: u64,
    status_5xx: u64,
    other_errors: u64,
}

impl Telemetry {
    pub(crate) fn new(config: &Config) -> Telemetry {
        Telemetry { enabled: config.telemetry.enabled, ..Telemetry::default() }
    }

    /// Schedules the next record.
    pub(crate) fn start(&self) {
        if self.enabled {
            schedule::wake_after(INTERVAL);
        }
    }

    /// Applies the new config and keeps the counts.
    pub(crate) fn reconfigure(&mut self, new: Telemetry) {
        self.enabled = new.enabled;
    }

    /// Counts documents that were made.
    pub(crate) fn received(&mut self, documents: u64) {
        self.record.received += documents;
    }

    /// Counts documents that the service has processed.
    pub(crate) fn sent(&mut self, documents: u64) {
        self.record.sent += documents;
    }

    /// Counts documents that the service has not processed.
    pub(crate) fn rejected(&mut self, documents: u64) {
        self.record.rejected += documents;
    }

    /// Counts a response with a status other than 2xx.
    pub(crate) fn status(&mut self, status: u16) {
        match status {
            400..=499 => self.record.status_4xx += 1,
            500..=599 => self.record.status_5xx += 1,
            _ => self.record.other_errors += 1,
        }
    }

    /// Counts a request without a response.
    pub(crate) fn unanswered(&mut self, error: &HttpError) {
        match error {
            HttpError::Timeout => self.record.timeouts += 1,
            HttpError::Unreachable(why) if why.contains("refused") => self.record.refused_connections += 1,
            HttpError::Unreachable(why) if why.contains("dns") || why.contains("resolve") => {
                self.record.unknown_hosts += 1;
            }
            _ => self.record.other_errors += 1,
        }
    }

    /// Sends the counts since the last record, if there are any, and the records that still wait.
    pub(crate) fn send(&mut self, config: &Config) {
        if !self.enabled {
            return;
        }
        if self.record != Record::default() {
            let time_unix_nano = clock::now_unix_nano();
            self.waiting.push_back(Record { time_unix_nano, ..std::mem::take(&mut self.record) });
        }
        while self.waiting.len() > MAX_WAITING {
            self.waiting.pop_front();
        }
        while !self.waiting.is_empty() {
            let records = self.waiting.len().min(MAX_RECORDS);
            if let Err(why) = put(config, self.waiting.iter().take(records)) {
                debug!("telemetry waits for the next minute: {why}");
                return;
            }
            self.waiting.drain(..records);
        }
    }
}

fn put<'r>(config: &Config, records: impl Iterator<Item = &'r Record>) -> Result<(), String> {
    let mut json = Writer::default();
    json.object(|json| {
        json.key("TelemetryRecords").array(|json| records.for_each(|record| record.write(json)));
        if config.telemetry.include_metadata {
            let fields = [
                ("EC2InstanceId", config.telemetry.instance_id.as_str()),
                ("Hostname", &config.telemetry.hostname),
                ("ResourceARN", config.telemetry_resource_arn()),
            ];
            for (key, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
                json.field(key, value);
            }
        }
    });
    let request = Request::post(&config.url("/TelemetryRecords")).header("content-type", "application/json");
    let sent = request.timeout(config.request_timeout()).body(json.take()).send();
    match sent {
        Ok(response) if (200..=299).contains(&response.status) => Ok(()),
        Ok(response) => Err(format!("status {}", response.status)),
        Err(error) => Err(format!("{error:?}")),
    }
}

impl Record {
    fn write(&self, json: &mut Writer) {
        json.object(|json| {
            json.field("Timestamp", self.time_unix_nano as f64 / 1e9);
            json.field("SegmentsReceivedCount", self.received).field("SegmentsSentCount", self.sent);
            json.field("SegmentsSpilloverCount", 0_u64).field("SegmentsRejectedCount", self.rejected);
            json.key("BackendConnectionErrors").object(|json| {
                json.field("TimeoutCount", self.timeouts);
                json.field("ConnectionRefusedCount", self.refused_connections);
                json.field("HTTPCode4XXCount", self.status_4xx).field("HTTPCode5XXCount", self.status_5xx);
                json.field("UnknownHostCount", self.unknown_hosts).field("OtherCount", self.other_errors);
            });
        });
    }
}
