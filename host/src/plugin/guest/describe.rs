//! Limits a guest's description of itself, which the host keeps.

use wire::Signal;

use super::{
    failure::{CallError, CallErrorKind},
    interface::{Listener, Takes},
};
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

/// The most listeners of a receiver, and the most routes or methods of one of them.
const LISTENERS_LIMIT: usize = 16;
const ROUTES_LIMIT: usize = 256;
/// The limit of a name, an endpoint, a path or a method.
const PLACE_LIMIT_BYTES: usize = 1 << 10;

/// Checks the listeners of a receiver.
///
/// # Errors
/// There are too many, a text is too long, two have one name, or one of several has none.
pub(in crate::plugin) fn listeners(said: Vec<Listener>) -> Result<Vec<Listener>, CallError> {
    let wrong = |why: String| Err(CallError::new(CallErrorKind::WrongAnswer, format!("`listens`: {why}")));
    if said.len() > LISTENERS_LIMIT {
        return wrong(format!("{} listeners, and there may be {LISTENERS_LIMIT}", said.len()));
    }
    for (number, Listener { name, endpoint, takes }) in said.iter().enumerate() {
        if said.iter().take(number).any(|other| other.name == *name) {
            return wrong(format!("two listeners have the name `{name}`"));
        }
        if name.is_empty() && said.len() > 1 {
            return wrong("one of several listeners has no name".to_owned());
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !name.chars().all(is_name) {
            return wrong(format!("the name {name:?} has other characters than letters, digits, `_` and `-`"));
        }
        let places: Vec<&str> = match takes {
            Takes::Http(routes) => routes.iter().flat_map(|route| [&*route.method, &*route.path]).collect(),
            Takes::Grpc(methods) => methods.iter().map(String::as_str).collect(),
            Takes::Datagrams | Takes::Frames(_) => Vec::new(),
        };
        if places.len() > 2 * ROUTES_LIMIT {
            return wrong(format!("the listener `{name}` has more than {ROUTES_LIMIT} routes"));
        }
        let is_path = |path: &str| path.starts_with('/') && path.split('*').count() <= 2;
        let paths: Vec<&str> = match takes {
            Takes::Http(routes) => routes.iter().map(|route| &*route.path).collect(),
            Takes::Grpc(methods) => methods.iter().map(String::as_str).collect(),
            Takes::Datagrams | Takes::Frames(_) => Vec::new(),
        };
        if let Some(path) = paths.into_iter().find(|path| !is_path(path)) {
            return wrong(format!("{path:?} is no path: it begins with a slash, and may end with `/*`"));
        }
        let texts = places.into_iter().chain([&**name, &**endpoint]);
        if texts.map(str::len).any(|len| len > PLACE_LIMIT_BYTES) {
            return wrong(format!("a text has more than {PLACE_LIMIT_BYTES} bytes"));
        }
    }
    Ok(said)
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
