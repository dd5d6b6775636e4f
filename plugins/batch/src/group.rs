//! Batches that leave together.

use std::time::Duration;

use spanloom_plugin::Batch;

/// Of one signal and, where it matters, of like senders.
#[derive(Debug)]
pub(crate) struct Group {
    /// As they came, or merged so far.
    batches: Vec<Batch>,
    pub(crate) items: usize,
    /// On the monotonic clock.
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

    /// Makes one batch of those that are there.
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
        // All of a group are of one signal.
        let _ = all.merge(batch);
    }
    Some(all)
}

/// Batches of at most `max_size` items each; 0 is no limit. Halves are cut, since each cut looks at all that there is.
pub(crate) fn cut(mut batch: Batch, max_size: u32) -> Vec<Batch> {
    let pieces = if max_size == 0 { 1 } else { batch.len().div_ceil(max_size as usize) };
    if pieces <= 1 {
        return vec![batch];
    }
    let rest = batch.split_off(max_size.saturating_mul((pieces / 2) as u32));
    if batch.is_empty() || rest.is_empty() {
        // Neither can be cut: what there is leaves as it is.
        return vec![batch, rest];
    }
    let mut cuts = cut(batch, max_size);
    cuts.append(&mut cut(rest, max_size));
    cuts
}
