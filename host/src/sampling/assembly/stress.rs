//! How near an assembly is to its bounds, and what follows from it.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::time::sleep;

use super::{Assembly, Settings, lock, waits};
use crate::sampling::relief::{Relief, Share, Stress};

/// How often the task looks. Senders look too, each time they bring spans.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Decisions that are late by this much count as a stress of 100.
const LATE_MS: u64 = 10_000;

impl Assembly {
    /// Begins or ends stress relief by what is held now.
    pub(super) fn weigh_stress(&self) {
        let settings = self.settings();
        if let Some(deciding) = self.deciding()
            && (settings.relief.is_some() || deciding.relief.is_on())
        {
            deciding.relief.weigh(settings.relief, self.stress(settings));
        }
    }

    /// Returns the share of new traces that is kept without being held, if none is to be held.
    pub(super) fn share_at_once(&self, settings: Settings) -> Option<Share> {
        self.deciding().filter(|deciding| deciding.relief.is_on())?;
        settings.relief.map(|relief| relief.share)
    }

    /// The task that looks at the stress, so that relief also begins while decisions are late and ends while no spans
    /// come.
    pub(super) async fn watch_stress(&self, relief: &Relief) {
        loop {
            let is_wanted = self.settings().relief.is_some();
            let look = async {
                match is_wanted {
                    true => sleep(LOOK_EVERY).await,
                    false => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = self.changed.notified() => {}
                () = look => {}
            }
            self.note_lateness();
            self.weigh_stress();
            let settings = self.settings();
            relief.show(settings.relief.map_or(Stress::NONE, |_| self.stress(settings)));
        }
        relief.end();
    }

    fn note_lateness(&self) {
        let (now, waits) = (self.now(), waits(self.settings()));
        let late_ms = self.shards.iter().map(|worker| lock(&worker.shard).overdue(now, waits)).max();
        self.late_ms.store(late_ms.unwrap_or_default(), Relaxed);
    }

    /// Returns the stress: of the bounds, the one that is nearest.
    fn stress(&self, settings: Settings) -> Stress {
        let percent = |part: u64, of: u64| u32::try_from(part.saturating_mul(100) / of.max(1)).unwrap_or(100);
        let bytes = match self.budget.is_short() {
            true => 100,
            false => percent(self.held_bytes.load(Relaxed) as u64, settings.max_bytes as u64),
        };
        let all = [
            (bytes, "max_mib"),
            (percent(self.traces.load(Relaxed) as u64, settings.max_traces as u64), "num_traces"),
            (percent(self.late_ms.load(Relaxed), LATE_MS), "late decisions"),
        ];
        let all = all.map(|(percent, of)| Stress { percent: percent.min(100), of });
        all.into_iter().max().unwrap_or(Stress::NONE)
    }
}
