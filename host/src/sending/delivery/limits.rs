//! Splits a batch into requests that the destination takes, and drops what it would never take.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wire::{Fitted, Limits, Unfit, Window};

use super::Delivery;
use crate::{
    component::{RequestLimits, TimeWindow, WINDOW_MARGIN},
    pipeline::Batch,
    receipt::{Failure, Reason},
};

impl Delivery {
    /// Returns the batch in parts within the limits, in their order. Items that no request may have are dropped.
    pub(super) fn within_limits(&self, mut batch: Batch) -> Vec<Batch> {
        let Some(limits) = &self.settings.limits else { return vec![batch] };
        let Some(Fitted { requests, unfit }) = batch.data.fit(&limits.at(SystemTime::now())) else {
            // The index was needed to look at the items.
            batch.data.trim();
            return vec![batch];
        };
        let (reasons, unfit): (Vec<Unfit>, Vec<wire::Batch>) = unfit.into_iter().unzip();
        let trimmed = requests.into_iter().chain(unfit).map(|mut data| {
            data.trim();
            data
        });
        let mut parts = batch.divide(trimmed);
        let unfit = parts.split_off(parts.len() - reasons.len());
        for (part, why) in unfit.into_iter().zip(reasons) {
            let failure = limits.failure(why);
            self.send_failed(&part, &failure);
            part.dropped(&failure);
        }
        parts
    }
}

impl RequestLimits {
    fn at(&self, now: SystemTime) -> Limits {
        Limits {
            request_bytes: self.request_bytes.unwrap_or(usize::MAX),
            request_items: self.request_items.unwrap_or(usize::MAX),
            item_bytes: self.item_bytes.unwrap_or(usize::MAX),
            resource_bytes: self.resource_bytes.unwrap_or(usize::MAX),
            window: self.window.map(|window| window.at(now)),
        }
    }

    /// Returns what is said of items that the destination would never take.
    fn failure(&self, why: Unfit) -> Failure {
        let bytes = |limit: Option<usize>| limit.unwrap_or(usize::MAX);
        let time = |limit: Option<Duration>| humantime::format_duration(limit.unwrap_or_default());
        let window = self.window.unwrap_or_default();
        let (reason, message) = match why {
            Unfit::ItemTooLarge => (
                Reason::TooLarge,
                format!("larger than {} bytes (`limits.item_bytes`)", bytes(self.item_bytes)),
            ),
            Unfit::ResourceTooLarge => (
                Reason::TooLarge,
                format!(
                    "resource and scope are larger than {} bytes (`limits.resource_bytes`)",
                    bytes(self.resource_bytes)
                ),
            ),
            Unfit::RequestTooLarge => (
                Reason::TooLarge,
                format!(
                    "with its resource, larger than a request of {} bytes (`limits.request_bytes`), or nearly, so that \
                     few spans would be sent at a time",
                    bytes(self.request_bytes)
                ),
            ),
            Unfit::TooOld => {
                (Reason::TooOld, format!("more than {} ago (`limits.time_window.past`)", time(window.past)))
            }
            Unfit::TooNew => (
                Reason::TooNew,
                format!("more than {} ahead (`limits.time_window.future`)", time(window.future)),
            ),
        };
        Failure::permanent(reason, message)
    }
}

impl TimeWindow {
    fn at(self, now: SystemTime) -> Window {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let nano = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let oldest = self.past.map(|past| now.saturating_sub(past.saturating_sub(WINDOW_MARGIN)));
        let newest = self.future.map(|future| now.saturating_add(future.saturating_sub(WINDOW_MARGIN)));
        Window {
            oldest_unix_nano: oldest.map_or(0, nano),
            newest_unix_nano: newest.map_or(u64::MAX, nano),
            spread_nano: self.spread.map_or(u64::MAX, nano),
        }
    }
}
