//! Lays out JSON for people: a value that fits into a line is one line.

const WIDTH: usize = 120;
const INDENT: usize = 2;

/// Lays out compact JSON, which has no spaces between tokens, and keeps the order of keys. The text ends with
/// a line break.
pub(super) fn pretty(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 2);
    lay_out(&mut out, compact, 0, 0);
    out.push('\n');
    out
}

/// Writes a value. `column` is where the value begins, after its key.
fn lay_out(out: &mut String, value: &str, indent: usize, column: usize) {
    let (open, close) = match value.as_bytes() {
        [b'{', .., b'}'] => ('{', '}'),
        [b'[', .., b']'] => ('[', ']'),
        _ => return out.push_str(value),
    };
    let in_line = spaced(value);
    let parts: Vec<&str> = parts(value);
    if parts.is_empty() || column + in_line.chars().count() < WIDTH && !holds_many(&parts, open) {
        return out.push_str(&in_line);
    }
    out.push(open);
    for (number, part) in parts.iter().enumerate() {
        out.push_str(if number > 0 { ",\n" } else { "\n" });
        let deeper = indent + INDENT;
        out.extend(std::iter::repeat_n(' ', deeper));
        let (key, value) = if open == '{' { key_and_value(part) } else { ("", *part) };
        out.push_str(key);
        if !key.is_empty() {
            out.push_str(": ");
        }
        lay_out(out, value, deeper, deeper + key.len() + 2);
    }
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
    out.push(close);
}

/// Returns true for a list of several values with an object among them, which reads best with a line for
/// each.
fn holds_many(parts: &[&str], open: char) -> bool {
    open == '[' && parts.len() > 1 && parts.iter().any(|part| part.starts_with('{'))
}

/// Returns the elements of a list, or the members of an object.
fn parts(value: &str) -> Vec<&str> {
    let inner = value.get(1..value.len().saturating_sub(1)).unwrap_or_default();
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0usize);
    for (at, byte) in outside_strings(inner) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.extend(inner.get(begin..at));
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(inner.get(begin..).filter(|last| !last.is_empty()));
    parts
}

fn key_and_value(member: &str) -> (&str, &str) {
    let colon = outside_strings(member).find(|(_, byte)| *byte == b':');
    colon.and_then(|(at, _)| Some((member.get(..at)?, member.get(at + 1..)?))).unwrap_or(("", member))
}

/// Returns the value in one line, with a space after each colon and comma.
fn spaced(value: &str) -> String {
    let (mut out, mut begin) = (String::with_capacity(value.len() * 2), 0);
    for (at, byte) in outside_strings(value) {
        if matches!(byte, b',' | b':') {
            out.push_str(value.get(begin..=at).unwrap_or_default());
            out.push(' ');
            begin = at + 1;
        }
    }
    out.push_str(value.get(begin..).unwrap_or_default());
    out
}

/// Returns the bytes that are not in a string, with their positions.
fn outside_strings(json: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut in_string, mut escaped) = (false, false);
    json.bytes().enumerate().filter(move |(_, byte)| {
        let was_in_string = in_string;
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ => {}
        }
        !was_in_string && !in_string
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Scenario: JSON has short and long lists, with and without objects.
    /// Guarantees: what fits is one line, except for lists of objects.
    #[test]
    fn what_fits_is_in_one_line_and_lists_of_objects_are_not() {
        let compact =
            r#"{"a":[],"spans":[{"name":"x, {\"y\"}: z","on":true},{"name":"b"}],"few":[1,2,{"c":null}]}"#;
        let expected = r#"{
  "a": [],
  "spans": [
    {"name": "x, {\"y\"}: z", "on": true},
    {"name": "b"}
  ],
  "few": [
    1,
    2,
    {"c": null}
  ]
}
"#;
        let long = format!(r#"{{"a":[],{}"#, &compact[8..]);
        let wide = format!(r#"[{long},"{}"]"#, "w".repeat(WIDTH));
        let wide = pretty(&wide);
        assert_eq!(
            serde_json::from_str::<Value>(&wide).unwrap()[0],
            serde_json::from_str::<Value>(&long).unwrap()
        );
        // This value fits into the width by itself, but has a list of several objects.
        let shown = pretty(&format!(r#"{},"z":"{}"}}"#, &compact[..compact.len() - 1], "w".repeat(WIDTH)));
        assert!(shown.starts_with(expected.trim_end().trim_end_matches('}').trim_end()), "{shown}");
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            "[ \\PC\"\\\\,:{}\\[\\]\n]{0,80}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[\\PC\"]{0,9}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Scenario: any JSON is laid out.
        /// Guarantees: the value stays the same.
        #[test]
        fn the_layout_changes_nothing(value in json()) {
            let shown = pretty(&value.to_string());
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        }
    }
}
