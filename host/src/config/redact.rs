//! Decides which values of a config are secret, and keeps them out of messages and logs.
//!
//! A value is secret if a key that leads to it names a secret (`token`, `headers`, also mistyped), if it
//! looks like a secret (the password or the query of an address, `Bearer …`, a private key), or if it comes
//! from outside the config's own text (`${env:NAME}` and `${file:path}`).

mod lines;

use std::{borrow::Cow, collections::BTreeSet};

pub(super) use lines::{Masks, ShownLine, shown_line};

use super::{Node, node::Value, scalar::Meaning};

pub(super) const REDACTED: &str = "[REDACTED]";

/// Words that make a key secret, wherever they stand in the key.
const WORDS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "authorization",
    "apikey",
    "privatekey",
    "accesskey",
    "accountkey",
    "licensekey",
    "ingestkey",
    "writekey",
    "connectionstring",
];
/// Keys that are secret as a whole.
const KEYS: [&str; 9] =
    ["headers", "header", "cookie", "setcookie", "keypem", "inline", "bearer", "dsn", "pwd"];
/// Keys that look secret and are not.
const HARMLESS: [&str; 7] =
    ["htpasswd", "bearertokenauth", "readers", "reader", "leader", "allowedheaders", "exposedheaders"];
/// Last words of keys that name the place of a secret, not the secret.
const PLACES: [&str; 3] = ["file", "url", "path"];

/// Returns whether a key's name makes its value secret. A mistyped name counts as the name that it resembles.
pub(super) fn is_secret_key(key: &str) -> bool {
    let words = words(key);
    let whole = words.concat();
    if HARMLESS.contains(&whole.as_str()) || words.last().is_some_and(|last| PLACES.contains(&last.as_str()))
    {
        return false;
    }
    if KEYS.contains(&whole.as_str()) || WORDS.iter().any(|word| whole.contains(word)) {
        return true;
    }
    let pairs = words.windows(2).map(|pair| pair.concat());
    words.iter().cloned().chain(pairs).any(|word| is_slip(&word))
}

/// Returns whether the keys that lead to a value make the value secret. Component ids and plugin names do not
/// count: `bearertokenauth/token` is the name of a component.
pub(super) fn is_secret_path<'a>(keys: impl IntoIterator<Item = &'a str>) -> bool {
    const SECTIONS: [&str; 6] =
        ["receivers", "processors", "exporters", "connectors", "extensions", "plugins"];
    let mut keys = keys.into_iter();
    let Some(first) = keys.next() else { return false };
    if SECTIONS.contains(&first) {
        keys.next();
    }
    is_secret_key(first) || keys.any(is_secret_key)
}

/// Returns the words of a key in lower case. `apiKey` and `api_key` have the same words.
fn words(key: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut after_lower = false;
    for c in key.chars() {
        if !c.is_alphanumeric() {
            words.push(String::new());
        } else if c.is_uppercase() && after_lower {
            words.push(c.to_lowercase().collect());
        } else {
            match words.last_mut() {
                Some(word) => word.extend(c.to_lowercase()),
                None => words.push(c.to_lowercase().collect()),
            }
        }
        after_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns whether a word is one typing mistake away from a word that names a secret; two mistakes for long
/// words.
fn is_slip(word: &str) -> bool {
    let len = word.chars().count();
    (4..=20).contains(&len)
        && WORDS.iter().chain(["headers", "bearer"].iter()).any(|right| {
            let slips = if right.len() >= 8 && len >= 7 { 2 } else { 1 };
            right.len().abs_diff(len) <= slips && strsim::damerau_levenshtein(word, right) <= slips
        })
}

/// Returns a value without the parts that look like a secret.
pub(super) fn value(text: &str) -> Cow<'_, str> {
    let is_credential = |scheme: &str| {
        let (start, rest) = text.split_at_checked(scheme.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(scheme) && rest.starts_with(' ')
    };
    let is_token = text.starts_with("eyJ") && text.matches('.').count() >= 2;
    if text.contains("PRIVATE KEY-----") || is_credential("bearer") || is_credential("basic") || is_token {
        return Cow::Borrowed(REDACTED);
    }
    // Inline YAML has keys of its own, which may name secrets.
    if text.contains("${yaml:") {
        return Cow::Borrowed(REDACTED);
    }
    addresses(text)
}

/// Returns a text in which each address has lost its password and the values of its query.
pub(super) fn addresses(text: &str) -> Cow<'_, str> {
    const MARK: &str = "://";
    if !text.contains(MARK) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(MARK) {
        shown.push_str(before);
        shown.push_str(MARK);
        let end = after.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c)).unwrap_or(after.len());
        let (address, behind) = after.split_at_checked(end).unwrap_or((after, ""));
        push_address(address, &mut shown);
        rest = behind;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Appends one address: `user:password@host/path?query#fragment`.
fn push_address(address: &str, shown: &mut String) {
    let end = address.find(['/', '?', '#']).unwrap_or(address.len());
    let (authority, after) = address.split_at_checked(end).unwrap_or((address, ""));
    // A password may hold the characters that end the authority of an address.
    let (authority, after) = match (authority.contains('@'), address.rsplit_once('@')) {
        (false, Some((userinfo, host)))
            if userinfo.split_once(':').is_some_and(|(_, port)| !is_port(port)) =>
        {
            let host_end = host.find(['/', '?', '#']).unwrap_or(host.len());
            let cut = address.len() - host.len() + host_end;
            address.split_at_checked(cut).unwrap_or((address, ""))
        }
        _ => (authority, after),
    };
    match authority.rsplit_once('@') {
        Some((userinfo, host)) => match userinfo.split_once(':') {
            Some((user, _)) => shown.push_str(&format!("{user}:{REDACTED}@{host}")),
            None => shown.push_str(&format!("{REDACTED}@{host}")),
        },
        None => shown.push_str(authority),
    }
    let Some((path, query)) = after.split_once('?') else { return shown.push_str(after) };
    shown.push_str(path);
    for (index, pair) in query.split('&').enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        if let Some((key, _)) = pair.split_once('=') {
            shown.push_str(&format!("{key}="));
        }
        shown.push_str(REDACTED);
    }
}

/// Returns whether a text begins with a port that the end of the text, a path, a query or a fragment follows.
fn is_port(text: &str) -> bool {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    digits > 0 && matches!(text.as_bytes().get(digits), None | Some(b'/' | b'?' | b'#'))
}

impl Node {
    /// Returns whether messages must not show this node's value.
    pub(super) fn is_secret(&self) -> bool {
        self.secret || self.outside.is_some() || is_secret_path(self.path.keys())
    }

    /// Returns a message about this node without the secrets that the node holds.
    pub(crate) fn scrub(&self, message: &str) -> String {
        let mut secrets = BTreeSet::new();
        self.collect_secrets(self.is_secret(), &mut secrets);
        let mut shown = addresses(message).into_owned();
        // The longest secret goes first, because a secret may contain a shorter one.
        let mut secrets: Vec<String> = secrets.into_iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in secrets {
            let debug = format!("{secret:?}");
            let escaped = debug.trim_matches('"');
            for form in [secret.as_str(), escaped] {
                if shown.contains(form) {
                    shown = shown.replace(form, REDACTED);
                }
            }
        }
        shown
    }

    fn collect_secrets(&self, is_secret: bool, secrets: &mut BTreeSet<String>) {
        /// The shortest text that counts as a secret. Shorter texts protect nothing and occur in every
        /// message.
        const MIN_CHARS: usize = 4;
        let is_secret = is_secret || self.secret || self.outside.is_some();
        let guards_something = |text: &str| text.chars().count() >= MIN_CHARS;
        secrets.extend(
            self.original
                .as_deref()
                .map(str::trim)
                .filter(|text| is_secret && guards_something(text))
                .map(str::to_owned),
        );
        match &self.value {
            Value::Scalar(scalar) => {
                let number = match scalar.meaning() {
                    Meaning::Int(value) => Some(value.to_string()),
                    Meaning::Float(value) => Some(value.to_string()),
                    _ => None,
                };
                let texts =
                    [Some(scalar.text.as_str()), number.as_deref()].into_iter().flatten().map(str::trim);
                let found =
                    texts.filter(|text| guards_something(text) && (is_secret || value(text) != **text));
                secrets.extend(found.map(str::to_owned));
            }
            Value::List(items) => items.iter().for_each(|item| item.collect_secrets(is_secret, secrets)),
            Value::Map(entries) => {
                for entry in entries {
                    let is_secret = is_secret || is_secret_key(&entry.key);
                    entry.node.collect_secrets(is_secret, secrets);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: keys that name secrets, with typing mistakes among them, and keys that do not.
    /// Guarantees: exactly the keys that name secrets are secret.
    #[test]
    fn a_key_that_names_a_secret_is_known_also_mistyped() {
        let secret = [
            "token",
            "bearer_token",
            "tokn",
            "toekn",
            "Password",
            "passwrod",
            "pasword",
            "client_secret",
            "clientSecrt",
            "api_key",
            "apikey",
            "x-api-key",
            "API-Kee",
            "Authorization",
            "authorisation",
            "headers",
            "header",
            "hedaers",
            "private_key",
            "aws_secret_access_key",
            "key_pem",
            "inline",
            "credentials",
            "set-cookie",
        ];
        for key in secret {
            assert!(is_secret_key(key), "{key}");
        }
        let harmless = [
            "endpoint",
            "key_file",
            "token_url",
            "password_file",
            "htpasswd",
            "readers",
            "bearertokenauth",
            "authenticator",
            "routing_key",
            "timeout",
            "sending_queue",
            "traces",
            "metadata_keys",
            "hash_seed",
            "cookies",
            "",
        ];
        for key in harmless {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    /// Scenario: addresses with passwords and queries are shown, and other values that look like secrets.
    /// Guarantees: `[REDACTED]` stands for each secret part, and an address without any stays whole.
    #[test]
    fn an_address_loses_its_password_and_what_its_query_says() {
        let cases = [
            ("https://user:pa/ss@host/a?k=v&w#x", "https://user:[REDACTED]@host/a?k=[REDACTED]&[REDACTED]"),
            (
                "see https://t0ken@host and http://host:80/a@b",
                "see https://[REDACTED]@host and http://host:80/a@b",
            ),
            ("http://host:4318", "http://host:4318"),
            ("host:4317", "host:4317"),
            ("Bearer abc", "[REDACTED]"),
            ("-----BEGIN EC PRIVATE KEY-----\nabc", "[REDACTED]"),
        ];
        for (text, expected) in cases {
            assert_eq!(value(text), expected);
        }
    }
}
