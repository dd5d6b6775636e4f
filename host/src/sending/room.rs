//! How much a sending queue may hold, and who holds how much of it.

use std::sync::Arc;

use metrics::Gauge;
use tokio::sync::{Semaphore, TryAcquireError};

use super::{QueueSettings, Sizer, closed};
use crate::receipt::{Failure, Reason};

/// The room of one queue, in units of its sizer.
#[derive(Debug)]
pub(super) struct Room {
    free: Semaphore,
    capacity: usize,
    sizer: Sizer,
    wait: bool,
    taken: Gauge,
}

/// Room taken by a batch, from when it is let in until it is settled. Dropping gives it back.
#[derive(Debug)]
pub(super) struct Place {
    units: usize,
    room: Arc<Room>,
}

impl Room {
    pub(super) fn new(settings: &QueueSettings, taken: Gauge) -> Arc<Room> {
        let capacity = settings.queue_size.min(Semaphore::MAX_PERMITS);
        Arc::new(Room {
            free: Semaphore::new(capacity),
            capacity,
            sizer: settings.sizer,
            wait: settings.block_on_overflow,
            taken,
        })
    }

    /// Takes room for a request, waiting for it (first come, first served) if the queue blocks on overflow.
    pub(super) async fn take(self: &Arc<Self>, data: &wire::Batch) -> Result<Place, Failure> {
        let size = self.sizer.size(data);
        let units = match u32::try_from(size) {
            Ok(units) if size <= self.capacity => units,
            _ => return Err(self.too_large(size)),
        };
        match self.free.try_acquire_many(units) {
            Ok(permit) => permit.forget(),
            Err(TryAcquireError::NoPermits) if self.wait => {
                self.free.acquire_many(units).await.map_err(|_| closed())?.forget();
            }
            Err(TryAcquireError::NoPermits) => return Err(full()),
            Err(TryAcquireError::Closed) => return Err(closed()),
        }
        self.taken.increment(size as f64);
        Ok(Place { units: size, room: self.clone() })
    }

    /// Lets nobody in any more, and sends away who waits.
    pub(super) fn close(&self) {
        self.free.close();
    }

    fn too_large(&self, size: usize) -> Failure {
        let (capacity, sizer) = (self.capacity, self.sizer);
        let message =
            format!("{size} {sizer} in one request are more than the sending queue holds ({capacity})");
        Failure::permanent(Reason::TooLarge, message)
    }
}

impl Place {
    /// For a batch that was merged with another.
    pub(super) fn merge(&mut self, mut other: Place) {
        self.units += std::mem::take(&mut other.units);
    }

    /// For `part` of the `whole` that the batch was before it was split.
    pub(super) fn split_off(&mut self, part: usize, whole: usize) -> Place {
        let share = self.units as f64 * part as f64 / whole.max(1) as f64;
        let units = (share as usize).min(self.units);
        self.units -= units;
        Place { units, room: self.room.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken.decrement(self.units as f64);
        self.room.free.add_permits(self.units);
    }
}

fn full() -> Failure {
    Failure::retryable(Reason::QueueFull, "the sending queue is full")
}
