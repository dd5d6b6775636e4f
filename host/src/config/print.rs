//! A config as YAML again, with what is secret left out.

use super::{
    Node,
    node::Value,
    scalar::{Meaning, Scalar},
};

const REDACTED: &str = "[REDACTED]";

/// The node as YAML, secrets redacted: values under keys that name one (`token`, `password`, …), every header, and the
/// password in an address. A `$` is doubled, so that what is printed means the same when it is read.
pub fn print(node: &Node) -> String {
    let mut out = String::new();
    if let Some(inline) = inline(node, false) {
        return format!("{inline}\n");
    }
    block(node, 0, false, &mut out);
    out
}

/// A list or map with entries, a line each.
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
                // The keys of a section are ids: `bearertokenauth` is no token.
                let is_id = indent == 2;
                below(&entry.node, indent, secret || (!is_id && is_secret(&entry.key)), out);
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

/// What fits on the line of its key.
fn inline(node: &Node, secret: bool) -> Option<String> {
    match &node.value {
        Value::List(items) if items.is_empty() => Some("[]".to_owned()),
        Value::Map(entries) if entries.is_empty() => Some("{}".to_owned()),
        Value::List(_) | Value::Map(_) => None,
        Value::Scalar(scalar) if scalar.meaning() == Meaning::Nothing => Some(String::new()),
        Value::Scalar(_) if secret => Some(quoted(REDACTED)),
        Value::Scalar(scalar) if scalar.meaning() != Meaning::Text => Some(scalar.text.clone()),
        Value::Scalar(scalar) => Some(text(&without_password(&scalar.text).replace('$', "$$"))),
    }
}

/// Plain where that reads as the same text, else in quotes.
fn text(text: &str) -> String {
    let is_plain = text
        .starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '$'))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-$ :()+=@;%*".contains(c))
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && Scalar::plain(text).meaning() == Meaning::Text;
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// JSON's quoted text is YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn is_secret(key: &str) -> bool {
    const WORDS: [&str; 10] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "api_key",
        "apikey",
        "private_key",
        "credential",
        "authorization",
    ];
    let key = key.to_ascii_lowercase().replace('-', "_");
    let names_a_place = ["_file", "_url", "_path"].iter().any(|end| key.ends_with(end));
    // Of `htpasswd` only what is `inline` is secret.
    matches!(key.as_str(), "headers" | "key_pem" | "inline" | "bearer")
        || (key != "htpasswd" && !names_a_place && WORDS.iter().any(|word| key.contains(word)))
}

/// `http://user:password@host` without the password.
fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, after) = rest.split_at_checked(end)?;
        let (userinfo, host) = authority.rsplit_once('@')?;
        let (user, _) = userinfo.split_once(':')?;
        Some(format!("{scheme}://{user}:{REDACTED}@{host}{after}"))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}
