//! `sampling`: limits how often one place of the code may write its line.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use tracing::{Event, Subscriber, callsite::Identifier};
use tracing_subscriber::layer::{Context, Layer};

use crate::config::telemetry::SamplingConfig;

/// Lets all lines pass if there is no config.
pub(super) struct Sampling {
    config: Option<SamplingConfig>,
    /// The lines of each place. There are as many places as calls in the source.
    places: Mutex<HashMap<Identifier, Tick>>,
}

/// The lines of the current tick.
struct Tick {
    began: Instant,
    lines: u64,
}

impl Sampling {
    pub(super) fn new(config: Option<SamplingConfig>) -> Sampling {
        Sampling { config, places: Mutex::default() }
    }

    fn allows(&self, place: Identifier, now: Instant) -> bool {
        let Some(SamplingConfig { tick, initial, thereafter, .. }) = self.config else { return true };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let current = places.entry(place).or_insert(Tick { began: now, lines: 0 });
        if now.duration_since(current.began) >= tick.0 {
            *current = Tick { began: now, lines: 0 };
        }
        current.lines = current.lines.saturating_add(1);
        match current.lines.checked_sub(initial) {
            None | Some(0) => true,
            Some(further) => thereafter > 0 && further.is_multiple_of(thereafter),
        }
    }
}

impl<S: Subscriber> Layer<S> for Sampling {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.allows(event.metadata().callsite(), Instant::now())
    }
}
