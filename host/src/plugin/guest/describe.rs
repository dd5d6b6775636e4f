//! Limits a guest's description of itself, which the host keeps.

use wire::Signal;

use super::failure::{CallError, CallErrorKind};
use crate::plugin::load::{
    description::{Description, Grant},
    text::{self, one_line},
};

/// The limit of a name or a version.
const NAME_LIMIT_BYTES: usize = 128;
const SCHEMA_LIMIT_BYTES: usize = 1 << 20;

/// Limits the description. Names and texts that are too long are cut, because they appear in responses and in
/// the log. A schema is not cut.
///
/// # Errors
/// The schema is too large.
pub(in crate::plugin) fn bounded(said: Description) -> Result<Description, CallError> {
    if let Some(schema) = said.config_schema.as_ref().filter(|schema| schema.len() > SCHEMA_LIMIT_BYTES) {
        let wrong = format!(
            "the schema that `describe` gives has {} bytes, and may have {SCHEMA_LIMIT_BYTES}",
            schema.len()
        );
        return Err(CallError::new(CallErrorKind::WrongAnswer, wrong));
    }
    Ok(Description {
        name: one_line(&said.name, NAME_LIMIT_BYTES).into_owned(),
        version: one_line(&said.version, NAME_LIMIT_BYTES).into_owned(),
        summary: text::message(said.summary),
        config_schema: said.config_schema,
        signals: distinct(said.signals),
        concurrency: said.concurrency,
        grants: GRANTS.into_iter().filter(|grant| said.grants.contains(grant)).collect(),
    })
}

/// All grants, in the order in which they are shown.
const GRANTS: [Grant; 2] = [Grant::Http, Grant::Store];

/// Returns each signal once, in the order of first occurrence.
pub(in crate::plugin) fn distinct(said: Vec<Signal>) -> Vec<Signal> {
    let mut signals = Vec::new();
    for signal in said {
        if !signals.contains(&signal) {
            signals.push(signal);
        }
    }
    signals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::load::description::Concurrency;

    fn said(schema: Option<String>) -> Description {
        Description {
            name: "n\nforged".to_owned() + &"n".repeat(1 << 20),
            version: "1".repeat(1 << 20),
            summary: "s".repeat(10 << 20),
            config_schema: schema,
            signals: vec![Signal::Logs; 1000],
            concurrency: Concurrency::Stateless,
            grants: vec![Grant::Store; 1000],
        }
    }

    /// Texts for responses and the log are short, and on one line.
    #[test]
    fn what_a_plugin_says_of_itself_is_bounded() {
        let description = bounded(said(None)).unwrap();
        let Description { name, version, summary, signals, grants, .. } = description;
        assert!(name.len() < 200 && name.starts_with("n\\nforged"), "{name}");
        assert!(version.len() < 200 && summary.len() < 2000);
        assert_eq!((signals, grants), (vec![Signal::Logs], vec![Grant::Store]));
        let error = bounded(said(Some(" ".repeat(2 << 20)))).unwrap_err().to_string();
        assert!(error.contains("the schema that `describe` gives has 2097152 bytes"), "{error}");
    }
}
