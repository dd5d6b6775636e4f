//! Lists the keys of a schema as a short table, for `spanloom plugin inspect`.

use serde::Serialize;
use serde_json::Value;

use super::describe::{describe, plain, resolve};

/// A key that a config may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The path of the key: `tls.ca_file`, or `rules[].name` in a list of maps.
    pub key: String,
    /// What the key takes, in words.
    pub takes: String,
    pub required: bool,
    /// The default as it would be written; `None` if the schema has none.
    pub default: Option<String>,
    /// The first line of the author's description.
    pub description: Option<String>,
}

const DEPTH_LIMIT: usize = 4;
const KEYS_LIMIT: usize = 200;

/// Returns the keys in the order of the schema, with nested keys after their parent.
pub fn outline(schema: &Value) -> Vec<Key> {
    let mut keys = Vec::new();
    below(schema, schema, "", 0, &mut keys);
    keys
}

fn below(schema: &Value, root: &Value, prefix: &str, depth: usize, keys: &mut Vec<Key>) {
    let schema = resolve(schema, root);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<&Value> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().collect();
    for (name, property) in properties {
        if keys.len() >= KEYS_LIMIT {
            return;
        }
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let target = resolve(property, root);
        let said = |word: &str| property.get(word).or_else(|| target.get(word));
        keys.push(Key {
            key: key.clone(),
            takes: describe(property, root),
            required: required.iter().any(|required| required.as_str() == Some(name)),
            default: said("default").map(plain),
            description: said("description")
                .and_then(Value::as_str)
                .and_then(|text| text.lines().next())
                .map(str::to_owned),
        });
        if depth < DEPTH_LIMIT {
            below(target, root, &key, depth + 1, keys);
            if let Some(items) = target.get("items") {
                below(items, root, &format!("{key}[]"), depth + 1, keys);
            }
        }
    }
}
