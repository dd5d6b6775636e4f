//! The key `sizer`.

use std::fmt;

use serde::{
    Deserializer,
    de::{Error, MapAccess, Visitor},
};

use crate::component::Sizer;

/// Reads a sizer. The Collector prints one that nobody set as `{}`.
pub(super) fn sizer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Sizer>, D::Error> {
    const NAMES: [&str; 3] = ["requests", "items", "bytes"];
    struct Word;
    impl<'de> Visitor<'de> for Word {
        type Value = Option<Sizer>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("`requests`, `items` or `bytes`")
        }

        fn visit_unit<E>(self) -> Result<Option<Sizer>, E> {
            Ok(None)
        }

        fn visit_str<E: Error>(self, word: &str) -> Result<Option<Sizer>, E> {
            match word.to_ascii_lowercase().as_str() {
                "requests" => Ok(Some(Sizer::Requests)),
                "items" => Ok(Some(Sizer::Items)),
                "bytes" => Ok(Some(Sizer::Bytes)),
                _ => Err(E::unknown_variant(word, &NAMES)),
            }
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Sizer>, A::Error> {
            match map.next_key::<String>()? {
                None => Ok(None),
                Some(key) => Err(A::Error::unknown_variant(&key, &NAMES)),
            }
        }
    }
    from.deserialize_any(Word)
}
