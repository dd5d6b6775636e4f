//! Value types that several components' configs use.

mod duration;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, Visitor},
};

pub use duration::Duration;

/// A value that is never shown: `Debug` and `print-config` write `[REDACTED]`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text)
    }
}

/// A key of the Collector that is read and has no effect in Spanloom. A warning tells the user
/// ([`Node::unused`]).
///
/// [`Node::unused`]: super::Node::unused
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unused;

impl Unused {
    pub(super) const NAME: &str = "Unused";
}

impl<'de> Deserialize<'de> for Unused {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Unused, D::Error> {
        struct Anything;
        impl<'de> Visitor<'de> for Anything {
            type Value = Unused;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<Unused, D::Error> {
                IgnoredAny::deserialize(from).map(|_| Unused)
            }
        }
        from.deserialize_newtype_struct(Unused::NAME, Anything)
    }
}

/// Reads a key whose presence alone has a meaning: `grpc:` with nothing after it turns gRPC on with all
/// defaults.
///
/// Use as `#[serde(default, deserialize_with = "present")] grpc: Option<GrpcConfig>`.
pub fn present<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(from).map(|value| Some(value.unwrap_or_default()))
}

/// Reads a text. An empty one means the same as no key: so the Collector writes keys that nobody set.
///
/// Use as `#[serde(deserialize_with = "filled")] ca_file: Option<PathBuf>`, in a struct with defaults.
pub fn filled<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: From<String>,
{
    let text = Option::<String>::deserialize(from)?;
    Ok(text.filter(|text| !text.is_empty()).map(T::from))
}
