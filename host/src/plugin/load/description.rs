//! Who a plugin says it is.

use wire::Signal;

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
