//! Asks a config struct's `Deserialize` for its keys, so that the list of keys stands nowhere else.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeOwned, Error, Visitor},
    forward_to_deserialize_any,
};

/// Returns the keys of a struct, by their names in a config. Returns an empty list for any other type.
pub(crate) fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    match T::deserialize(KeysOnly) {
        Err(Keys(keys)) => keys,
        Ok(_) => &[],
    }
}

/// A deserializer that fails as soon as the type asks for anything, with the keys if the type is a struct.
struct KeysOnly;

/// The error that carries the keys.
#[derive(Debug)]
struct Keys(&'static [&'static str]);

impl<'de> Deserializer<'de> for KeysOnly {
    type Error = Keys;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Keys> {
        Err(Keys(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Keys> {
        Err(Keys(fields))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl Error for Keys {
    fn custom<T: fmt::Display>(_: T) -> Keys {
        Keys(&[])
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Keys {}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(default)]
    struct Own {
        #[serde(rename = "first")]
        _one: u32,
        _second: Option<String>,
    }

    impl Default for Own {
        fn default() -> Own {
            Own { _one: 1, _second: None }
        }
    }

    /// Scenario: the keys of a struct with a renamed field, of a list and of a text.
    /// Guarantees: the struct has its keys by their names in a config, and the others have none.
    #[test]
    fn a_structs_keys_are_those_of_a_config_and_nothing_else_has_any() {
        assert_eq!(keys_of::<Own>(), ["first", "_second"]);
        assert_eq!(keys_of::<Vec<Own>>(), [""; 0]);
        assert_eq!(keys_of::<String>(), [""; 0]);
    }
}
