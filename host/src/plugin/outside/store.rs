//! Keeps values by key that outlive a guest: `grants.store`.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound,
    sync::{Mutex, MutexGuard},
};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::config::ConfigError;

const DEFAULT_MAX_MIB: u32 = 1;
/// The largest store of a component. More data belongs into a database.
const LIMIT_MAX_MIB: u32 = 1024;
/// The cost of an entry besides its bytes, so that a million empty entries are not free.
const ENTRY_BYTES: usize = 64;
/// The number of keys that one call lists.
const MAX_LISTED: usize = 10_000;

/// `grants.store`: `true`, or the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreGrantConfig {
    /// The size of all keys and values, with 64 bytes for each entry.
    pub max_mib: u32,
}

/// The store would hold more bytes than the grant permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is full")]
pub struct Full;

/// The store of one component. Its guests share it.
#[derive(Debug)]
pub struct KeyValues {
    max_bytes: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    values: BTreeMap<String, Bytes>,
    bytes: usize,
}

impl KeyValues {
    pub fn new(max_bytes: usize) -> KeyValues {
        KeyValues { max_bytes, entries: Mutex::default() }
    }

    pub fn get(&self, key: &str) -> Option<Bytes> {
        self.lock().values.get(key).cloned()
    }

    /// Sets the value of a key. If the value does not fit, the former value stays.
    pub fn set(&self, key: String, value: Vec<u8>) -> Result<(), Full> {
        let mut entries = self.lock();
        let before = entries.values.get(&key).map_or(0, |before| cost(&key, before.len()));
        let bytes = entries.bytes - before + cost(&key, value.len());
        if bytes > self.max_bytes {
            return Err(Full);
        }
        entries.bytes = bytes;
        entries.values.insert(key, value.into());
        Ok(())
    }

    pub fn delete(&self, key: &str) {
        let mut entries = self.lock();
        if let Some(value) = entries.values.remove(key) {
            entries.bytes -= cost(key, value.len());
        }
    }

    /// Returns the keys with this prefix, in order; at most 10,000.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let entries = self.lock();
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let keys = entries.values.range::<str, _>(from).map(|(key, _)| key);
        keys.take_while(|key| key.starts_with(prefix)).take(MAX_LISTED).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn cost(key: &str, value_bytes: usize) -> usize {
    key.len() + value_bytes + ENTRY_BYTES
}

impl StoreGrantConfig {
    /// Opens an empty store.
    ///
    /// # Errors
    /// The size is out of range. The key of the error is below the grant.
    pub fn open(self) -> Result<KeyValues, ConfigError> {
        match self.max_mib {
            1..=LIMIT_MAX_MIB => Ok(KeyValues::new((self.max_mib as usize) << 20)),
            _ => Err(ConfigError::on("max_mib", format!("must be from 1 to {LIMIT_MAX_MIB}"))),
        }
    }
}

/// Reads the grant. `true` is the default size, and `false` is no grant.
pub fn granted<'de, D: Deserializer<'de>>(from: D) -> Result<Option<StoreGrantConfig>, D::Error> {
    struct BoolOrMap;

    impl<'de> Visitor<'de> for BoolOrMap {
        type Value = Option<StoreGrantConfig>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("`true`, or a map with the key `max_mib`")
        }

        fn visit_bool<E>(self, granted: bool) -> Result<Self::Value, E> {
            Ok(granted.then_some(StoreGrantConfig { max_mib: DEFAULT_MAX_MIB }))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            StoreGrantConfig::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }

    from.deserialize_any(BoolOrMap)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{config::Node, plugin::outside::GrantsConfig};

    /// Scenario: a key is set twice and deleted twice.
    /// Guarantees: it has the last value until it is deleted.
    #[test]
    fn what_was_set_is_there_until_it_is_deleted() {
        let store = KeyValues::new(1 << 20);
        assert_eq!(store.get("a"), None);
        store.set("a".to_owned(), vec![1]).unwrap();
        store.set("a".to_owned(), vec![2, 3]).unwrap();
        assert_eq!(store.get("a").unwrap(), [2, 3].as_slice());
        store.delete("a");
        store.delete("a");
        assert_eq!(store.get("a"), None);
    }

    /// Scenario: values fit and do not fit.
    /// Guarantees: a value that does not fit changes nothing, and deleting makes room to the byte.
    #[test]
    fn bytes_are_bounded() {
        let store = KeyValues::new(2 * ENTRY_BYTES + 10);
        store.set("a".to_owned(), vec![0; 4]).unwrap();
        assert_eq!(store.set("b".to_owned(), vec![0; 5]), Err(Full));
        store.set("b".to_owned(), vec![0; 4]).unwrap();
        assert_eq!(store.set("b".to_owned(), vec![1; 5]), Err(Full));
        assert_eq!(store.set("c".to_owned(), vec![]), Err(Full));
        assert_eq!(store.get("b").unwrap(), [0; 4].as_slice());
        store.delete("a");
        store.set("b".to_owned(), vec![0; ENTRY_BYTES + 9]).unwrap();
        store.delete("b");
        assert_eq!(store.lock().bytes, 0);
    }

    /// Scenario: keys are listed by prefix.
    /// Guarantees: they are in order, and at most 10,000.
    #[test]
    fn keys_are_listed_by_their_beginning_in_order() {
        let store = KeyValues::new(16 << 20);
        for key in ["b", "a/2", "a/1", "a", "a0", "é"] {
            store.set(key.to_owned(), vec![]).unwrap();
        }
        assert_eq!(store.keys("a/"), ["a/1", "a/2"]);
        assert_eq!(store.keys(""), ["a", "a/1", "a/2", "a0", "b", "é"]);
        assert!(store.keys("z").is_empty());
        for number in 0..MAX_LISTED {
            store.set(format!("n{number}"), vec![]).unwrap();
        }
        assert_eq!(store.keys("").len(), MAX_LISTED);
    }

    /// Scenario: the grant is a boolean, a size, or wrong.
    /// Guarantees: the first two give a store of the right size, and a mistake is named.
    #[test]
    fn a_grant_is_a_word_or_a_size() {
        let read = |store| {
            let grants = Node::from_json(json!({ "store": store }));
            let GrantsConfig { store, .. } = grants.read().map_err(|error: ConfigError| error.to_string())?;
            let opened = store.map(StoreGrantConfig::open).transpose();
            opened.map(|store| store.map(|store| store.max_bytes)).map_err(|error| error.to_string())
        };
        assert_eq!(read(json!(true)), Ok(Some(1 << 20)));
        assert_eq!(read(json!(false)), Ok(None));
        assert_eq!(read(json!({ "max_mib": 16 })), Ok(Some(16 << 20)));
        for (config, said) in [
            (json!("yes"), "`true`"),
            (json!({}), "`max_mib` is missing"),
            (json!({ "max_mb": 1 }), "unknown key `max_mb`"),
            (json!({ "max_mib": 4096 }), "from 1 to 1024"),
            (json!({ "max_mib": 0 }), "from 1 to 1024"),
            (json!({ "max_mib": -1 }), "0 to 4294967295"),
        ] {
            let error = read(config).unwrap_err();
            assert!(error.contains(said), "{error} says {said}");
        }
    }
}
