//! What a guest says of itself, as the host keeps it.

use wire::Signal;

use super::{
    bindings::{exported::describe as guest, imported::types},
    failure::{CallError, CallErrorKind},
};
use crate::plugin::load::{
    description::{Concurrency, Description, Grant},
    text::{self, one_line},
};

/// Of a name, or a version.
const NAME_LIMIT_BYTES: usize = 128;
const SCHEMA_LIMIT_BYTES: usize = 1 << 20;

impl TryFrom<guest::Description> for Description {
    type Error = CallError;

    /// Names and texts that are too long are cut: they stand in answers and in the log. A schema is not.
    fn try_from(said: guest::Description) -> Result<Description, CallError> {
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
            signals: signals(said.signals),
            concurrency: match said.concurrency {
                guest::Concurrency::Stateless => Concurrency::Stateless,
                guest::Concurrency::ByTrace => Concurrency::ByTrace,
                guest::Concurrency::Single => Concurrency::Single,
            },
            grants: Grant::ALL.into_iter().filter(|grant| said.grants.contains(&grant.of_guest())).collect(),
        })
    }
}

impl Grant {
    const ALL: [Grant; 2] = [Grant::Http, Grant::Store];

    fn of_guest(self) -> guest::Grant {
        match self {
            Grant::Http => guest::Grant::Http,
            Grant::Store => guest::Grant::Store,
        }
    }
}

/// Each once, in the order in which they are first said.
pub(in crate::plugin) fn signals(said: Vec<types::Signal>) -> Vec<Signal> {
    let mut signals = Vec::new();
    for signal in said.into_iter().map(signal) {
        if !signals.contains(&signal) {
            signals.push(signal);
        }
    }
    signals
}

fn signal(signal: types::Signal) -> Signal {
    match signal {
        types::Signal::Traces => Signal::Traces,
        types::Signal::Metrics => Signal::Metrics,
        types::Signal::Logs => Signal::Logs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(schema: Option<String>) -> guest::Description {
        guest::Description {
            name: "n\nforged".to_owned() + &"n".repeat(1 << 20),
            version: "1".repeat(1 << 20),
            summary: "s".repeat(10 << 20),
            config_schema: schema,
            signals: vec![types::Signal::Logs; 1000],
            concurrency: guest::Concurrency::Stateless,
            grants: vec![guest::Grant::Store; 1000],
        }
    }

    /// What stands in answers and in the log is short, and one line.
    #[test]
    fn what_a_plugin_says_of_itself_is_bounded() {
        let description = Description::try_from(said(None)).unwrap();
        let Description { name, version, summary, signals, grants, .. } = description;
        assert!(name.len() < 200 && name.starts_with("n\\nforged"), "{name}");
        assert!(version.len() < 200 && summary.len() < 2000);
        assert_eq!((signals, grants), (vec![Signal::Logs], vec![Grant::Store]));
        let error = Description::try_from(said(Some(" ".repeat(2 << 20)))).unwrap_err().to_string();
        assert!(error.contains("the schema that `describe` gives has 2097152 bytes"), "{error}");
    }
}
