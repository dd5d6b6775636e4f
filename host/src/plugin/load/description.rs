//! Describes a plugin, as the plugin itself says.

use wire::Signal;

/// The description that a plugin's `describe` returns, or the assumed one of a plugin without `describe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    pub version: String,
    pub summary: String,
    /// The JSON Schema of a component's config.
    pub config_schema: Option<String>,
    pub signals: Vec<Signal>,
    pub concurrency: Concurrency,
    pub grants: Vec<Grant>,
}

/// The number of instances that may run, and which batches each takes.
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

/// A grant that the plugin needs to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    Http,
    Store,
}

impl Description {
    /// Returns the description of a plugin without `describe`.
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
