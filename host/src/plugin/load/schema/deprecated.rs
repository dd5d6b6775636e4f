//! Finds keys that a schema's author advises against with the keyword `deprecated`: keys without effect, and
//! old spellings.

use serde_json::Value;

use super::{FINDINGS_LIMIT, describe::resolve};
use crate::config::{Finding, Node};

/// The depth of the search.
const DEPTH_LIMIT: usize = 8;

/// Returns a finding for each deprecated key in the config. A default that is written out is not found: it asks
/// for nothing.
pub(super) fn findings(schema: &Value, config: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    look(schema, schema, config, 0, &mut found);
    found
}

fn look(schema: &Value, root: &Value, config: &Node, depth: usize, found: &mut Vec<Finding>) {
    if depth > DEPTH_LIMIT {
        return;
    }
    let schema = resolve(schema, root);
    if let Some(items) = schema.get("items") {
        for item in config.items() {
            look(items, root, item, depth + 1, found);
        }
    }
    for entry in config.entries() {
        let Some(property) = schema.get("properties").and_then(|known| known.get(&entry.key)) else {
            continue;
        };
        let target = resolve(property, root);
        let said = |word: &str| property.get(word).or_else(|| target.get(word));
        if said("deprecated").and_then(Value::as_bool) == Some(true) {
            if entry.node.asks_for_nothing() {
                continue;
            }
            if found.len() == FINDINGS_LIMIT {
                return;
            }
            let warning = entry.node.finding(format!("`{}` is better left out", entry.key));
            found.push(match said("description").and_then(Value::as_str) {
                Some(why) => warning.help(super::violation::first_line(why)),
                None => warning,
            });
        } else {
            look(target, root, &entry.node, depth + 1, found);
        }
    }
}
