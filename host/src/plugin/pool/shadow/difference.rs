//! Describes the first difference between two versions' outcomes in one line.

use serde_json::Value;

use crate::plugin::guest::interface::SamplingDecision;

/// Returns `None` if the batches are equal byte for byte, or as OTLP's JSON.
pub(super) fn of_batches(old: &[&wire::Batch], new: &[&wire::Batch]) -> Option<String> {
    if old.len() != new.len() {
        return Some(format!("{} batches were passed on, now {}", old.len(), new.len()));
    }
    std::iter::zip(old, new).find_map(|(old, new)| of_batch(old, new))
}

pub(super) fn of_decisions(old: &[SamplingDecision], new: &[SamplingDecision]) -> Option<String> {
    let shown = |decision: &SamplingDecision| match decision {
        SamplingDecision::Keep { rate, .. } => format!("keep ({rate})"),
        SamplingDecision::Drop => "drop".to_owned(),
        SamplingDecision::Undecided => "undecided".to_owned(),
    };
    let differs = |(old, new): &(&SamplingDecision, &SamplingDecision)| shown(old) != shown(new);
    let (trace, (old, new)) = std::iter::zip(old, new).enumerate().find(|(_, pair)| differs(pair))?;
    Some(format!("trace {trace} of the batch: {}, now {}", shown(old), shown(new)))
}

fn of_batch(old: &wire::Batch, new: &wire::Batch) -> Option<String> {
    if old.chunks().into_iter().flatten().eq(new.chunks().into_iter().flatten()) {
        return None;
    }
    let value = |batch| serde_json::from_slice::<Value>(&wire::json::to_json(batch));
    match (value(old), value(new)) {
        (Ok(old), Ok(new)) => of_values(&old, &new, &mut String::new()),
        // A batch may nest deeper than the JSON library reads.
        _ => Some("the whole: other bytes, whose values nest too deep to be compared".to_owned()),
    }
}

/// Searches depth first, in the order of the old value. The depth is limited by the nesting that a batch may
/// have.
fn of_values(old: &Value, new: &Value, path: &mut String) -> Option<String> {
    let (before, len) = (path.clone(), path.len());
    let at = |path: &str| if path.is_empty() { "the whole".to_owned() } else { path.to_owned() };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                path.truncate(len);
                path.push_str(if before.is_empty() { "" } else { "." });
                path.push_str(key);
                match new.get(key) {
                    Some(other) => {
                        if let Some(found) = of_values(value, other, path) {
                            return Some(found);
                        }
                    }
                    None => return Some(format!("{path}: gone")),
                }
            }
            let added = new.keys().find(|key| !old.contains_key(*key))?;
            Some(format!("{}: has {added} now", at(&before)))
        }
        (Value::Array(old), Value::Array(new)) => {
            for (index, (value, other)) in std::iter::zip(old, new).enumerate() {
                path.truncate(len);
                path.push_str(&format!("[{index}]"));
                if let Some(found) = of_values(value, other, path) {
                    return Some(found);
                }
            }
            (old.len() != new.len())
                .then(|| format!("{}: {} entries, now {}", at(&before), old.len(), new.len()))
        }
        (old, new) => (old != new).then(|| format!("{}: {old}, now {new}", at(&before))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plugin::guest::interface::Basis;

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let said = |old, new| of_values(&old, &new, &mut String::new());
        let spans = |name: &str| json!({ "spans": [{ "name": "a" }, { "name": name }] });
        assert_eq!(said(spans("b"), spans("b")), None);
        assert_eq!(said(spans("b"), spans("c")).unwrap(), r#"spans[1].name: "b", now "c""#);
        assert_eq!(said(json!({"a": 1}), json!({})).unwrap(), "a: gone");
        assert_eq!(said(json!({}), json!({"a": 1})).unwrap(), "the whole: has a now");
        assert_eq!(said(json!([1]), json!([1, 2])).unwrap(), "the whole: 1 entries, now 2");
    }

    #[test]
    fn decisions_differ_by_their_rates_too() {
        let keep =
            |rate| vec![SamplingDecision::Drop, SamplingDecision::Keep { rate, basis: Basis::Independent }];
        assert_eq!(of_decisions(&keep(1.0), &keep(1.0)), None);
        let said = of_decisions(&keep(1.0), &keep(0.5)).unwrap();
        assert_eq!(said, "trace 1 of the batch: keep (1), now keep (0.5)");
    }
}
