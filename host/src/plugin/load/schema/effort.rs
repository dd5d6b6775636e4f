//! Checks that validation against a schema ends soon, since the schema comes from a plugin.

use std::collections::HashMap;

use serde_json::Value;

use super::SchemaError;

/// The limit of schemas that apply to one value, each inside another.
const DEPTH_LIMIT: usize = 32;
/// The limit of all schemas that apply to one value.
const SCHEMAS_LIMIT: usize = 2000;

/// The number of schemas that apply where a schema does, by the schema's address.
type Counts = HashMap<*const Value, usize>;

/// Refuses references that lead outside of the schema or back to themselves, and too many schemas for one
/// value.
pub(super) fn bounded(schema: &Value) -> Result<(), SchemaError> {
    every(schema, schema, &mut Counts::new())
}

fn every(value: &Value, root: &Value, counts: &mut Counts) -> Result<(), SchemaError> {
    count(value, root, 0, counts)?;
    match value {
        Value::Object(entries) => entries.values().try_for_each(|value| every(value, root, counts)),
        Value::Array(items) => items.iter().try_for_each(|value| every(value, root, counts)),
        _ => Ok(()),
    }
}

/// Counts the schema itself and the schemas that it applies to the same value.
fn count(schema: &Value, root: &Value, depth: usize, counts: &mut Counts) -> Result<usize, SchemaError> {
    let Value::Object(keywords) = schema else { return Ok(1) };
    if let Some(count) = counts.get(&std::ptr::from_ref(schema)) {
        return Ok(*count);
    }
    if depth > DEPTH_LIMIT {
        return Err(SchemaError("a `$ref` leads back to itself, or through too many others".to_owned()));
    }
    let mut total = 1;
    let mut add = |part: &Value, counts: &mut Counts| {
        total += count(part, root, depth + 1, counts)?;
        if total > SCHEMAS_LIMIT {
            return Err(SchemaError(format!("more than {SCHEMAS_LIMIT} schemas hold for one value")));
        }
        Ok(())
    };
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            ("$ref", Value::String(target)) => {
                let to = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
                add(to.ok_or_else(|| SchemaError(format!("its `$ref` leads nowhere: {target}")))?, counts)?;
            }
            ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                return Err(SchemaError(format!("`{keyword}` is not supported: use `$ref`")));
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) => {
                parts.iter().try_for_each(|part| add(part, counts))?;
            }
            ("dependentSchemas" | "dependencies", Value::Object(parts)) => {
                parts.values().try_for_each(|part| add(part, counts))?;
            }
            ("not" | "if" | "then" | "else", part) => add(part, counts)?,
            _ => {}
        }
    }
    counts.insert(std::ptr::from_ref(schema), total);
    Ok(total)
}
