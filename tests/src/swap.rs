//! Versions of a plugin that follow one another while numbered spans pass, and what must hold of what arrives.

mod arrivals;
mod load;
mod operator;
mod rig;
mod stamp;

pub use arrivals::Arrivals;
pub use load::{Load, Request, Sent, Way};
pub use operator::{Operator, move_into_place};
pub use rig::{NOT_FOR_SLOWNESS, Rig, RigSettings, Step};
pub use stamp::{Broken, Concurrency, Mode, grown, padded, stamp, with_concurrency};

/// The attribute by which the `marker` guest tells which version saw a span.
pub const VERSION_KEY: &str = "swap.version";

/// Of so many spans each connection may be: a span's number tells whose it is.
const CONNECTION_SPANS: usize = 1 << 32;

/// Those of so many spans that a connection sends first.
pub fn numbers(connection: usize, spans: usize) -> std::ops::Range<usize> {
    let first = connection * CONNECTION_SPANS;
    first..first + spans
}
