//! The lines of a destination, and which of them has the turn.

use std::{net::SocketAddr, time::Duration};

use tokio::time::Instant;

use super::line::Line;
use crate::exporter::otlp_grpc::dial::{Place, Sender};

/// The most addresses of a name that are used.
const ADDRESSES_LIMIT: usize = 256;
/// If no address is known, a failed look-up is repeated at the earliest after this time.
const IMPATIENCE: Duration = Duration::from_millis(100);

pub(super) struct Lines {
    lines: Vec<Line>,
    /// The number of the next new line.
    number: u64,
    /// The line after the one that had the last turn.
    turn: usize,
    names: Names,
}

/// What is known of the destination's name.
#[derive(Default)]
struct Names {
    is_looked_up: bool,
    looked_up_at: Option<Instant>,
    error: Option<String>,
    /// A connection has ended or failed since the last look-up.
    may_have_changed: bool,
}

/// What a request does next.
pub(super) enum Next {
    Send(Sender),
    /// Waits for a change.
    Wait,
    Fail(String),
}

impl Lines {
    pub(super) fn to(places: Vec<Place>, connections: usize) -> Lines {
        let mut lines = Lines { lines: Vec::new(), number: 0, turn: 0, names: Names::default() };
        lines.replace(places, connections);
        lines
    }

    /// Returns true if the caller has to look up the name now.
    pub(super) fn begin_look_up(&mut self, now: Instant, pause: Duration) -> bool {
        let Names { is_looked_up, looked_up_at, may_have_changed, .. } = &mut self.names;
        let is_past = |pause: Duration| looked_up_at.is_none_or(|at| at + pause <= now);
        let begins = !*is_looked_up
            && match self.lines.is_empty() {
                true => is_past(IMPATIENCE),
                false => *may_have_changed && is_past(pause),
            };
        *is_looked_up |= begins;
        begins
    }

    /// Takes the addresses of the name. Lines to addresses that it still has go on.
    pub(super) fn looked_up(
        &mut self,
        found: Result<Vec<SocketAddr>, String>,
        connections: usize,
        now: Instant,
    ) {
        self.names.is_looked_up = false;
        self.names.looked_up_at = Some(now);
        let mut addresses = match found {
            Ok(addresses) => addresses,
            Err(error) => {
                self.names.error = Some(error);
                return;
            }
        };
        self.names.error = None;
        self.names.may_have_changed = false;
        let mut places: Vec<Place> = Vec::new();
        if addresses.len() > ADDRESSES_LIMIT {
            tracing::warn!("{ADDRESSES_LIMIT} of {} addresses of a destination are used", addresses.len());
            addresses.truncate(ADDRESSES_LIMIT);
        }
        for place in addresses.into_iter().map(Place::Address) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        self.replace(places, connections);
    }

    /// Returns what a request does next, and the lines that the caller has to connect.
    pub(super) fn next(&mut self, now: Instant) -> (Next, Vec<(u64, Place)>) {
        for line in &mut self.lines {
            self.names.may_have_changed |= line.notice_end(now);
        }
        let mut dials = self.begin(now, false);
        if let Some(sender) = self.take_turn() {
            return (Next::Send(sender), dials);
        }
        if !self.lines.iter().any(Line::is_connecting) {
            dials.extend(self.begin(now, true));
        }
        if self.lines.iter().any(Line::is_connecting) || self.lines.is_empty() && self.names.is_looked_up {
            return (Next::Wait, dials);
        }
        let error = self.lines.iter().find_map(Line::error).or(self.names.error.as_deref());
        (Next::Fail(error.unwrap_or("there is no connection").to_owned()), dials)
    }

    /// Takes the outcome of an attempt to connect.
    pub(super) fn connected(&mut self, number: u64, outcome: Result<Sender, String>, now: Instant) {
        let places = self.places();
        // A line that is no longer there needs no connection.
        let Some(line) = self.lines.iter_mut().find(|line| line.number == number) else { return };
        self.names.may_have_changed |= outcome.is_err();
        if line.end(outcome, now) && places > 1 {
            let error = line.error().unwrap_or_default();
            tracing::info!(
                "left out one of {places} addresses of a destination; it is tried again later: {error}"
            );
        }
    }

    fn begin(&mut self, now: Instant, is_needed: bool) -> Vec<(u64, Place)> {
        let begun = self.lines.iter_mut().filter_map(|line| {
            let begins = line.begin(now, is_needed);
            begins.then(|| (line.number, line.place.clone()))
        });
        begun.collect()
    }

    /// Returns the number of places. The lines of a place stand together.
    fn places(&self) -> usize {
        let starts = |pair: &[Line]| matches!(pair, [one, next] if one.place != next.place);
        self.lines.windows(2).filter(|pair| starts(pair)).count() + usize::from(!self.lines.is_empty())
    }

    fn take_turn(&mut self) -> Option<Sender> {
        let (before, from) = self.lines.split_at(self.turn.min(self.lines.len()));
        let mut in_turn = from.iter().chain(before).enumerate();
        let (step, sender) = in_turn.find_map(|(step, line)| Some((step, line.sender()?)))?;
        self.turn = (self.turn + step + 1).checked_rem(self.lines.len())?;
        Some(sender)
    }

    fn replace(&mut self, places: Vec<Place>, connections: usize) {
        let mut old = std::mem::take(&mut self.lines);
        for place in places.into_iter().flat_map(|place| std::iter::repeat_n(place, connections)) {
            let line = match old.iter().position(|line| line.place == place) {
                Some(known) => old.remove(known),
                None => {
                    self.number += 1;
                    Line::new(self.number, place)
                }
            };
            self.lines.push(line);
        }
        self.turn = self.turn.checked_rem(self.lines.len()).unwrap_or(0);
    }
}
