//! Whether a span's W3C trace state has one of some values for a key.

use std::collections::HashSet;

use crate::columns::{Batch, mark};

#[derive(Debug)]
pub(crate) struct TraceStateTest {
    key: String,
    values: HashSet<String>,
}

/// The longest key and value together, with the `=` between them.
const LIMIT_BYTES: usize = 256;
const MAX_MEMBERS: usize = 32;

impl TraceStateTest {
    pub(crate) fn new(key: &str, values: &[String]) -> TraceStateTest {
        let fits = |value: &&String| !value.is_empty() && key.len() + value.len() < LIMIT_BYTES;
        TraceStateTest { key: key.to_owned(), values: values.iter().filter(fits).cloned().collect() }
    }

    pub(super) fn run(&self, batch: &Batch<'_>) -> Vec<bool> {
        let mut found = vec![false; batch.count()];
        let traces = batch.traces_of_spans();
        for (row, state) in batch.trace_states().iter() {
            let Some(trace) = traces.get(row as usize) else { continue };
            if found.get(*trace as usize) == Some(&false)
                && value(state, &self.key).is_some_and(|value| self.values.contains(value))
            {
                mark(&mut found, *trace);
            }
        }
        found
    }
}

/// Returns the value of `key`. Returns `None` if any part of the trace state is malformed.
pub(crate) fn value<'a>(state: &'a str, key: &str) -> Option<&'a str> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    for member in state.split(',').filter(|member| !member.is_empty()) {
        let (name, value) = member.split_once('=')?;
        let (name, value) = (name.trim_start_matches([' ', '\t']), value.trim_end_matches([' ', '\t']));
        let is_known = members.iter().any(|(known, _)| *known == name);
        if is_known || members.len() == MAX_MEMBERS || !is_key(name) || !is_value(value) {
            return None;
        }
        members.push((name, value));
    }
    members.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
}

fn is_key(key: &str) -> bool {
    let is_part = |part: &str, max_len: usize, may_start: fn(u8) -> bool| {
        part.len() <= max_len && part.bytes().next().is_some_and(may_start) && part.bytes().all(is_key_byte)
    };
    match key.split_once('@') {
        None => is_part(key, 256, |first| first.is_ascii_lowercase()),
        Some((tenant, system)) => {
            is_part(tenant, 241, |first| first.is_ascii_lowercase() || first.is_ascii_digit())
                && is_part(system, 14, |first| first.is_ascii_lowercase())
        }
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'*' | b'/')
}

fn is_value(value: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(is_allowed) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_trace_state_has_no_values() {
        for (state, expected) in [
            ("a=1,b=2", Some("2")),
            (" b=2 ,a=1", Some("2")),
            ("b=x y", Some("x y")),
            (",,b=2,", Some("2")),
            ("b=2,b=3", None),
            ("b=2,A=1", None),
            ("b=2,a", None),
            ("b=2,a=", None),
            ("b=2,a=é", None),
            ("b=2,1a=1", None),
            ("b=2,1a@b=1", Some("2")),
            ("b =2", None),
            ("a=2", None),
            ("", None),
        ] {
            assert_eq!(value(state, "b"), expected, "{state}");
        }
        let many: Vec<String> = (0..32).map(|number| format!("b{number}=1")).collect();
        assert_eq!(value(&many.join(","), "b7"), Some("1"));
        assert_eq!(value(&format!("{},c=1", many.join(",")), "b7"), None);
    }
}
