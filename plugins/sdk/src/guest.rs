//! Connects the host's calls to the author's plugin: the other side of [`processor!`](crate::processor) and
//! the like.

#[expect(unsafe_code, reason = "a function that the compiler calls")]
mod memory;
mod optional;
mod panics;
mod receiver;
mod roles;

use crate::bindings::exports::described::exports::spanloom::plugin::describe;
use crate::bindings::spanloom::plugin::{batches, types};
use crate::{Concurrency, ConfigError, Description, Failure, Grant, Output, Signal, config};

/// The one plugin of a component. A macro implements this trait.
pub trait Guest: 'static {
    type Plugin;

    fn describe() -> Description;

    /// Calls `call` with the configured plugin, or with `None` before `configure`.
    fn with<R>(call: impl FnOnce(&mut Option<Self::Plugin>) -> R) -> R;
}

/// Calls the plugin. Fails if it is not configured.
fn call<G: Guest, R, E: From<Failure>>(call: impl FnOnce(&mut G::Plugin) -> Result<R, E>) -> Result<R, E> {
    G::with(|plugin| match plugin {
        Some(plugin) => call(plugin),
        None => Err(Failure::permanent("called before it was configured").into()),
    })
}

/// Does the same as `call`, and returns the batches that the plugin passes on.
fn call_out<G: Guest>(
    plugin: impl FnOnce(&mut G::Plugin, &mut Output) -> Result<(), Failure>,
) -> Result<Vec<batches::Batch>, Failure> {
    let mut out = Output::default();
    call::<G, _, _>(|this| plugin(this, &mut out))?;
    Ok(out.batches.into_iter().map(Into::into).collect())
}

fn configure<G: Guest>(
    json: &str,
    configure: impl FnOnce(&mut G::Plugin) -> Result<(), ConfigError>,
    reconfigure: impl FnOnce(&mut G::Plugin, G::Plugin) -> Result<(), ConfigError>,
) -> Result<(), ConfigError>
where
    G::Plugin: serde::de::DeserializeOwned,
{
    panics::report();
    let mut new: G::Plugin = config::read(json)?;
    configure(&mut new)?;
    G::with(|plugin| match plugin {
        Some(plugin) => reconfigure(plugin, new),
        None => {
            *plugin = Some(new);
            Ok(())
        }
    })
}

impl<G: Guest> describe::Guest for G {
    fn describe() -> describe::Description {
        panics::report();
        let Description { name, version, summary, config_schema, signals, concurrency, grants } =
            G::describe();
        let grants = grants.into_iter().map(|grant| match grant {
            Grant::Http => describe::Grant::Http,
            Grant::Store => describe::Grant::Store,
        });
        describe::Description {
            name,
            version,
            summary,
            config_schema,
            signals: signals.into_iter().map(Into::into).collect(),
            concurrency: match concurrency {
                Concurrency::Stateless => describe::Concurrency::Stateless,
                Concurrency::ByTrace => describe::Concurrency::ByTrace,
                Concurrency::Single => describe::Concurrency::Single,
            },
            grants: grants.collect(),
        }
    }
}

impl From<Signal> for types::Signal {
    fn from(signal: Signal) -> types::Signal {
        match signal {
            Signal::Traces => types::Signal::Traces,
            Signal::Metrics => types::Signal::Metrics,
            Signal::Logs => types::Signal::Logs,
        }
    }
}
