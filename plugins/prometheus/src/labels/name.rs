//! Converts attribute keys to label names.

use std::borrow::Cow;

/// Returns a name of the form `[a-zA-Z_][a-zA-Z0-9_]*`, or any UTF-8 if `utf8`.
pub(crate) fn label_name(key: &str, utf8: bool) -> Cow<'_, str> {
    match utf8 {
        true if key.is_empty() => Cow::Borrowed("key_"),
        true => Cow::Borrowed(key),
        false => legacy_label_name(key),
    }
}

/// Replaces characters that are not allowed by `_`, and several in a row by one `_`. A name that would begin
/// with `_` or a digit gets the prefix `key`, because Prometheus reserves names that begin with `__`.
pub(crate) fn legacy_label_name(key: &str) -> Cow<'_, str> {
    if is_settled(key) {
        return Cow::Borrowed(key);
    }
    let mut name = String::with_capacity(key.len() + 4);
    for c in key.chars() {
        match c.is_ascii_alphanumeric() {
            true => name.push(c),
            false if name.ends_with('_') => {}
            false => name.push('_'),
        }
    }
    if name.is_empty() {
        name.push('_');
    }
    if name.starts_with('_') {
        name.insert_str(0, "key");
    } else if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert_str(0, "key_");
    }
    Cow::Owned(name)
}

/// Returns whether the name is allowed in every version of the formats.
pub(crate) fn is_plain_label(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Returns whether the conversion would change nothing.
fn is_settled(key: &str) -> bool {
    let mut last = b'_';
    if !key.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return false;
    }
    key.bytes().all(|byte| {
        let good = byte.is_ascii_alphanumeric() || (byte == b'_' && last != b'_');
        last = byte;
        good
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_names_lose_what_no_label_has() {
        let cases = [
            ("http.method", "http_method"),
            ("a__b..c", "a_b_c"),
            ("2xx", "key_2xx"),
            ("_private", "key_private"),
            ("__name__", "key_name_"),
            ("a_", "a_"),
            ("größe", "gr_e"),
            ("...", "key_"),
            ("", "key_"),
            ("a:b", "a_b"),
        ];
        for (key, expected) in cases {
            assert_eq!(label_name(key, false), expected, "{key}");
        }
        assert_eq!(label_name("größe.2", true), "größe.2");
    }
}
