//! Value types that several components' configs use.

mod duration;

use std::fmt;

use serde::{Deserialize, Deserializer};

pub use duration::Duration;

/// A value that is never shown: `Debug` and `print-config` say `[REDACTED]`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// For a key that is given by being there: `grpc:` with nothing after it is all of its defaults.
/// `#[serde(default, deserialize_with = "present")] grpc: Option<GrpcConfig>`.
pub fn present<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(from).map(|value| Some(value.unwrap_or_default()))
}
