//! Who a plugin says it is.

use wire::Signal;

use super::bindings::exported::describe as guest;
use super::bindings::imported::types;

/// What a plugin's `describe` says, or what is assumed of one that has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    pub version: String,
    pub summary: String,
    /// JSON Schema of a component's config.
    pub config_schema: Option<String>,
    pub signals: Vec<Signal>,
    pub concurrency: Concurrency,
    pub grants: Vec<Grant>,
}

/// How many instances may run, and which batch goes to which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// Any instance takes any batch.
    #[default]
    Stateless,
    /// All spans of a trace go to the same instance.
    ByTrace,
    /// One instance takes every batch.
    Single,
}

/// What must be granted for the plugin to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    Http,
    Store,
}

impl Description {
    /// Of a plugin that says nothing.
    pub fn assumed(name: &str) -> Description {
        Description {
            name: name.to_owned(),
            version: String::new(),
            summary: String::new(),
            config_schema: None,
            signals: vec![Signal::Traces],
            concurrency: Concurrency::default(),
            grants: Vec::new(),
        }
    }
}

impl From<guest::Description> for Description {
    fn from(said: guest::Description) -> Description {
        Description {
            name: said.name,
            version: said.version,
            summary: said.summary,
            config_schema: said.config_schema,
            signals: said.signals.into_iter().map(signal).collect(),
            concurrency: match said.concurrency {
                guest::Concurrency::Stateless => Concurrency::Stateless,
                guest::Concurrency::ByTrace => Concurrency::ByTrace,
                guest::Concurrency::Single => Concurrency::Single,
            },
            grants: (said.grants.into_iter())
                .map(|grant| match grant {
                    guest::Grant::Http => Grant::Http,
                    guest::Grant::Store => Grant::Store,
                })
                .collect(),
        }
    }
}

pub(super) fn signal(signal: types::Signal) -> Signal {
    match signal {
        types::Signal::Traces => Signal::Traces,
        types::Signal::Metrics => Signal::Metrics,
        types::Signal::Logs => Signal::Logs,
    }
}
