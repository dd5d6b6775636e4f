//! Gathers small batches into large ones, with the config of the Collector's `batch` processor.
//!
//! The plugin holds handles and no bytes; the host merges. A batch leaves when it has `send_batch_size`
//! items, or when its first item has waited for `timeout`.

mod config;
mod group;
mod stats;

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use spanloom_plugin::{Saved, Signal, clock, prelude::*, schedule, serde_json};

use config::BatchConfig;
use group::Group;
use stats::{Stats, Trigger};

/// The most batches that wait before those of each group are merged. Separate batches are cheap to add, and
/// merged batches are cheap to keep.
const LOOSE_LIMIT: usize = 256;

#[derive(Deserialize)]
#[serde(from = "BatchConfig")]
struct Batcher {
    config: BatchConfig,
    groups: BTreeMap<Key, Group>,
    /// The number of batches in all groups.
    batches: usize,
    /// The time of the next wake-up on the monotonic clock. It may be earlier than any group is due.
    wake_at: Option<Duration>,
    /// Present once the plugin is configured.
    stats: Option<Stats>,
}

/// What batches must have in common to be merged: the signal, and the values of each of the `metadata_keys`.
type Key = (Signal, Vec<Vec<String>>);

/// What the next instance needs beside the batches.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct State {
    /// The time when each batch is due, on the monotonic clock.
    due_nano: Vec<u64>,
}

impl From<BatchConfig> for Batcher {
    fn from(config: BatchConfig) -> Batcher {
        Batcher { config, groups: BTreeMap::new(), batches: 0, wake_at: None, stats: None }
    }
}

impl Processor for Batcher {
    fn describe(of_crate: Description) -> Description {
        Description {
            name: "batch".to_owned(),
            signals: vec![Signal::Traces, Signal::Metrics, Signal::Logs],
            concurrency: Concurrency::Single,
            ..of_crate.with_schema(include_str!("../config.schema.json"))
        }
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        self.config.check()?;
        self.stats = Some(Stats::new());
        Ok(())
    }

    fn reconfigure(&mut self, mut new: Batcher) -> Result<(), ConfigError> {
        for (due, batch) in self.give_up() {
            new.hold(batch, due);
        }
        new.schedule();
        *self = new;
        Ok(())
    }

    fn process_spans(&mut self, spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        self.take(spans.into(), out)
    }

    fn process_metrics(&mut self, metrics: MetricsBatch, out: &mut Output) -> Result<(), Failure> {
        self.take(metrics.into(), out)
    }

    fn process_logs(&mut self, logs: LogsBatch, out: &mut Output) -> Result<(), Failure> {
        self.take(logs.into(), out)
    }
}

impl Timer for Batcher {
    fn wake(&mut self, out: &mut Output) -> Result<(), Failure> {
        self.wake_at = None;
        let now = clock::monotonic();
        let due = |(key, group): (&Key, &Group)| (group.due <= now).then(|| key.clone());
        let due: Vec<Key> = self.groups.iter().filter_map(due).collect();
        for key in due {
            self.send_all(&key, Trigger::Timeout, out);
        }
        self.schedule();
        self.show_groups();
        Ok(())
    }
}

impl Flush for Batcher {
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        let keys: Vec<Key> = self.groups.keys().cloned().collect();
        for key in keys {
            self.send_all(&key, Trigger::Timeout, out);
        }
        self.show_groups();
        Ok(())
    }
}

impl Handover for Batcher {
    fn save(&mut self) -> Result<Saved, Failure> {
        let (due, batches): (Vec<Duration>, Vec<Batch>) = self.give_up().into_iter().unzip();
        let state = State { due_nano: due.into_iter().map(nanos).collect() };
        let state = serde_json::to_vec(&state).map_err(|error| Failure::permanent(error.to_string()))?;
        Ok(Saved { state, batches })
    }

    /// Restores the batches into groups by their metadata. A batch without a saved deadline starts a new
    /// wait.
    fn restore(&mut self, saved: Saved) -> Result<(), Failure> {
        let State { due_nano } = serde_json::from_slice(&saved.state).unwrap_or_default();
        let latest = clock::monotonic() + *self.config.timeout;
        let due = due_nano.into_iter().map(|nanos| Duration::from_nanos(nanos).min(latest));
        for (batch, due) in saved.batches.into_iter().zip(due.chain(std::iter::repeat(latest))) {
            self.hold(batch, due);
        }
        self.schedule();
        self.show_groups();
        Ok(())
    }
}

impl Batcher {
    fn take(&mut self, batch: Batch, out: &mut Output) -> Result<(), Failure> {
        if self.config.sends_at_once() {
            self.send(Trigger::Size, self.cut(batch), out);
            return Ok(());
        }
        let key = self.key(&batch);
        if !self.groups.contains_key(&key) {
            self.check_room(&key)?;
        }
        let timeout = *self.config.timeout;
        let group =
            self.groups.entry(key.clone()).or_insert_with(|| Group::due(clock::monotonic() + timeout));
        group.add(batch);
        self.batches += 1;
        if group.items >= self.config.send_batch_size as usize {
            self.send_full(&key, out);
        }
        let due = self.groups.get(&key).map(|group| group.due);
        if let Some(due) = due.filter(|due| self.wake_at.is_none_or(|at| *due < at)) {
            self.wake_at(due);
        }
        if self.batches > LOOSE_LIMIT.max(2 * self.groups.len()) {
            self.groups.values_mut().for_each(Group::settle);
            self.batches = self.groups.len();
        }
        self.show_groups();
        Ok(())
    }

    fn key(&self, batch: &Batch) -> Key {
        (batch.signal(), self.config.metadata_keys.iter().map(|key| batch.metadata(key)).collect())
    }

    /// Checks that a new group with this key is allowed.
    fn check_room(&self, (signal, _): &Key) -> Result<(), Failure> {
        let limit = self.config.metadata_cardinality_limit as usize;
        let of_signal = || self.groups.keys().filter(|(of, _)| of == signal).count();
        if self.config.metadata_keys.is_empty() || limit == 0 || of_signal() < limit {
            return Ok(());
        }
        Err(Failure::retryable(format!(
            "too many combinations of the values of `metadata_keys` wait to be sent: {limit} (`metadata_cardinality_limit`)"
        )))
    }

    /// Adds a batch to its group, regardless of the limits in the config.
    fn hold(&mut self, batch: Batch, due: Duration) {
        let key = self.key(&batch);
        let group = self.groups.entry(key).or_insert_with(|| Group::due(due));
        group.add(batch);
        group.due = group.due.min(due);
        self.batches += 1;
    }

    /// Removes all groups and returns one batch per group, with the time when it is due.
    fn give_up(&mut self) -> Vec<(Duration, Batch)> {
        self.batches = 0;
        let groups = std::mem::take(&mut self.groups).into_values();
        groups.filter_map(|group| Some((group.due, group.into_batch()?))).collect()
    }

    /// Sends the full batches of a group. A remainder below `send_batch_size` stays and starts a new wait.
    fn send_full(&mut self, key: &Key, out: &mut Output) {
        let Some(batch) = self.take_out(key) else { return };
        let mut pieces = self.cut(batch);
        let short = pieces.pop_if(|last| last.len() < self.config.send_batch_size as usize);
        self.send(Trigger::Size, pieces, out);
        if let Some(short) = short {
            let due = clock::monotonic() + *self.config.timeout;
            self.hold(short, due);
        }
    }

    fn send_all(&mut self, key: &Key, trigger: Trigger, out: &mut Output) {
        if let Some(batch) = self.take_out(key) {
            self.send(trigger, self.cut(batch), out);
        }
    }

    fn take_out(&mut self, key: &Key) -> Option<Batch> {
        let group = self.groups.remove(key)?;
        self.batches -= group.batches();
        group.into_batch()
    }

    fn cut(&self, batch: Batch) -> Vec<Batch> {
        group::cut(batch, self.config.send_batch_max_size)
    }

    fn send(&self, trigger: Trigger, pieces: Vec<Batch>, out: &mut Output) {
        for piece in pieces {
            if let Some(stats) = &self.stats {
                stats.sends(trigger, &piece);
            }
            out.pass(piece);
        }
    }

    fn schedule(&mut self) {
        if let Some(due) = self.groups.values().map(|group| group.due).min() {
            self.wake_at(due);
        }
    }

    fn wake_at(&mut self, due: Duration) {
        self.wake_at = Some(due);
        schedule::wake_after(due.saturating_sub(clock::monotonic()));
    }

    fn show_groups(&mut self) {
        if let Some(stats) = self.stats.as_mut().filter(|_| !self.config.metadata_keys.is_empty()) {
            stats.groups(self.groups.len());
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

spanloom_plugin::processor!(Batcher: Timer, Flush, Handover);

#[cfg(test)]
mod tests;
