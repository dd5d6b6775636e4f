//! Swaps versions of a plugin while numbered spans pass, and checks what arrives.

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

/// The limit of spans for each connection. A span's number thus tells which connection sent it.
const CONNECTION_SPANS: usize = 1 << 32;

/// Returns the numbers of the first spans of a connection.
pub fn numbers(connection: usize, spans: usize) -> std::ops::Range<usize> {
    let first = connection * CONNECTION_SPANS;
    first..first + spans
}
