//! The room of a sending queue: how much it may hold, and how much each batch takes.

use std::sync::Arc;

use metrics::Gauge;
use tokio::sync::{Semaphore, TryAcquireError};

use super::closed;
use crate::{
    component::{QueueSettings, Sizer},
    receipt::{Failure, Reason},
};

/// The room of one queue, in units of its sizer and also in bytes, whatever the sizer.
#[derive(Debug)]
pub(super) struct Room {
    units: Semaphore,
    bytes: Semaphore,
    settings: QueueSettings,
    taken: Gauge,
}

/// The room that a batch takes, from its acceptance until it is settled. Dropping gives the room back.
#[derive(Debug)]
pub(super) struct Place {
    units: usize,
    bytes: usize,
    room: Arc<Room>,
}

impl Room {
    pub(super) fn new(settings: &QueueSettings, taken: Gauge) -> Arc<Room> {
        let semaphore = |permits: usize| Semaphore::new(permits.min(Semaphore::MAX_PERMITS));
        Arc::new(Room {
            units: semaphore(settings.queue_size),
            bytes: semaphore(settings.max_bytes),
            settings: settings.clone(),
            taken,
        })
    }

    /// Takes room for a request. If the queue blocks on overflow, this waits, and requests are served in
    /// order.
    pub(super) async fn take(self: &Arc<Self>, data: &wire::Batch) -> Result<Place, Failure> {
        let size = self.settings.sizer.size(data);
        let bytes = if self.settings.sizer == Sizer::Bytes { size } else { data.held_bytes() };
        let units = self.fits(size, self.settings.queue_size, self.settings.sizer)?;
        let permits = self.fits(bytes, self.settings.max_bytes, Sizer::Bytes)?;
        self.acquire(&self.units, units).await?;
        // From here on dropping `place` gives back what is taken, also if the next wait is cancelled.
        let mut place = Place { units: size, bytes: 0, room: self.clone() };
        self.taken.increment(size as f64);
        self.acquire(&self.bytes, permits).await?;
        place.bytes = bytes;
        Ok(place)
    }

    /// Accepts no further request, and ends all waits with an error.
    pub(super) fn close(&self) {
        self.units.close();
        self.bytes.close();
    }

    async fn acquire(&self, room: &Semaphore, permits: u32) -> Result<(), Failure> {
        match room.try_acquire_many(permits) {
            Ok(permit) => permit.forget(),
            Err(TryAcquireError::NoPermits) if self.settings.block_on_overflow => {
                room.acquire_many(permits).await.map_err(|_| closed())?.forget();
            }
            Err(TryAcquireError::NoPermits) => return Err(full()),
            Err(TryAcquireError::Closed) => return Err(closed()),
        }
        Ok(())
    }

    fn fits(&self, size: usize, capacity: usize, sizer: Sizer) -> Result<u32, Failure> {
        u32::try_from(size).ok().filter(|_| size <= capacity).ok_or_else(|| {
            let message =
                format!("{size} {sizer} in one request are more than the sending queue holds ({capacity})");
            Failure::permanent(Reason::TooLarge, message)
        })
    }
}

impl Place {
    /// Adds the room of a batch that is merged into this one.
    pub(super) fn merge(&mut self, mut other: Place) {
        self.units += std::mem::take(&mut other.units);
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Splits off the room for `part` of the `whole` items that the batch had before it was split.
    pub(super) fn split_off(&mut self, part: usize, whole: usize) -> Place {
        let share = part as f64 / whole.max(1) as f64;
        let units = ((self.units as f64 * share) as usize).min(self.units);
        let bytes = ((self.bytes as f64 * share) as usize).min(self.bytes);
        self.units -= units;
        self.bytes -= bytes;
        Place { units, bytes, room: self.room.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken.decrement(self.units as f64);
        self.room.units.add_permits(self.units);
        self.room.bytes.add_permits(self.bytes);
    }
}

fn full() -> Failure {
    Failure::retryable(Reason::QueueFull, "the sending queue is full")
}
