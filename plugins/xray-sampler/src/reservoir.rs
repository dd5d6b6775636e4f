//! The traces of a rule that are kept in each second whatever they are.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many traces a rule keeps in a second, before its rate applies.
///
/// Until X-Ray has given this process a quota, and when the quota has run out, one trace a second is borrowed.
/// A second begins when the clock of the host says so. What is not used in one second is not left to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reservoir {
    quota: Option<Quota>,
    lends: bool,
    second: u64,
    taken: u32,
    has_borrowed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Quota {
    per_second: u32,
    /// By the clock that never jumps. `None`: for ever.
    until: Option<Duration>,
}

/// What a trace was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Quota,
    Borrowed,
}

impl Reservoir {
    /// A rule that nobody shares.
    pub(crate) fn own(per_second: u32) -> Reservoir {
        Reservoir { quota: Some(Quota { per_second, until: None }), ..Reservoir::default() }
    }

    /// A rule that X-Ray divides between its clients. `size` is what all of them have.
    pub(crate) fn shared(size: u32) -> Reservoir {
        Reservoir { lends: size > 0, ..Reservoir::default() }
    }

    /// Sets the size of what all clients have, and keeps the quota.
    pub(crate) fn resize(&mut self, size: u32) {
        self.lends = size > 0;
    }

    pub(crate) fn grant(&mut self, per_second: u32, until: Duration) {
        self.quota = Some(Quota { per_second, until: Some(until) });
    }

    /// Returns where there is room for one more trace in this second, and takes it.
    pub(crate) fn take(&mut self, now: Duration) -> Option<Place> {
        if self.second != now.as_secs() {
            (self.second, self.taken, self.has_borrowed) = (now.as_secs(), 0, false);
        }
        match self.quota.filter(|quota| quota.until.is_none_or(|until| now < until)) {
            Some(quota) if self.taken < quota.per_second => {
                self.taken += 1;
                Some(Place::Quota)
            }
            None if self.lends && !self.has_borrowed => {
                self.has_borrowed = true;
                Some(Place::Borrowed)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(reservoir: &mut Reservoir, now_ms: u64, times: usize) -> Vec<Place> {
        (0..times).filter_map(|_| reservoir.take(Duration::from_millis(now_ms))).collect()
    }

    #[test]
    fn a_rule_of_ones_own_has_its_number_each_second() {
        let mut reservoir = Reservoir::own(2);
        assert_eq!(taken(&mut reservoir, 0, 5), [Place::Quota; 2]);
        assert_eq!(taken(&mut reservoir, 999, 5), []);
        assert_eq!(taken(&mut reservoir, 1000, 1), [Place::Quota]);
        // The other trace of that second is not left to this one.
        assert_eq!(taken(&mut reservoir, 2000, 5), [Place::Quota; 2]);
        assert_eq!(taken(&mut Reservoir::own(0), 0, 5), []);
    }

    #[test]
    fn one_a_second_is_borrowed_until_a_quota_comes_and_when_it_has_run_out() {
        let mut reservoir = Reservoir::shared(50);
        assert_eq!(taken(&mut reservoir, 5000, 3), [Place::Borrowed]);
        assert_eq!(taken(&mut reservoir, 6000, 3), [Place::Borrowed]);
        reservoir.grant(3, Duration::from_millis(8500));
        assert_eq!(taken(&mut reservoir, 6001, 9), [Place::Quota; 3]);
        assert_eq!(taken(&mut reservoir, 8499, 9), [Place::Quota; 3]);
        assert_eq!(taken(&mut reservoir, 8500, 9), [Place::Borrowed]);
    }

    #[test]
    fn nothing_is_borrowed_from_an_empty_reservoir_nor_with_a_quota_of_none() {
        let mut reservoir = Reservoir::shared(0);
        assert_eq!(taken(&mut reservoir, 0, 3), []);
        reservoir.resize(1);
        assert_eq!(taken(&mut reservoir, 0, 3), [Place::Borrowed]);
        reservoir.grant(0, Duration::from_secs(9));
        assert_eq!(taken(&mut reservoir, 1000, 3), []);
    }
}
