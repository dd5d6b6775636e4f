//! Reads configs as the Collector does.

use spanloom_plugin::serde::{Deserialize, Deserializer};

/// Reads a key. A key without a value (`histogram:`) has the default, as in the Collector.
///
/// Name it in `#[serde(deserialize_with = "…")]`.
pub fn null_is_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}
