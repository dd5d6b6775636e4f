//! What a plugin says about itself.

/// Describes a plugin for logs, `spanloom validate` and `spanloom plugin inspect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    /// Like `1.2.3`.
    pub version: String,
    /// One line of text.
    pub summary: String,
    /// The JSON Schema (draft 2020-12) of the component's config.
    pub config_schema: Option<String>,
    /// The signals that the plugin takes. The default is traces. Samplers take traces, whatever this says.
    pub signals: Vec<Signal>,
    pub concurrency: Concurrency,
    /// The grants that the plugin needs in the config to work.
    pub grants: Vec<Grant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}

/// How many instances may run, and which batch goes to which instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// Any instance takes any batch, and there are as many instances as workers. Use state only as a cache.
    Stateless,
    /// There are as many instances as workers, and all spans of a trace go to the same instance.
    ByTrace,
    /// One instance takes every batch.
    Single,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    Http,
    Store,
}

impl Description {
    /// Describes a stateless plugin for traces that needs no grant, with the name, version and summary of its
    /// `Cargo.toml`.
    pub fn of_crate(name: &str, version: &str, summary: &str) -> Description {
        Description {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            config_schema: None,
            signals: vec![Signal::Traces],
            concurrency: Concurrency::Stateless,
            grants: Vec::new(),
        }
    }

    /// Adds the JSON Schema of the config, so that `spanloom validate` can point at mistakes.
    #[must_use]
    pub fn with_schema(self, json_schema: &str) -> Description {
        Description { config_schema: Some(json_schema.to_owned()), ..self }
    }
}
