//! Who a plugin is and what it needs.

/// For logs, `spanloom validate` and `spanloom plugin inspect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    /// `1.2.3`
    pub version: String,
    /// One line.
    pub summary: String,
    /// JSON Schema (draft 2020-12) of the component's config.
    pub config_schema: Option<String>,
    /// The signals it takes: traces, unless it says more. Samplers take traces whatever this says.
    pub signals: Vec<Signal>,
    pub concurrency: Concurrency,
    /// What must be granted in the config for the plugin to work.
    pub grants: Vec<Grant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}

/// How many instances may run, and which batch goes to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// Any instance takes any batch, as many as there are workers. State is a cache at most.
    Stateless,
    /// As many instances as workers; all spans of a trace go to the same one.
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
    /// What a crate's `Cargo.toml` says: a stateless plugin for traces that needs no grant.
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

    /// With the JSON Schema of the config: `spanloom validate` then points at what is wrong in one.
    #[must_use]
    pub fn with_schema(self, json_schema: &str) -> Description {
        Description { config_schema: Some(json_schema.to_owned()), ..self }
    }
}
