//! Groups of batches that leave together.

use std::time::Duration;

use spanloom_plugin::Batch;

/// Waiting batches of one signal and, with `metadata_keys`, of senders with the same header values.
#[derive(Debug)]
pub(crate) struct Group {
    /// The batches, as they arrived or merged so far.
    batches: Vec<Batch>,
    pub(crate) items: usize,
    /// When the group leaves, on the monotonic clock.
    pub(crate) due: Duration,
}

impl Group {
    pub(crate) fn due(due: Duration) -> Group {
        Group { batches: Vec::new(), items: 0, due }
    }

    pub(crate) fn add(&mut self, batch: Batch) {
        self.items += batch.len();
        self.batches.push(batch);
    }

    pub(crate) fn batches(&self) -> usize {
        self.batches.len()
    }

    /// Merges the batches into one.
    pub(crate) fn settle(&mut self) {
        let merged = merge(std::mem::take(&mut self.batches));
        self.batches.extend(merged);
    }

    pub(crate) fn into_batch(self) -> Option<Batch> {
        merge(self.batches)
    }
}

fn merge(batches: Vec<Batch>) -> Option<Batch> {
    let mut batches = batches.into_iter();
    let mut all = batches.next()?;
    for batch in batches {
        // All batches of a group have the same signal, so merging cannot fail.
        let _ = all.merge(batch);
    }
    Some(all)
}

/// Cuts a batch into batches of at most `max_size` items each; 0 is no limit. The batch is halved again and
/// again, because each cut takes time in the whole batch.
pub(crate) fn cut(mut batch: Batch, max_size: u32) -> Vec<Batch> {
    let pieces = if max_size == 0 { 1 } else { batch.len().div_ceil(max_size as usize) };
    if pieces <= 1 {
        return vec![batch];
    }
    let rest = batch.split_off(max_size.saturating_mul((pieces / 2) as u32));
    if batch.is_empty() || rest.is_empty() {
        // The batch cannot be cut further, so it leaves as it is.
        return vec![batch, rest];
    }
    let mut cuts = cut(batch, max_size);
    cuts.append(&mut cut(rest, max_size));
    cuts
}
