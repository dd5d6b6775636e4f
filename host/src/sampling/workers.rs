//! How many tasks let traces go: the key `num_workers`.

use std::thread::available_parallelism;

/// The most that are used unless the config asks for more.
const USUAL_WORKERS: usize = 8;
pub(super) const MAX_WORKERS: usize = 256;
/// Says which numbers are possible.
pub(super) const POSSIBLE: &str = "must be from 1 to 256";

pub(super) fn are_possible(workers: Option<usize>) -> bool {
    workers.is_none_or(|workers| (1..=MAX_WORKERS).contains(&workers))
}

pub(super) fn count(workers: Option<usize>) -> usize {
    workers.unwrap_or_else(|| available_parallelism().map_or(1, usize::from).min(USUAL_WORKERS))
}
