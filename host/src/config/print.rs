//! Prints a config as YAML, without its secrets.

use super::{
    Node,
    node::Value,
    redact::{REDACTED, is_secret_key, value},
    scalar::{Meaning, Scalar},
};

/// Returns the node as YAML without its secrets (`config/redact.rs`). A value from outside the config's text
/// is printed as its reference, and any other secret as `[REDACTED]`. Each `$` is doubled, so that the
/// printed text means the same when it is read.
pub fn print(node: &Node) -> String {
    let mut out = String::new();
    if let Some(inline) = inline(node, false) {
        return format!("{inline}\n");
    }
    block(node, 0, false, &mut out);
    out
}

/// Writes a list or a map that has entries, each entry on its own lines.
fn block(node: &Node, indent: usize, secret: bool, out: &mut String) {
    let start = |out: &mut String, mark: &str| out.push_str(&format!("{:indent$}{mark}", ""));
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(items) => {
            for item in items {
                start(out, "-");
                below(item, indent, secret, out);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                start(out, &format!("{}:", text(&entry.key)));
                // The keys of a section are ids: `bearertokenauth` names no token.
                let is_id = indent == 2;
                below(&entry.node, indent, secret || (!is_id && is_secret_key(&entry.key)), out);
            }
        }
    }
}

fn below(node: &Node, indent: usize, secret: bool, out: &mut String) {
    match inline(node, secret) {
        Some(inline) if inline.is_empty() => out.push('\n'),
        Some(inline) => out.push_str(&format!(" {inline}\n")),
        None => {
            out.push('\n');
            block(node, indent + 2, secret, out);
        }
    }
}

/// Returns the value if it fits on the line of its key.
fn inline(node: &Node, secret: bool) -> Option<String> {
    let secret = secret || node.secret;
    if let Some(outside) = &node.outside {
        let is_reference = outside.written.starts_with("${") && !outside.written.contains("yaml:");
        // The text around a reference may be a part of the secret.
        let is_whole = is_reference && outside.written.find('}') == Some(outside.written.len() - 1);
        return Some(quoted(if secret && !is_whole { REDACTED } else { &outside.written }));
    }
    match &node.value {
        Value::List(items) if items.is_empty() => Some("[]".to_owned()),
        Value::Map(entries) if entries.is_empty() => Some("{}".to_owned()),
        Value::List(_) | Value::Map(_) => None,
        Value::Scalar(scalar) if scalar.meaning() == Meaning::Nothing => Some(String::new()),
        Value::Scalar(_) if secret => Some(quoted(REDACTED)),
        Value::Scalar(scalar) if scalar.meaning() != Meaning::Text => Some(scalar.text.clone()),
        Value::Scalar(scalar) => Some(text(&value(&scalar.text).replace('$', "$$"))),
    }
}

/// Returns the text plain if YAML reads it back as the same text, and quoted otherwise.
fn text(text: &str) -> String {
    let is_plain = text
        .starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '$'))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-$ :()+=@;%*".contains(c))
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && Scalar::plain(text).meaning() == Meaning::Text;
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// Returns the text in JSON's quotes, which YAML reads too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
