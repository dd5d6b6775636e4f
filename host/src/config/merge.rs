//! Merges trees, and splits keys that are joined by `::`.

use std::collections::HashMap;

use super::{
    ConfigError, Finding, KeyPath, Node,
    location::Location,
    node::{DEPTH_LIMIT, Entry, Value},
};

/// Merges the later tree into the earlier one: keys of maps are added, and any other value is replaced.
pub(super) fn merge(into: &mut Node, from: Node) {
    let Value::Map(known) = &mut into.value else {
        if !from.is_null() || !into.is_null() {
            *into = from;
        }
        return;
    };
    let Value::Map(entries) = from.value else {
        *into = from;
        return;
    };
    let places: HashMap<String, usize> =
        known.iter().enumerate().map(|(place, entry)| (entry.key.clone(), place)).collect();
    for entry in entries {
        match places.get(&entry.key).and_then(|place| known.get_mut(*place)) {
            Some(known) => {
                known.key_at = entry.key_at;
                merge(&mut known.node, entry.node);
            }
            None => known.push(entry),
        }
    }
}

/// Builds a tree with one branch. All its keys have the same place.
pub(super) fn branch(keys: &[&str], at: Option<Location>, leaf: Node) -> Node {
    keys.iter().rev().fold(leaf, |node, key| {
        let entry = Entry { key: (*key).to_owned(), key_at: at.clone(), node };
        Node { at: at.clone(), ..Value::Map(vec![entry]).into() }
    })
}

/// Splits keys such as `a::b::c` into nested maps, wherever they stand, as the Collector does.
pub(super) fn unfold(mut node: Node) -> Result<Node, ConfigError> {
    match &mut node.value {
        Value::Scalar(_) => return Ok(node),
        Value::List(items) => {
            for item in items {
                *item = unfold(std::mem::take(item))?;
            }
            return Ok(node);
        }
        Value::Map(entries) => {
            for entry in entries {
                entry.node = unfold(std::mem::take(&mut entry.node))?;
            }
        }
    }
    let Value::Map(entries) = &mut node.value else { return Ok(node) };
    if !entries.iter().any(|entry| entry.key.contains("::")) {
        return Ok(node);
    }
    let entries = std::mem::take(entries);
    for Entry { key, key_at, node: value } in entries {
        let keys: Vec<&str> = key.split("::").collect();
        if keys.iter().any(|key| key.is_empty()) || keys.len() > DEPTH_LIMIT {
            let finding = Finding::new(format!("of the keys of `{key}` one is empty"));
            return Err(finding.at(key_at, KeyPath::default()).into());
        }
        merge(&mut node, branch(&keys, key_at, value));
    }
    Ok(node)
}
