//! Describes in words what a schema expects, such as `a whole number, 1 to 10`.

use serde_json::Value;

/// The limit of nested schemas and of references that are followed.
const DEPTH_LIMIT: usize = 8;
/// The number of choices that are listed.
const CHOICES_LIMIT: usize = 20;

/// Returns what `schema` expects. Its references are looked up in `root`.
pub(super) fn describe(schema: &Value, root: &Value) -> String {
    due(schema, root, 0)
}

/// Returns the schema that a local reference leads to, or the schema itself.
pub(super) fn resolve<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..DEPTH_LIMIT {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
        match target.and_then(|pointer| root.pointer(pointer)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

/// Returns the choices of an `enum`, as they are written in a config. An empty text, which means the default, is none of
/// them.
pub(super) fn choices(options: &[Value]) -> String {
    let named = options.iter().filter(|option| option.as_str() != Some(""));
    let mut shown: Vec<String> =
        named.take(CHOICES_LIMIT).map(|option| format!("`{}`", plain(option))).collect();
    if options.len() > CHOICES_LIMIT {
        shown.push("…".to_owned());
    }
    match shown.as_slice() {
        [only] => only.clone(),
        _ => format!("one of {}", shown.join(", ")),
    }
}

/// Returns a value as it is written in a config.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn due(schema: &Value, root: &Value, depth: usize) -> String {
    let schema = resolve(schema, root);
    if depth > DEPTH_LIMIT {
        return "another value".to_owned();
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{}`", plain(constant));
    }
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return choices(options);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(forms) = schema.get(key).and_then(Value::as_array) {
            let mut forms: Vec<String> =
                forms.iter().take(CHOICES_LIMIT).map(|form| due(form, root, depth + 1)).collect();
            forms.dedup();
            return forms.join(" or ");
        }
    }
    match schema.get("type") {
        Some(Value::String(name)) => of_type(name, schema, root, depth),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.map(|name| of_type(name, schema, root, depth)).collect::<Vec<_>>().join(" or ")
        }
        _ if schema.get("properties").is_some() => "a map of keys".to_owned(),
        _ => "another value".to_owned(),
    }
}

fn of_type(name: &str, schema: &Value, root: &Value, depth: usize) -> String {
    match name {
        "string" => text(schema),
        "integer" => format!("a whole number{}", range(schema)),
        "number" => format!("a number{}", range(schema)),
        "boolean" => "`true` or `false`".to_owned(),
        "null" => "nothing".to_owned(),
        "object" => "a map of keys".to_owned(),
        "array" => match schema.get("items").map(|items| resolve(items, root)) {
            Some(items) if items.is_object() => format!("a list{}", of_items(items, root, depth + 1)),
            _ => "a list".to_owned(),
        },
        other => format!("a value of the type `{other}`"),
    }
}

/// Returns the kind of the items, such as ` of texts`; empty if there is no short word for it.
fn of_items(items: &Value, root: &Value, depth: usize) -> String {
    if items.get("enum").is_some() {
        return format!(", each {}", due(items, root, depth));
    }
    match items.get("type").and_then(Value::as_str) {
        Some("string") => " of texts".to_owned(),
        Some("integer") => " of whole numbers".to_owned(),
        Some("number") => " of numbers".to_owned(),
        Some("boolean") => " of `true` or `false`".to_owned(),
        Some("object") => " of maps".to_owned(),
        Some("array") => " of lists".to_owned(),
        _ => String::new(),
    }
}

fn text(schema: &Value) -> String {
    let size = |key| schema.get(key).and_then(Value::as_u64);
    match (schema.get("pattern").and_then(Value::as_str), size("minLength"), size("maxLength")) {
        (Some(pattern), ..) => format!("text that matches `{pattern}`"),
        (None, Some(1), None) => "text that is not empty".to_owned(),
        (None, Some(least), Some(most)) => format!("text of {least} to {most} characters"),
        (None, Some(least), None) => format!("text of at least {least} characters"),
        (None, None, Some(most)) => format!("text of up to {most} characters"),
        (None, None, None) => "text".to_owned(),
    }
}

/// Returns the bounds, such as `, 1 to 10`, `, 1 upwards` or `, above 0`; empty if there are none.
fn range(schema: &Value) -> String {
    let bound = |key| schema.get(key).filter(|bound| bound.is_number());
    let (least, above) = (bound("minimum"), bound("exclusiveMinimum"));
    let (most, below) = (bound("maximum"), bound("exclusiveMaximum"));
    let from = least.map(|least| least.to_string()).or_else(|| above.map(|above| format!("above {above}")));
    let to = most.map(|most| most.to_string()).or_else(|| below.map(|below| format!("below {below}")));
    let range = match (from, to) {
        (Some(from), Some(to)) if above.is_none() && below.is_none() => format!(", {from} to {to}"),
        (Some(from), Some(to)) if below.is_some() => format!(", {from} and {to}"),
        (Some(from), Some(to)) => format!(", {from} and up to {to}"),
        (Some(from), None) if least.is_some() => format!(", {from} upwards"),
        (Some(from), None) => format!(", {from}"),
        (None, Some(to)) if most.is_some() => format!(", up to {to}"),
        (None, Some(to)) => format!(", {to}"),
        (None, None) => String::new(),
    };
    match bound("multipleOf") {
        Some(step) => format!("{range}, a multiple of {step}"),
        None => range,
    }
}
