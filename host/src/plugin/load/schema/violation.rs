//! Turns a violation of a schema into findings in Spanloom's own words.

use jsonschema::{ValidationError, error::ValidationErrorKind as Kind};
use serde_json::Value;

use super::{
    at,
    describe::{choices, describe, plain, resolve},
};
use crate::config::{Finding, Node, nearest::did_you_mean};

/// Returns one finding for each unknown key, or else one finding.
pub(super) fn findings(
    error: &ValidationError<'_>,
    root: &Value,
    config: &Node,
    host_keys: &[&str],
) -> Vec<Finding> {
    let node = at(config, error.instance_path());
    let schema = schema_of(error, root);
    let expected = || node.expected(&describe(schema, root));
    let found = match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let mut known = keys(schema, root, 0);
            if error.instance_path().is_empty() {
                known.extend(host_keys);
            }
            let entries = node.entries().iter().filter(|entry| unexpected.contains(&entry.key));
            return entries.map(|entry| node.unknown_key(entry, &known)).collect();
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            return match nearest_form(context, error) {
                Some(form) => {
                    form.iter().flat_map(|error| findings(error, root, config, host_keys)).collect()
                }
                None => vec![explained(expected(), schema)],
            };
        }
        Kind::Required { property } => {
            let key = plain(property);
            let finding = node.finding(format!("the key `{key}` is missing"));
            let due = schema.get("properties").and_then(|known| known.get(&key));
            return vec![match due {
                Some(due) => {
                    explained(finding.label(format!("give it {}", describe(due, root))), resolve(due, root))
                }
                None => finding,
            }];
        }
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let words = options.iter().filter_map(Value::as_str);
            let mut finding = node.expected(&choices(options));
            finding.label = node.text().and_then(|word| did_you_mean(word, words)).or(finding.label);
            finding
        }
        Kind::MinItems { limit } => node.finding(format!(
            "expected at least {}, found {}",
            counted(*limit, "item"),
            node.items().len()
        )),
        Kind::MaxItems { limit } => {
            node.finding(format!("expected up to {}, found {}", counted(*limit, "item"), node.items().len()))
        }
        Kind::MinProperties { limit } => node.finding(format!(
            "expected at least {}, found {}",
            counted(*limit, "key"),
            node.entries().len()
        )),
        Kind::MaxProperties { limit } => {
            node.finding(format!("expected up to {}, found {}", counted(*limit, "key"), node.entries().len()))
        }
        Kind::UniqueItems => node.finding("expected items that differ, found one twice"),
        Kind::OneOfMultipleValid { .. } => {
            node.finding("this can be read in several ways, and must be of one").help(describe(schema, root))
        }
        Kind::Format { format } => node.expected(&format!("text of the format `{format}`")),
        Kind::FalseSchema => node.finding("this is not allowed here"),
        Kind::PropertyNames { error } => {
            let mut finding = node.finding(format!("a key is wrong: {}", error.masked_with("it")));
            finding.label = Some("a key in here".to_owned());
            finding
        }
        Kind::Type { .. }
        | Kind::Constant { .. }
        | Kind::Pattern { .. }
        | Kind::Minimum { .. }
        | Kind::Maximum { .. }
        | Kind::ExclusiveMinimum { .. }
        | Kind::ExclusiveMaximum { .. }
        | Kind::MinLength { .. }
        | Kind::MaxLength { .. }
        | Kind::MultipleOf { .. } => expected(),
        // The value may be a secret.
        _ => node.finding(format!("the plugin does not take this: {}", error.masked_with("it"))),
    };
    vec![explained(found, schema)]
}

/// Returns the schema whose keyword was violated.
fn schema_of<'a>(error: &ValidationError<'_>, root: &'a Value) -> &'a Value {
    let keyword = error.schema_path().as_str();
    let schema = keyword.rsplit_once('/').map_or("", |(schema, _)| schema);
    root.pointer(schema).unwrap_or(root)
}

/// Adds the description of the schema's author, if the finding has no other help.
fn explained(mut finding: Finding, schema: &Value) -> Finding {
    if finding.help.is_none() {
        finding.help = schema.get("description").and_then(Value::as_str).map(first_line);
    }
    finding
}

/// Returns the first line of a description, shortened, since it is the plugin's text.
pub(super) fn first_line(description: &str) -> String {
    const LIMIT_CHARS: usize = 200;
    description.lines().next().unwrap_or_default().chars().take(LIMIT_CHARS).collect()
}

/// Returns the form that was probably meant: of the right type, and with the fewest mistakes inside.
fn nearest_form<'a>(
    forms: &'a [Vec<ValidationError<'static>>],
    whole: &ValidationError<'_>,
) -> Option<&'a Vec<ValidationError<'static>>> {
    let another = |error: &ValidationError<'_>| {
        error.instance_path() == whole.instance_path()
            && matches!(
                error.kind(),
                Kind::Type { .. } | Kind::Enum { .. } | Kind::Constant { .. } | Kind::FalseSchema
            )
    };
    let meant = forms.iter().filter(|errors| !errors.iter().any(another));
    meant.min_by_key(|errors| errors.len())
}

/// Returns the keys that a schema knows, including those of its alternative forms.
fn keys<'a>(schema: &'a Value, root: &'a Value, depth: usize) -> Vec<&'a str> {
    const DEPTH_LIMIT: usize = 4;
    let schema = resolve(schema, root);
    let own = schema.get("properties").and_then(Value::as_object);
    let mut known: Vec<&str> = own.into_iter().flat_map(|own| own.keys().map(String::as_str)).collect();
    if depth < DEPTH_LIMIT {
        let forms = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
        for form in forms.flatten() {
            known.extend(keys(form, root, depth + 1));
        }
    }
    known
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
