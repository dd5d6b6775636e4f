//! The functions that a plugin exports, called with the host's types.

use std::{future::ready, sync::Arc, time::Duration};

use wasmtime::{
    Result, Store,
    component::{Instance, InstancePre, Resource},
};
use wire::Signal;

use super::{
    bindings::{
        exported::{self, exporting, http_handler, sampling},
        imported::{batches::Batch, types},
    },
    decisions::decisions,
    receiving,
};
use crate::plugin::{
    guest::{
        Guest,
        configure::Refusal,
        interface::{
            Call, ComponentExports, Decisions, ExportFailure, GuestFailure, Handle, Incoming,
            InstanceExports, Listener, Outgoing, Passing, Reply, Request, Saved,
        },
        traces::TraceBatch,
    },
    load::{
        card::{Optional, Role},
        description::{Concurrency, Description, Grant},
    },
};

/// The functions of a component.
pub(super) struct Component {
    processing: Option<exported::processing::GuestIndices>,
    sampling: Option<sampling::GuestIndices>,
    exporting: Option<exporting::GuestIndices>,
    connecting: Option<exported::connecting::GuestIndices>,
    receiving: Option<receiving::Indices>,
    describe: Option<exported::describe::GuestIndices>,
    timer: Option<exported::timer::GuestIndices>,
    flush: Option<exported::flush::GuestIndices>,
    handover: Option<exported::handover::GuestIndices>,
    http_handler: Option<http_handler::GuestIndices>,
}

/// The functions of one instance.
struct Functions {
    processing: Option<exported::processing::Guest>,
    sampling: Option<sampling::Guest>,
    exporting: Option<exporting::Guest>,
    connecting: Option<exported::connecting::Guest>,
    receiving: Option<receiving::Functions>,
    describe: Option<exported::describe::Guest>,
    timer: Option<exported::timer::Guest>,
    flush: Option<exported::flush::Guest>,
    handover: Option<exported::handover::Guest>,
    http_handler: Option<http_handler::Guest>,
}

impl Component {
    /// Finds the functions that exist. The card decides which of them are required.
    pub(super) fn find(pre: &InstancePre<Guest>) -> Component {
        Component {
            processing: exported::processing::GuestIndices::new(pre).ok(),
            sampling: sampling::GuestIndices::new(pre).ok(),
            exporting: exporting::GuestIndices::new(pre).ok(),
            connecting: exported::connecting::GuestIndices::new(pre).ok(),
            receiving: receiving::Indices::find(pre),
            describe: exported::describe::GuestIndices::new(pre).ok(),
            timer: exported::timer::GuestIndices::new(pre).ok(),
            flush: exported::flush::GuestIndices::new(pre).ok(),
            handover: exported::handover::GuestIndices::new(pre).ok(),
            http_handler: http_handler::GuestIndices::new(pre).ok(),
        }
    }
}

impl ComponentExports for Component {
    fn has(&self, export: Optional) -> bool {
        match export {
            Optional::Describe => self.describe.is_some(),
            Optional::Timer => self.timer.is_some(),
            Optional::Flush => self.flush.is_some(),
            Optional::Handover => self.handover.is_some(),
            Optional::HttpHandler => self.http_handler.is_some(),
        }
    }

    fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> Result<Box<dyn InstanceExports>> {
        macro_rules! load {
            ($export:ident) => {
                self.$export.as_ref().map(|indices| indices.load(&mut *store, instance)).transpose()?
            };
        }
        Ok(Box::new(Functions {
            processing: load!(processing),
            sampling: load!(sampling),
            exporting: load!(exporting),
            connecting: load!(connecting),
            receiving: load!(receiving),
            describe: load!(describe),
            timer: load!(timer),
            flush: load!(flush),
            handover: load!(handover),
            http_handler: load!(http_handler),
        }))
    }
}

impl InstanceExports for Functions {
    fn describe<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Description> {
        Box::pin(async move { Ok(description(of(&self.describe)?.call_describe(store).await?)) })
    }

    fn emits<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Vec<Signal>> {
        Box::pin(async move {
            Ok(match (&self.connecting, &self.receiving) {
                (Some(connecting), _) => signals(connecting.call_emits(store).await?),
                (None, Some(receiving)) => receiving.emits(store).await?,
                (None, None) => Vec::new(),
            })
        })
    }

    fn listens<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Vec<Listener>> {
        Box::pin(async move {
            match &self.receiving {
                Some(receiving) => receiving.listens(store).await,
                None => Ok(Vec::new()),
            }
        })
    }

    fn configure<'a>(
        &'a self,
        store: &'a mut Store<Guest>,
        role: Role,
        config: String,
    ) -> Call<'a, Result<(), Refusal>> {
        Box::pin(async move {
            let said = match role {
                Role::Processor => of(&self.processing)?.call_configure(store, &config).await?,
                Role::Sampler => of(&self.sampling)?.call_configure(store, &config).await?,
                Role::Exporter => of(&self.exporting)?.call_configure(store, &config).await?,
                Role::Connector => of(&self.connecting)?.call_configure(store, &config).await?,
                Role::Receiver => of(&self.receiving)?.configure(store, &config).await?,
            };
            Ok(said.map_err(|types::ConfigError { path, message }| Refusal { path, message }))
        })
    }

    fn process<'a>(&'a self, store: &'a mut Store<Guest>, batch: Handle) -> Call<'a, Passing> {
        Box::pin(async move {
            let batch = to_batch(batch);
            Ok(passing(match &self.connecting {
                Some(connecting) => connecting.call_consume(store, batch).await?,
                None => of(&self.processing)?.call_process(store, batch).await?,
            }))
        })
    }

    fn wake<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Passing> {
        Box::pin(async move { Ok(passing(of(&self.timer)?.call_wake(store).await?)) })
    }

    fn flush<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Passing> {
        Box::pin(async move { Ok(passing(of(&self.flush)?.call_flush(store).await?)) })
    }

    fn save<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Result<Saved, GuestFailure>> {
        Box::pin(async move {
            let said = of(&self.handover)?.call_save(store).await?;
            let saved = said.map(|saved| Saved { state: saved.state, batches: handles(&saved.batches) });
            Ok(saved.map_err(failure))
        })
    }

    fn restore<'a>(
        &'a self,
        store: &'a mut Store<Guest>,
        saved: Saved,
    ) -> Call<'a, Result<(), GuestFailure>> {
        Box::pin(async move {
            let batches = saved.batches.into_iter().map(to_batch).collect();
            let saved = exported::handover::Saved { state: saved.state, batches };
            Ok(of(&self.handover)?.call_restore(store, &saved).await?.map_err(failure))
        })
    }

    fn sample<'a>(
        &'a self,
        store: &'a mut Store<Guest>,
        traces: Resource<TraceBatch>,
    ) -> Call<'a, Result<Decisions, GuestFailure>> {
        Box::pin(async move {
            let said = of(&self.sampling)?.call_sample(store, traces).await?;
            Ok(said.map(decisions).map_err(failure))
        })
    }

    fn export<'a>(
        &'a self,
        store: &'a mut Store<Guest>,
        batch: Handle,
    ) -> Call<'a, Result<(), ExportFailure>> {
        Box::pin(async move {
            let said = of(&self.exporting)?.call_export_batch(store, to_batch(batch)).await?;
            Ok(said.map_err(export_failure))
        })
    }

    fn receive<'a>(
        &'a self,
        store: &'a mut Store<Guest>,
        requests: Arc<[Request]>,
    ) -> Call<'a, Result<Vec<Reply>, GuestFailure>> {
        match of(&self.receiving) {
            Ok(receiving) => receiving.receive(store, requests),
            Err(missing) => Box::pin(ready(Err(missing))),
        }
    }

    fn handle<'a>(&'a self, store: &'a mut Store<Guest>, request: Incoming) -> Call<'a, Outgoing> {
        Box::pin(async move {
            let headers = request.headers.into_iter();
            let headers = headers.map(|(name, value)| http_handler::Header { name, value }).collect();
            let request = http_handler::Incoming { path: request.path, query: request.query, headers };
            let answer = of(&self.http_handler)?.call_handle(store, &request).await?;
            let headers = answer.headers.into_iter();
            let headers = headers.map(|http_handler::Header { name, value }| (name, value)).collect();
            Ok(Outgoing { status: answer.status, headers, body: answer.body })
        })
    }
}

/// Returns an export that the plugin must have for this call.
fn of<T>(export: &Option<T>) -> Result<&T> {
    export.as_ref().ok_or_else(|| wasmtime::format_err!("the plugin has no such export"))
}

pub(super) fn handle(batch: &Batch) -> Handle {
    match batch {
        Batch::Spans(batch) => Handle { signal: Signal::Traces, number: batch.rep() },
        Batch::Metrics(batch) => Handle { signal: Signal::Metrics, number: batch.rep() },
        Batch::Logs(batch) => Handle { signal: Signal::Logs, number: batch.rep() },
    }
}

pub(super) fn handles(batches: &[Batch]) -> Vec<Handle> {
    batches.iter().map(handle).collect()
}

fn to_batch(handle: Handle) -> Batch {
    match handle.signal {
        Signal::Traces => Batch::Spans(Resource::new_own(handle.number)),
        Signal::Metrics => Batch::Metrics(Resource::new_own(handle.number)),
        Signal::Logs => Batch::Logs(Resource::new_own(handle.number)),
    }
}

fn passing(said: Result<Vec<Batch>, types::Failure>) -> Passing {
    said.map(|batches| handles(&batches)).map_err(failure)
}

pub(super) fn failure(failure: types::Failure) -> GuestFailure {
    match failure {
        types::Failure::Retryable(types::Retryable { message, after_ms }) => {
            GuestFailure::Retryable { message, after: after_ms.map(Duration::from_millis) }
        }
        types::Failure::Permanent(message) => GuestFailure::Permanent { message },
    }
}

fn export_failure(said: exporting::ExportError) -> ExportFailure {
    match said {
        exporting::ExportError::Whole(whole) => ExportFailure::Whole(failure(whole)),
        exporting::ExportError::Parts(parts) => {
            let parts = parts.into_iter().map(|part| (part.rows, failure(part.failure)));
            ExportFailure::Parts(parts.collect())
        }
    }
}

fn description(said: exported::describe::Description) -> Description {
    use exported::describe;

    let concurrency = match said.concurrency {
        describe::Concurrency::Stateless => Concurrency::Stateless,
        describe::Concurrency::ByTrace => Concurrency::ByTrace,
        describe::Concurrency::Single => Concurrency::Single,
    };
    let grants = said.grants.into_iter().map(|grant| match grant {
        describe::Grant::Http => Grant::Http,
        describe::Grant::Store => Grant::Store,
    });
    Description {
        name: said.name,
        version: said.version,
        summary: said.summary,
        config_schema: said.config_schema,
        signals: signals(said.signals),
        concurrency,
        grants: grants.collect(),
    }
}

pub(super) fn signals(said: Vec<types::Signal>) -> Vec<Signal> {
    let signal = |signal| match signal {
        types::Signal::Traces => Signal::Traces,
        types::Signal::Metrics => Signal::Metrics,
        types::Signal::Logs => Signal::Logs,
    };
    said.into_iter().map(signal).collect()
}
